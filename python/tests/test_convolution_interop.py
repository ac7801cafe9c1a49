"""Convolution and pooling layers against real Keras and PyTorch: outputs, gradients, configurations, files."""

import os

import numpy as np
import pytest
from checks import traced

import swiftbn
from swiftbn import ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(51)
SHAPES = {1: (2, 9, 4), 2: (2, 6, 7, 4), 3: (2, 5, 4, 6, 4)}

# Name, arguments, number of axes.
LAYERS = [
    ("Conv1D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, 1),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "activation": "tanh"}, 1),
    ("Conv1D", {"filters": 6, "kernel_size": 2, "groups": 2, "use_bias": False}, 1),
    ("Conv2D", {"filters": 6, "kernel_size": (3, 2), "groups": 2, "padding": "same"}, 2),
    ("Conv2D", {"filters": 8, "kernel_size": 3, "groups": 4, "strides": (2, 1)}, 2),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, 2),
    ("Conv3D", {"filters": 3, "kernel_size": (2, 3, 2), "strides": (1, 2, 2), "padding": "same"}, 3),
    ("Conv3D", {"filters": 3, "kernel_size": 2, "dilation_rate": (2, 1, 2)}, 3),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}, 1),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 4, "strides": 3, "padding": "same"}, 1),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, 2),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": (2, 3), "strides": (3, 2)}, 2),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0}, 2),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": (1, 0)}, 2),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": (2, 1, 2), "use_bias": False}, 3),
    ("DepthwiseConv1D", {"kernel_size": 3, "padding": "same", "depth_multiplier": 2}, 1),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same"}, 2),
    ("DepthwiseConv2D", {"kernel_size": (2, 3), "depth_multiplier": 3, "activation": "relu"}, 2),
    ("DepthwiseConv2D", {"kernel_size": 3, "dilation_rate": 2, "depthwise_initializer": "he_normal"}, 2),
    ("SeparableConv1D", {"filters": 3, "kernel_size": 3, "depth_multiplier": 2}, 1),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "padding": "same", "pointwise_regularizer": "l2"}, 2),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, 1),
    ("AveragePooling1D", {"pool_size": 2}, 1),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, 2),
    ("MaxPooling3D", {"pool_size": (2, 3, 2), "strides": 2, "padding": "same"}, 3),
    ("AveragePooling3D", {"pool_size": 2, "strides": 1}, 3),
    ("GlobalMaxPooling1D", {"keepdims": True}, 1),
    ("GlobalAveragePooling1D", {"data_format": "channels_first"}, 1),
    ("GlobalAveragePooling3D", {}, 3),
    ("GlobalMaxPooling3D", {"keepdims": True, "data_format": "channels_first"}, 3),
]


def comparable(config):
    """A configuration with lists for tuples, without what initializers here do not have."""
    if isinstance(config, dict):
        return {key: comparable(v) for key, v in config.items() if key not in ("input_axes", "output_axes")}
    return [comparable(v) for v in config] if isinstance(config, (list, tuple)) else config


