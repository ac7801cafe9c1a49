"""BatchNormalization beside real Keras and PyTorch: outputs, gradients, moving statistics over ten steps, files."""

import os

import numpy as np
import pytest

import swiftbn
from swiftbn import layers, ops

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(81)


def batches(shape, count=10):
    return [(RANDOM.normal(size=shape) * (1 + i / 5) + i / 3).astype("float32") for i in range(count)]


KERAS_CASES = {
    "images": ((5, 6, 6, 4), {"momentum": 0.9}, None),
    "channels first": ((5, 4, 6, 6), {"axis": 1, "epsilon": 1e-2}, None),
    "dense without gamma": ((16, 4), {"scale": False}, None),
    "sequences with padding": ((6, 9, 4), {"momentum": 0.8}, RANDOM.uniform(size=(6, 9)) > 0.3),
    "renorm": ((16, 4), {"renorm": True, "momentum": 0.8, "renorm_momentum": 0.7}, None),
    "renorm, clipped": (
        (5, 6, 4),
        {"renorm": True, "renorm_clipping": {"rmax": 1.3, "rmin": 0.8, "dmax": 0.2}, "momentum": 0.8},
        None,
    ),
    "renorm with padding": ((6, 9, 4), {"renorm": True}, RANDOM.uniform(size=(6, 9)) > 0.3),
}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's")
@pytest.mark.parametrize("case", KERAS_CASES)
def test_keras(case):
    import tensorflow as tf

    shape, options, mask = KERAS_CASES[case]
    ours, theirs = layers.BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    ours.build(shape)
    theirs.build(shape)
    values = [RANDOM.uniform(0.5, 1.5, size=w.shape).astype("float32") for w in ours.get_weights()]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    ours.set_weights(values)
    theirs.set_weights(values)
    weights = RANDOM.normal(size=shape).astype("float32")
    for x in batches(shape):
        kept = ours.get_weights()
        with tf.GradientTape() as tape:
            tensor = tf.convert_to_tensor(x)
            tape.watch(tensor)
            expected = theirs(tensor, training=True, mask=mask)
            loss = tf.reduce_sum(expected * weights)
        variables = [v.value for v in theirs.trainable_variables]
        wanted = tape.gradient(loss, [tensor, *variables])
        found = ours(x, training=True, mask=mask)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        after = ours.get_weights()
        ours.set_weights(kept)
        gradient = swiftbn.grad(lambda v: ops.sum(ours(v, training=True, mask=mask) * weights))(x)
        np.testing.assert_allclose(gradient, wanted[0], rtol=1e-3, atol=1e-4)
        ours.set_weights(after)
    x = batches(shape)[0]
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["images", "renorm, clipped"])
def test_keras_files(case, tmp_path):
    shape, options, _ = KERAS_CASES[case]
    for ours, theirs in ((swiftbn, keras), (keras, swiftbn)):
        model = ours.Sequential([ours.Input(shape[1:]), ours.layers.BatchNormalization(**options)])
        model.compile("sgd", "mse")
        for x in batches(shape, 3):
            model.train_on_batch(x, x)
        model.save(tmp_path / "m.keras")
        copy = theirs.models.load_model(tmp_path / "m.keras")
        x = batches(shape, 1)[0]
        np.testing.assert_allclose(model.predict(x, verbose=0), copy.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
        assert copy.layers[0].get_config()["renorm"] == options.get("renorm", False)


@pytest.mark.parametrize("shape", [(16, 4), (6, 4, 9), (5, 4, 6, 6), (3, 4, 3, 4, 5)])
def test_torch(shape):
    torch = pytest.importorskip("torch")
    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}
    theirs = kind[len(shape)](4, momentum=0.2)
    ours = layers.BatchNormalization.torch(momentum=0.2)
    ours.build(shape)
    gamma, beta = RANDOM.uniform(0.5, 1.5, size=(2, 4)).astype("float32")
    ours.gamma.assign(gamma)
    ours.beta.assign(beta)
    theirs.weight.data, theirs.bias.data = torch.from_numpy(gamma), torch.from_numpy(beta)
    weights = RANDOM.normal(size=shape).astype("float32")
    for x in batches(shape):
        tensor = torch.from_numpy(x).requires_grad_()
        expected = theirs(tensor)
        (expected * torch.from_numpy(weights)).sum().backward()
        kept = ours.get_weights()
        gradient = swiftbn.grad(lambda v: ops.sum(ours(v, training=True) * weights))(x)
        ours.set_weights(kept)
        np.testing.assert_allclose(ours(x, training=True), expected.detach(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(ours.moving_mean, theirs.running_mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(ours.moving_variance, theirs.running_var, rtol=1e-5)
    theirs.eval()
    x = batches(shape)[3]
    np.testing.assert_allclose(ours(x), theirs(torch.from_numpy(x)).detach(), rtol=1e-4, atol=1e-5)
