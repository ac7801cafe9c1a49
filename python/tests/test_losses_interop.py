"""All losses compared with real Keras: values, reductions, weights, masks, configurations, names."""

import os

import numpy as np
import pytest
from loss_cases import CASES, MASK, WEIGHTS, class_of, function_of, with_mask

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
BOTH = (swiftbn, keras)
# Keras smooths by the extent of the last axis whatever the axis is, and its backend knows class numbers there only.
OTHERS = ("categorical_crossentropy down", "sparse_categorical_crossentropy down")
SHARED = [name for name in CASES if name not in OTHERS]


def arrays(name):
    _, targets, outputs, _ = CASES[name]
    return targets if targets.dtype.kind == "i" else targets.astype("float32"), outputs.astype("float32")


def close(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def arguments_of(name):
    arguments = dict(CASES[name][0])
    if isinstance(arguments.get("axis"), list):
        arguments["axis"] = tuple(arguments["axis"])
    return arguments


@pytest.mark.parametrize("name", SHARED)
def test_functions(name):
    function = function_of(name).__name__
    targets, outputs = arrays(name)
    close(*(getattr(package.losses, function)(targets, outputs, **arguments_of(name)) for package in BOTH))


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_classes(name, reduction, weighted):
    cls = class_of(name).__name__
    targets, outputs = arrays(name)
    values = tuple(getattr(keras.losses, function_of(name).__name__)(targets, outputs, **arguments_of(name)).shape)
    weights = WEIGHTS.astype("float32")[: values[0] if values else 6] if weighted else None
    pair = [getattr(package.losses, cls)(**arguments_of(name), reduction=reduction) for package in BOTH]
    close(*(loss(targets, outputs, sample_weight=weights) for loss in pair))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None])
@pytest.mark.parametrize("shape", [None, (2, 1), (2, 3)])
def test_masks(reduction, shape):
    random = np.random.default_rng(3)
    targets, outputs = random.normal(size=(2, 2, 3, 4)).astype("float32")
    weights = None if shape is None else random.uniform(size=shape).astype("float32")
    theirs = keras.ops.convert_to_tensor(outputs)
    theirs._keras_mask = keras.ops.convert_to_tensor(MASK)
    pair = zip(BOTH, (with_mask(outputs, MASK), theirs), strict=True)
    close(*(p.losses.MeanAbsoluteError(reduction)(targets, y, sample_weight=weights) for p, y in pair))


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in CASES}))
def test_configurations(name):
    cls = class_of(name).__name__
    ours, theirs = (package.losses.serialize(getattr(package.losses, cls)(name="n")) for package in BOTH)
    assert ours == theirs
    assert swiftbn.losses.deserialize(theirs).get_config() == theirs["config"]
    if cls != "CategoricalGeneralizedCrossEntropy":  # which Keras does not find by its name
        assert keras.losses.deserialize(ours).get_config() == theirs["config"]
    assert getattr(swiftbn.losses, cls)().name == getattr(keras.losses, cls)().name


def test_all_names_of_keras_are_here():
    known = {name for name in dir(keras.losses) if not name.startswith("_")}
    assert known <= set(dir(swiftbn.losses))
    from keras.src.losses import ALL_OBJECTS_DICT

    for name in set(ALL_OBJECTS_DICT) - {"Loss", "LossFunctionWrapper"}:
        ours, theirs = (package.losses.get(name) for package in BOTH)
        assert getattr(ours, "__name__", type(ours).__name__) == getattr(theirs, "__name__", type(theirs).__name__)


SHAPES = [((5,), (5,)), ((1,), (1,)), ((1, 1), (1, 1)), ((4, 1), (4,)), ((4,), (4, 1)), ((2, 3, 1, 5), (2, 3, 1, 5))]
ELEMENTWISE = [
    "MeanSquaredError",
    "MeanAbsolutePercentageError",
    "Huber",
    "LogCosh",
    "CosineSimilarity",
    "Hinge",
    "CategoricalHinge",
    "KLDivergence",
    "Poisson",
    "BinaryFocalCrossentropy",
    "Dice",
    "Tversky",
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("reduction", [None, "sum_over_batch_size"])
def test_odd_shapes(name, shapes, reduction):
    random = np.random.default_rng(8)
    targets, outputs = (random.uniform(0.1, 0.9, size=shape).astype("float32") for shape in shapes)
    losses = [getattr(package.losses, name)(reduction=reduction) for package in BOTH]
    close(*(loss(targets, outputs) for loss in losses))
    if len(shapes[0]) < 4:
        weights = random.uniform(size=shapes[0][0]).astype("float32")
        close(*(loss(targets, outputs, sample_weight=weights) for loss in losses))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_not_a_number_stays_so(name):
    outputs = np.array([[0.5, np.nan], [0.5, 0.25]], "float32")
    losses = [getattr(package.losses, name)(reduction="none") for package in BOTH]
    close(*(loss(np.ones((2, 2), "float32"), outputs) for loss in losses))