def pair(name, options, x):
    ours, theirs = (getattr(k.layers, name)(**options, name="layer") for k in (swiftbn, keras))
    ours.build(x.shape), theirs.build(x.shape)
    weights = [RANDOM.normal(size=w.shape).astype("float32") for w in theirs.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("name, options, rank", LAYERS)
def test_outputs_configurations_and_weights(name, options, rank):
    x = RANDOM.normal(size=SHAPES[rank]).astype("float32")
    ours, theirs = pair(name, options, x)
    assert comparable(ours.get_config()) == {
        key: value for key, value in comparable(theirs.get_config()).items() if key in ours.get_config()
    }
    assert set(theirs.get_config()) - set(ours.get_config()) <= {"activity_regularizer"}
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    expected = np.asarray(keras.ops.convert_to_numpy(theirs(x)))
    y = ours(x)
    assert ours.compute_output_shape(x.shape) == y.shape == tuple(theirs.compute_output_shape(x.shape))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    for k, source in ((swiftbn, theirs), (keras, ours)):
        again = getattr(k.layers, name).from_config(source.get_config())
        again.build(x.shape)
        again.set_weights(source.get_weights())
        np.testing.assert_allclose(keras.ops.convert_to_numpy(again(x)), expected, rtol=1e-4, atol=1e-5)


def test_a_mask_means_the_same():
    x, mask = RANDOM.normal(size=(3, 5, 2)).astype("float32"), RANDOM.random((3, 5)) < 0.6
    mask[:, 0] = True
    ours, theirs = (k.layers.GlobalAveragePooling1D() for k in (swiftbn, keras))
    expected = keras.ops.convert_to_numpy(theirs(x, mask=mask))
    np.testing.assert_allclose(ours(x, mask=mask), expected, rtol=1e-5)


def images(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((12, 10, 4)),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
            layers.BatchNormalization(),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
            layers.AveragePooling2D(2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def sequences(k):
    inputs = k.Input((16, 4), name="steps")
    x = k.layers.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu", name="causal")(inputs)
    x = k.layers.MaxPooling1D(name="pool")(k.layers.DepthwiseConv1D(3, padding="same", name="depthwise")(x))
    x = k.layers.Conv1DTranspose(5, 2, strides=2, name="transposed")(x)
    x = k.layers.SeparableConv1D(6, 3, name="separable")(x)
    x = k.layers.GlobalAveragePooling1D(name="mean")(x)
    return k.Model(inputs, k.layers.Dense(3, activation="softmax", name="kind")(x), name="sequences")


def volumes(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((6, 6, 6, 2)),
            layers.Conv3D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling3D(2),
            layers.Conv3DTranspose(3, 2, strides=2),
            layers.AveragePooling3D(2, padding="same"),
            layers.GlobalAveragePooling3D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


FRAMEWORKS = {"swiftbn": swiftbn, "keras": keras}


@pytest.mark.parametrize("make", [images, sequences, volumes])
@pytest.mark.parametrize("source, target", [("swiftbn", "keras"), ("keras", "swiftbn")])
def test_files_go_both_ways_and_training_goes_on(make, source, target, tmp_path):
    """A step of gradient descent shows the gradients."""
    model = make(FRAMEWORKS[source])
    model.compile(FRAMEWORKS[source].optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    x = RANDOM.normal(size=(8, *model.input_shape[1:])).astype("float32")
    labels = RANDOM.integers(0, 3, 8)
    model.fit(x, labels, batch_size=8, epochs=1, verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    read = saving.load_model(path) if target == "swiftbn" else keras.saving.load_model(path)
    for a, b in zip(model.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(model.predict(x, verbose=0), read.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    before = model.get_weights()
    for m in (model, read):
        m.fit(x, labels, batch_size=8, epochs=1, verbose=0)
    for a, b, old in zip(model.get_weights(), read.get_weights(), before, strict=True):
        np.testing.assert_allclose(a - old, b - old, rtol=1e-3, atol=2e-6)


def to_torch(array):
    return torch.tensor(np.moveaxis(array, -1, 1).copy(), requires_grad=True)


def from_torch(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def gradients(function, dy, *arrays):
    """Gradients of sum(dy · function(*arrays)) by the arrays."""
    return traced(lambda *a: swiftbn.grad(lambda *b: ops.sum(function(*b) * dy), tuple(range(len(a))))(*a), *arrays)


@pytest.mark.parametrize(
    "channels, filters, groups",
    [(6, 4, 2), (32, 32, 4), (8, 8, 8), (20, 40, 20), (64, 64, 64), (64, 64, 16), (40, 20, 5)],
)
@pytest.mark.parametrize(
    "rank, size, strides, pads", [(1, 3, 1, 1), (2, 3, 1, 1), (2, 3, 2, 1), (2, 5, 1, 2), (3, 3, 1, 1)]
)
def test_groups_against_pytorch(rank, size, strides, pads, channels, filters, groups):
    extents = (11, 9, 5)[:rank]
    x = RANDOM.normal(size=(3, *extents, channels)).astype("float32")
    w = RANDOM.normal(size=(*(size,) * rank, channels // groups, filters)).astype("float32")
    tx = to_torch(x)
    tw = torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy(), requires_grad=True)
    expected = getattr(torch.nn.functional, f"conv{rank}d")(tx, tw, stride=strides, padding=pads, groups=groups)
    y = ops.conv(x, w, strides=strides, padding="same") if strides == 1 else None
    if strides > 1:
        # PyTorch pads on both sides, "same" only where it has to.
        wide = np.pad(x, [(0, 0), *[(pads, pads)] * rank, (0, 0)])
        y = ops.conv(wide, w, strides=strides)
        np.testing.assert_allclose(y, from_torch(expected), rtol=1e-4, atol=1e-4)
        return
    np.testing.assert_allclose(y, from_torch(expected), rtol=1e-4, atol=1e-4)
    dy = RANDOM.normal(size=y.shape).astype("float32")
    expected.backward(torch.tensor(np.moveaxis(dy, -1, 1).copy()))
    dx, dw = gradients(lambda x, w: ops.conv(x, w, padding="same"), dy, x, w)
    np.testing.assert_allclose(dx, from_torch(tx.grad), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.moveaxis(dw, (-1, -2), (0, 1)), tw.grad.numpy(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rank, size, strides", [(1, 4, 2), (2, 3, 2), (2, 2, 2), (2, 3, 1), (3, 3, 2)])
def test_transposed_against_pytorch(rank, size, strides):
    x = RANDOM.normal(size=(3, *(7, 6, 5)[:rank], 5)).astype("float32")
    w = RANDOM.normal(size=(*(size,) * rank, 18, 5)).astype("float32")
    tx = to_torch(x)
    tw = torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy(), requires_grad=True)
    expected = getattr(torch.nn.functional, f"conv_transpose{rank}d")(tx, tw, stride=strides)
    y = ops.conv_transpose(x, w, strides=strides)
    np.testing.assert_allclose(y, from_torch(expected), rtol=1e-4, atol=1e-4)
    dy = RANDOM.normal(size=y.shape).astype("float32")
    expected.backward(torch.tensor(np.moveaxis(dy, -1, 1).copy()))
    dx, dw = gradients(lambda x, w: ops.conv_transpose(x, w, strides=strides), dy, x, w)
    np.testing.assert_allclose(dx, from_torch(tx.grad), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.moveaxis(dw, (-1, -2), (0, 1)), tw.grad.numpy(), rtol=1e-4, atol=1e-3)
