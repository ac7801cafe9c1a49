"""Normalization layers and functions against real Keras and PyTorch: outputs, gradients, training, files."""

import os

import numpy as np
import pytest

import swiftbn
from swiftbn import functional, ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("eager_keras")]
RANDOM = np.random.default_rng(41)

# Name, arguments, shape of the inputs. Orders of axes in which Keras gives γ and β to the wrong places are left out.
CASES = [
    ("LayerNormalization", {}, (6, 5)),
    ("LayerNormalization", {"epsilon": 0.1}, (2, 3, 4, 5)),
    ("LayerNormalization", {"axis": 1}, (2, 3, 4)),
    ("LayerNormalization", {"axis": [1, 2]}, (2, 3, 4, 5)),
    ("LayerNormalization", {"axis": [3, 1]}, (2, 3, 4, 5)),
    ("LayerNormalization", {"axis": [1, 2, 3], "center": False}, (2, 3, 4, 5)),
    ("LayerNormalization", {"scale": False}, (6, 5)),
    ("GroupNormalization", {"groups": 2}, (2, 6)),
    ("GroupNormalization", {"groups": 3}, (2, 4, 5, 6)),
    ("GroupNormalization", {"groups": 1}, (2, 4, 6)),
    ("GroupNormalization", {"groups": -1, "scale": False}, (2, 4, 5, 6)),
    ("GroupNormalization", {"groups": 2, "axis": 1}, (2, 6, 4, 5)),
    ("GroupNormalization", {"groups": 2, "axis": -2, "epsilon": 0.1}, (2, 3, 4, 5)),
    ("GroupNormalization", {}, (2, 3, 3, 64)),
    ("RMSNormalization", {}, (6, 5)),
    ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, (2, 3, 4)),
    ("UnitNormalization", {}, (6, 5)),
    ("UnitNormalization", {"axis": [1, 2]}, (2, 3, 4)),
]


