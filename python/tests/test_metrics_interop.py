"""All metrics compared with real Keras over several updates: results, states, weights, configurations, names."""

import os

import numpy as np
import pytest
from loss_cases import with_mask
from metric_cases import CASES, CHANCES, CLASSES, NUMBERS, OTHERS, SIZES, TRUTH, WEIGHTS, updates

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
BOTH = (swiftbn, keras)
NAMED = {name: (case[0].__name__, case[1]) for name, case in CASES.items()}
PROBABILITIES = [np.random.default_rng(4).dirichlet(np.ones(3), size=n) for n in SIZES]
LABELS = [labels[:, 0] for labels in CLASSES]
MEANS = {
    "CosineSimilarity": ({}, NUMBERS, OTHERS),
    "LogCoshError": ({}, NUMBERS, OTHERS),
    "MeanAbsoluteError": ({}, NUMBERS, OTHERS),
    "MeanAbsolutePercentageError": ({}, NUMBERS, OTHERS),
    "MeanSquaredError": ({}, NUMBERS, OTHERS),
    "MeanSquaredLogarithmicError": ({}, CHANCES, OTHERS),
    "RootMeanSquaredError": ({}, NUMBERS, OTHERS),
    "PearsonCorrelation": ({}, NUMBERS, OTHERS),
    "ConcordanceCorrelation": ({"axis": 1}, NUMBERS, OTHERS),
    "Hinge": ({}, TRUTH, OTHERS),
    "SquaredHinge": ({}, TRUTH, OTHERS),
    "CategoricalHinge": ({}, TRUTH, OTHERS),
    "KLDivergence": ({}, TRUTH, PROBABILITIES),
    "Poisson": ({}, TRUTH, PROBABILITIES),
    "BinaryCrossentropy": ({"label_smoothing": 0.1}, TRUTH, PROBABILITIES),
    "SparseCategoricalCrossentropy": ({"ignore_class": 1}, LABELS, PROBABILITIES),
}


def dtype_here(dtype):
    """Integers of Keras have 64 bits on TensorFlow, and 32 on its other backends and here."""
    return "int32" if dtype == "int64" and keras.backend.backend() == "tensorflow" else dtype


def close(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape and dtype_here(str(theirs.dtype)) == ours.dtype
    # Sums of weights from the other end leave a rounding error of the whole sum.
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6 + 2e-7 * np.max(np.abs(theirs), initial=0))


def narrow(array):
    array = np.asarray(array)
    return array.astype("float32") if array.dtype.kind == "f" else array.astype("int32")


def compare(pair, parts):
    for part in parts:
        part = [None if x is None else narrow(x) for x in part]
        for metric in pair:
            metric.update_state(*part)
        close(pair[0].result(), pair[1].result())
        ours, theirs = ({v.path.split("/")[-1]: v.numpy() for v in metric.variables} for metric in pair)
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            close(value, theirs[name])


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics(name, weighted):
    cls, arguments = NAMED[name]
    arguments = {**arguments, "dtype": None}
    compare([getattr(package.metrics, cls)(**arguments) for package in BOTH], updates(name, weighted))


@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize("weighted", [False, True])
def test_means(name, weighted):
    arguments, targets, outputs = MEANS[name]
    weights = WEIGHTS if weighted else [None] * len(SIZES)
    pair = [getattr(package.metrics, name)(**arguments) for package in BOTH]
    compare(pair, zip(targets, outputs, weights, strict=True))


@pytest.mark.parametrize("weighted", [False, True])
def test_masks(weighted):
    random = np.random.default_rng(3)
    targets, outputs = random.normal(size=(2, 2, 3, 4)).astype("float32")
    mask, weights = np.array([[1, 1, 0], [1, 0, 0]], bool), random.uniform(size=(2, 3)).astype("float32")
    theirs = keras.ops.convert_to_tensor(outputs)
    theirs._keras_mask = keras.ops.convert_to_tensor(mask)
    results = []
    for package, y in zip(BOTH, (with_mask(outputs, mask), theirs), strict=True):
        metric = package.metrics.MeanAbsoluteError()
        metric.update_state(targets, y, sample_weight=weights if weighted else None)
        results.append(metric.result())
    close(*results)


