"""Layers against NumPy, and their gradients against central differences."""

import numpy as np
import pytest
from checks import check_layer_gradients
from reference_windows import reference_conv, reference_pool

from swiftbn import Input, layers, ops

RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.normal(size=(3, 6, 5, 4))
ROWS = RANDOM.normal(size=(7, 5))


def test_dense():
    layer = layers.Dense(3, activation="tanh", dtype="float64")
    y = layer(ROWS)
    np.testing.assert_allclose(y, np.tanh(ROWS @ layer.kernel.numpy() + layer.bias.numpy()), rtol=1e-12)
    assert layer.kernel.shape == (5, 3) and layer.bias.shape == (3,)
    assert [w.path for w in layer.weights] == [f"{layer.name}/kernel", f"{layer.name}/bias"]
    cube = RANDOM.normal(size=(2, 3, 5))
    np.testing.assert_allclose(layer(cube), np.tanh(cube @ layer.kernel.numpy()), rtol=1e-12)
    check_layer_gradients(layer, ROWS)
    check_layer_gradients(layer, cube)


def test_dense_without_bias_in_float32():
    layer = layers.Dense(3, use_bias=False)
    y = layer(ROWS)
    assert y.dtype == "float32" and len(layer.weights) == 1
    np.testing.assert_allclose(y, ROWS @ layer.kernel.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding, strides, dilation", [("valid", 1, 1), ("same", 2, 1), ("same", 1, 2)])
def test_conv2d(padding, strides, dilation, data_format):
    layer = layers.Conv2D(2, (3, 2), strides, padding, data_format, dilation, dtype="float64", bias_initializer="ones")
    x = IMAGES if data_format == "channels_last" else IMAGES.transpose(0, 3, 1, 2).copy()
    y = layer(x)
    expected = reference_conv(IMAGES, layer.kernel.numpy(), strides, padding, dilation) + layer.bias.numpy()
    if data_format == "channels_first":
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)
    assert layer.compute_output_shape(x.shape) == y.shape
    check_layer_gradients(layer, x[:1])


POOLS = [("MaxPooling2D", np.max), ("AveragePooling2D", np.mean)]


@pytest.mark.parametrize("name, reduce", POOLS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pooling(name, reduce, padding, data_format):
    layer = getattr(layers, name)((2, 3), strides=2, padding=padding, data_format=data_format, dtype="float64")
    x = IMAGES if data_format == "channels_last" else IMAGES.transpose(0, 3, 1, 2).copy()
    expected = reference_pool(IMAGES, (2, 3), 2, padding, reduce)
    if data_format == "channels_first":
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12)
    check_layer_gradients(layer, x[:1])