def pair(name, options, x):
    """Our layer and that of Keras, with the same parameters."""
    ours, theirs = (getattr(k.layers, name)(**options, name="norm") for k in (swiftbn, keras))
    assert ours.get_config() == theirs.get_config()
    ours(x), theirs(x)
    weights = [RANDOM.uniform(0.5, 2, w.shape).astype("float32") for w in theirs.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("name, options, shape", CASES)
def test_outputs_and_gradients(name, options, shape):
    x, dy = (RANDOM.normal(1, 2, shape).astype("float32") for _ in range(2))
    ours, theirs = pair(name, options, x)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    expected = np.asarray(keras.ops.convert_to_numpy(theirs(x)))
    for y in (ours(x), ours(x, training=True)):
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(theirs(inputs) * dy)
    wanted = tape.gradient(loss, [inputs, *[w.value for w in theirs.trainable_weights]])
    dx, dw = swiftbn.grad(lambda v, _: ops.sum(ours(v) * dy), argnums=(0, 1))(x, ours.trainable_variables)
    for a, b in zip((dx, *dw), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def network(k):
    inputs = k.Input((6, 6, 4))
    x = k.layers.Conv2D(8, 3, use_bias=False, name="conv")(inputs)
    x = k.layers.GroupNormalization(4, name="groups")(x)
    x = k.layers.ReLU(name="relu")(x)
    x = k.layers.LayerNormalization(axis=[1, 2, 3], name="pictures")(x)
    x = k.layers.Dense(6, name="dense")(k.layers.Flatten(name="flatten")(x))
    x = k.layers.LayerNormalization(name="rows")(k.layers.RMSNormalization(name="rms")(x))
    x = k.layers.UnitNormalization(name="unit")(x)
    return k.Model(inputs, k.layers.Dense(3, activation="softmax", name="kind")(x), name="norms")


X = RANDOM.normal(1, 2, size=(24, 6, 6, 4)).astype("float32")
Y = RANDOM.integers(0, 3, size=24)
FRAMEWORKS = {"swiftbn": swiftbn, "keras": keras}


def compiled(k):
    model = network(k)
    model.compile(k.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def train(model, epochs=2):
    return model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def test_training_goes_as_in_keras():
    ours, theirs = compiled(swiftbn), compiled(keras)
    ours.set_weights(theirs.get_weights())
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    np.testing.assert_allclose(train(ours, 4), train(theirs, 4), rtol=1e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("source, target", [("swiftbn", "keras"), ("keras", "swiftbn")])
def test_files_go_both_ways(source, target, tmp_path):
    model = compiled(FRAMEWORKS[source])
    train(model)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = FRAMEWORKS[target].saving.load_model(path)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(train(loaded), train(model), rtol=1e-4)
    back = str(tmp_path / "back.keras")
    loaded.save(back)
    again = FRAMEWORKS[source].saving.load_model(back)
    np.testing.assert_allclose(again.predict(X, verbose=0), loaded.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(train(again), train(loaded), rtol=1e-4)


def test_weights_files_go_both_ways(tmp_path):
    ours, theirs = compiled(swiftbn), compiled(keras)
    for source, target in ((ours, theirs), (theirs, ours)):
        train(source, 1)
        path = str(tmp_path / f"{type(source).__module__.split('.')[0]}.weights.h5")
        source.save_weights(path)
        target.load_weights(path)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_instance_normalization_comes_back_from_its_file(tmp_path):
    """Keras has no such layer, so its file is ours alone."""
    model = swiftbn.Sequential([swiftbn.Input((4, 5, 3)), swiftbn.layers.InstanceNormalization()])
    path = str(tmp_path / "model.keras")
    model.save(path)
    x = RANDOM.normal(size=(2, 4, 5, 3)).astype("float32")
    np.testing.assert_array_equal(saving.load_model(path).predict(x, verbose=0), model.predict(x, verbose=0))
    theirs = keras.layers.GroupNormalization(groups=-1)
    np.testing.assert_allclose(model.predict(x, verbose=0), np.asarray(theirs(x)), rtol=1e-4, atol=1e-5)


def functional_cases():
    yield "layer_norm", (6, 5), {}, lambda e: torch.nn.LayerNorm(5, eps=e)
    yield "layer_norm", (2, 3, 4, 5), {"axis": (2, 3)}, lambda e: torch.nn.LayerNorm((4, 5), eps=e)
    yield "group_norm", (2, 6, 4, 5), {"groups": 3, "axis": 1}, lambda e: torch.nn.GroupNorm(3, 6, eps=e)
    yield "group_norm", (3, 6), {"groups": 2, "axis": 1}, lambda e: torch.nn.GroupNorm(2, 6, eps=e)
    yield "instance_norm", (2, 6, 7), {"axis": 1}, lambda e: torch.nn.InstanceNorm1d(6, eps=e, affine=True)
    yield "instance_norm", (2, 6, 4, 5), {"axis": 1}, lambda e: torch.nn.InstanceNorm2d(6, eps=e, affine=True)
    yield "rms_norm", (6, 5), {}, lambda e: torch.nn.RMSNorm(5, eps=e)
    yield "rms_norm", (2, 3, 4), {"axis": (1, 2)}, lambda e: torch.nn.RMSNorm((3, 4), eps=e)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("float64", 1e-11)])
@pytest.mark.parametrize("name, shape, options, module", list(functional_cases()))
def test_against_torch(name, shape, options, module, dtype, tolerance):
    x, dy = (RANDOM.normal(1, 2, shape).astype(dtype) for _ in range(2))
    theirs = module(1e-2).to(getattr(torch, dtype))
    parameters = [RANDOM.uniform(0.5, 2, tuple(p.shape)).astype(dtype) for p in theirs.parameters()]
    with torch.no_grad():
        for parameter, value in zip(theirs.parameters(), parameters, strict=True):
            parameter.copy_(torch.from_numpy(value))
    inputs = torch.from_numpy(x).requires_grad_()
    outputs = theirs(inputs)
    outputs.backward(torch.from_numpy(dy))
    expected = [outputs.detach(), inputs.grad, *[p.grad for p in theirs.parameters()]]

    y, *statistics = getattr(functional, name)(x, *parameters, epsilon=1e-2, **options)
    found = [y, *getattr(functional, f"{name}_backward")(dy, x, parameters[0], *statistics, **options)]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=tolerance, atol=tolerance * 10)

    cls = {"layer": "Layer", "group": "Group", "instance": "Instance", "rms": "RMS"}[name.split("_")[0]]
    layer = getattr(swiftbn.layers, f"{cls}Normalization")(epsilon=1e-2, dtype=dtype, **options)
    layer(x)
    layer.set_weights(parameters)
    dx, dw = swiftbn.grad(lambda v, _: ops.sum(layer(v) * dy), argnums=(0, 1))(x, layer.trainable_variables)
    for a, b in zip([layer(x), dx, *dw], expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=tolerance, atol=tolerance * 10)