def plain(config):
    """Numbers of NumPy as Python's, and the dtypes that are meant, so that configurations can be compared."""
    if isinstance(config, dict):
        return {key: dtype_here(value) if key == "dtype" else plain(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [plain(value) for value in config]
    return config.item() if isinstance(config, np.generic) else config


CONFIGURED = {**NAMED, **{name: (name, case[0]) for name, case in MEANS.items()}}


@pytest.mark.parametrize("name", [name for name in CONFIGURED if "label_weights" not in CONFIGURED[name][1]])
def test_configurations(name):
    cls, arguments = CONFIGURED[name]
    arguments = {**arguments, "dtype": None, "name": "n"}
    ours, theirs = (package.metrics.serialize(getattr(package.metrics, cls)(**arguments)) for package in BOTH)
    assert ours == plain(theirs)
    assert swiftbn.metrics.deserialize(plain(theirs)).get_config() == plain(theirs["config"])
    assert plain(keras.metrics.deserialize(ours).get_config()) == ours["config"]


def test_label_weights_are_read_by_keras():
    ours = swiftbn.metrics.AUC(multi_label=True, label_weights=[1.0, 2.0, 0.5])
    theirs = keras.metrics.deserialize(swiftbn.metrics.serialize(ours))
    compare([ours, theirs], zip(TRUTH, CHANCES, strict=True))


@pytest.mark.parametrize("name", ["precision", "recall", "false_negatives"])
def test_default_names(name):
    from keras.src.metrics import ALL_OBJECTS_DICT

    cls = ALL_OBJECTS_DICT[name].__name__
    swiftbn.naming.reset_uids()
    keras.backend.clear_session()
    ours, theirs = ([getattr(package.metrics, cls)().name for _ in range(2)] for package in BOTH)
    assert ours == theirs


def test_all_names_of_keras_are_here():
    known = {name for name in dir(keras.metrics) if not name.startswith("_")}
    assert known <= set(dir(swiftbn.metrics))
    from keras.src.metrics import ALL_OBJECTS_DICT

    for name, cls in ALL_OBJECTS_DICT.items():
        if name in swiftbn.metrics._TABLE:
            assert swiftbn.metrics._TABLE[name].__name__ == cls.__name__
        else:
            assert cls.__name__ in ("Metric", "MeanMetricWrapper")


def test_directions():
    for name in dir(keras.metrics):
        cls = getattr(keras.metrics, name)
        if isinstance(cls, type) and name in CONFIGURED:
            arguments = CONFIGURED[name][1]
            ours, theirs = (getattr(package.metrics, name)(**arguments) for package in BOTH)
            assert ours._direction == getattr(theirs, "_direction", None)


SHAPES = [((5,), (5,)), ((1,), (1,)), ((1, 1), (1, 1)), ((4, 1), (4,)), ((4,), (4, 1)), ((2, 3, 1, 5), (2, 3, 1, 5))]
ELEMENTWISE = [
    "AUC",
    "Precision",
    "TrueNegatives",
    "SensitivityAtSpecificity",
    "BinaryIoU",
    "MeanSquaredError",
    "RootMeanSquaredError",
    "CosineSimilarity",
    "Hinge",
    "BinaryAccuracy",
    "BinaryCrossentropy",
]
# These have one value for the elements of the last axis.
MEAN = ("MeanSquaredError", "CosineSimilarity", "Hinge", "BinaryCrossentropy")


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("weighted", [False, True])
def test_odd_shapes(name, shapes, weighted):
    random = np.random.default_rng(8)
    targets = random.integers(0, 2, size=shapes[0]).astype("float32")
    outputs = random.uniform(size=shapes[1]).astype("float32")
    weights = random.uniform(1, 2, size=shapes[0][0] if len(shapes[0]) < 4 else shapes[0]).astype("float32")
    if len(shapes[0]) == 4 and name in MEAN:
        weights = weights[..., 0]
    arguments = {"specificity": 0.5} if name == "SensitivityAtSpecificity" else {}
    pair = [getattr(package.metrics, name)(**arguments) for package in BOTH]
    if len(shapes[0]) != len(shapes[1]) and name in ("BinaryCrossentropy", "BinaryIoU", "Hinge"):
        return  # Keras broadcasts columns and rows to a table, or fails
    if weighted and shapes[0] == (5,) and name in MEAN:
        return  # one value for five samples, which Keras cannot weigh
    compare(pair, [(targets, outputs, weights if weighted else None)] * 2)