@pytest.mark.parametrize("name, reduce", [("GlobalMaxPooling2D", np.max), ("GlobalAveragePooling2D", np.mean)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(name, reduce, keepdims):
    layer = getattr(layers, name)(keepdims=keepdims, dtype="float64")
    np.testing.assert_allclose(layer(IMAGES), reduce(IMAGES, axis=(1, 2), keepdims=keepdims), rtol=1e-12)
    first = getattr(layers, name)(data_format="channels_first", keepdims=keepdims, dtype="float64")
    np.testing.assert_allclose(first(IMAGES), reduce(IMAGES, axis=(2, 3), keepdims=keepdims), rtol=1e-12)
    check_layer_gradients(layer, IMAGES[:1])


def test_flatten_and_reshape():
    np.testing.assert_array_equal(layers.Flatten(dtype="float64")(IMAGES), IMAGES.reshape(3, -1))
    np.testing.assert_array_equal(
        layers.Flatten("channels_first", dtype="float64")(IMAGES), IMAGES.transpose(0, 2, 3, 1).reshape(3, -1)
    )
    assert layers.Flatten()(Input((3, 4))).shape == (None, 12)
    np.testing.assert_array_equal(layers.Reshape((10, -1), dtype="float64")(IMAGES), IMAGES.reshape(3, 10, 12))
    assert layers.Reshape((-1, 2))(Input((3, 4))).shape == (None, 6, 2)
    with pytest.raises(ValueError, match="cannot become"):
        layers.Reshape((7, -1))(Input((3, 4)))


ACTIVATIONS = [
    (lambda: layers.ReLU(), lambda x: np.maximum(x, 0)),
    (lambda: layers.ReLU(max_value=1.0), lambda x: np.clip(x, 0, 1)),
    (lambda: layers.ReLU(negative_slope=0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    (
        lambda: layers.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.5),
        lambda x: np.where(x >= 1.5, 1.5, np.where(x >= 0.5, x, 0.1 * (x - 0.5))),
    ),
    (lambda: layers.LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
    (lambda: layers.Activation("tanh"), np.tanh),
    (lambda: layers.Activation(ops.square), np.square),
    (lambda: layers.Softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    (lambda: layers.Softmax(axis=0), lambda x: np.exp(x) / np.exp(x).sum(0, keepdims=True)),
]


@pytest.mark.parametrize("case", range(len(ACTIVATIONS)))
def test_activations(case):
    make, reference = ACTIVATIONS[case]
    layer = make()
    layer._compute_dtype = "float64"
    np.testing.assert_allclose(layer(ROWS), reference(ROWS), rtol=1e-12)
    check_layer_gradients(layer, ROWS)


def test_relu_keeps_nan():
    for layer in (layers.ReLU(), layers.ReLU(threshold=1.0), layers.ReLU(max_value=2.0), layers.LeakyReLU()):
        assert np.isnan(layer(np.array([[np.nan]], "float32"))).all()


def test_add_and_concatenate():
    a, b, c = (RANDOM.normal(size=(2, 3)) for _ in range(3))
    np.testing.assert_allclose(layers.Add(dtype="float64")([a, b, c]), a + b + c)
    np.testing.assert_array_equal(layers.Concatenate(axis=0, dtype="float64")([a, b]), np.concatenate([a, b], 0))
    assert layers.concatenate([Input((3,)), Input((4,))]).shape == (None, 7)
    with pytest.raises(ValueError, match="list"):
        layers.Add()(a)


def test_dropout():
    layer = layers.Dropout(0.4, seed=3)
    x = np.ones((100, 100), "float32")
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True), layer(x, training=True)
    assert abs((first == 0).mean() - 0.4) < 0.02
    np.testing.assert_allclose(first[first != 0], 1 / 0.6, rtol=1e-6)
    assert not np.array_equal(first, second)
    again = layers.Dropout(0.4, seed=3)
    np.testing.assert_array_equal(again(x, training=True), first)
    assert layer.weights == [] and len(layer.variables) == 1
    np.testing.assert_array_equal(layers.Dropout(0.0)(x, training=True), x)


def test_prelu_and_elu():
    x = RANDOM.normal(size=(3, 4, 5))
    layer = layers.PReLU("uniform", shared_axes=1, dtype="float64")
    y = layer(x)
    alpha = layer.alpha.numpy()
    assert alpha.shape == (1, 5) and [w.path for w in layer.weights] == [f"{layer.name}/alpha"]
    np.testing.assert_allclose(y, np.where(x > 0, x, alpha * x), rtol=1e-14)
    check_layer_gradients(layer, x)
    assert np.isnan(layer(np.full((1, 4, 5), np.nan))).all()
    with pytest.raises(ValueError, match="expected extent 5 on axis 2"):
        layer(x[:, :, :4])
    assert layers.PReLU(shared_axes=[1, 2]).compute_output_shape((None, 3, 4)) == (None, 3, 4)
    for axes in (0, [1.5]):
        with pytest.raises(ValueError, match="shared_axes"):
            layers.PReLU(shared_axes=axes)
    with pytest.raises(ValueError, match="shared_axes below 3"):
        layers.PReLU(shared_axes=[3])(x)
    with pytest.raises(ValueError, match="known extents"):
        layers.PReLU()(Input((None, 3)))
    elu = layers.ELU(0.5, dtype="float64")
    np.testing.assert_allclose(elu(x), np.where(x > 0, x, 0.5 * np.expm1(x)), rtol=1e-12)
    assert elu.get_config()["alpha"] == 0.5
    with pytest.raises(ValueError, match="ELU: expected alpha"):
        layers.ELU(float("nan"))


def test_softmax_over_several_axes():
    x = RANDOM.normal(size=(3, 4, 5)) * 30
    layer = layers.Softmax(axis=(1, 2), dtype="float64")
    e = np.exp(x - x.max((1, 2), keepdims=True))
    np.testing.assert_allclose(layer(x), e / e.sum((1, 2), keepdims=True), rtol=1e-10)
    mask = RANDOM.uniform(size=(3, 4, 5)) < 0.6
    e = np.where(mask, e, 0)
    np.testing.assert_allclose(layer(x, mask=mask), e / e.sum((1, 2), keepdims=True), rtol=1e-10)
    np.testing.assert_allclose(layers.Softmax([2], dtype="float64")(x), layers.Softmax(2, dtype="float64")(x))
    check_layer_gradients(layer, x / 30)
