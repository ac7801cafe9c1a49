"""Pooling layers over one to three axes against NumPy, their gradients against central differences."""

import numpy as np
import pytest
from checks import check_gradient
from convolution_cases import FORMATS, check, data, to_format
from convolution_references import (
    reference_pooling,
)

import swiftbn
from swiftbn import layers, ops


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "size, strides, padding", [(2, None, "valid"), (3, 2, "same"), (2, 3, "same"), (3, 1, "valid")]
)
def test_pooling(rank, data_format, size, strides, padding):
    x = data(rank)
    for name, reduce in [("Max", np.max), ("Average", np.mean)]:
        layer = getattr(layers, f"{name}Pooling{rank}D")(size, strides, padding, data_format, dtype="float64")
        check(layer, x, reference_pooling(x, size, strides, padding, reduce), data_format)
        small = to_format(data(rank, 2, 1), data_format)
        check_gradient(layer, small)


def test_pooling_over_axes_of_different_extents():
    x = data(3, 3)
    y = layers.AveragePooling3D((3, 1, 4), (2, 1, 3), "same", dtype="float64")(x)
    np.testing.assert_allclose(y, reference_pooling(x, (3, 1, 4), (2, 1, 3), "same", np.mean), rtol=1e-12)
    y = layers.MaxPooling3D((1, 3, 2), (1, 2, 2), dtype="float64")(x)
    np.testing.assert_array_equal(y, reference_pooling(x, (1, 3, 2), (1, 2, 2)))


def test_gradients_of_equal_maxima_go_to_the_first():
    x = np.zeros((1, 2, 2, 2, 1))
    gradient = swiftbn.grad(lambda x: ops.sum(ops.max_pool(x, 2)))(x)
    np.testing.assert_array_equal(gradient.reshape(-1), [1, 0, 0, 0, 0, 0, 0, 0])
    x[0, 0, 1, 1] = x[0, 1, 0, 0] = 5
    gradient = swiftbn.grad(lambda x: ops.sum(ops.max_pool(x, 2)))(x)
    np.testing.assert_array_equal(gradient.reshape(-1), [0, 0, 0, 1, 0, 0, 0, 0])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(rank, data_format, keepdims):
    x = data(rank)
    axes = tuple(range(1, rank + 1))
    for name, reduce in [("Max", np.max), ("Average", np.mean)]:
        layer = getattr(layers, f"Global{name}Pooling{rank}D")(data_format, keepdims, dtype="float64")
        expected = reduce(x, axis=axes, keepdims=keepdims)
        y = layer(to_format(x, data_format))
        np.testing.assert_allclose(y, to_format(expected, data_format) if keepdims else expected, rtol=1e-12)
        assert layer.compute_output_shape(to_format(x, data_format).shape) == y.shape
        check_gradient(layer, to_format(data(rank, 2, 1), data_format))


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average_pooling_with_a_mask(data_format, keepdims):
    x = data(1, 3, 3)
    mask = np.zeros((3, 9), bool)
    mask[0, [1, 4]] = mask[1, :] = True
    x[0, 2] = np.nan
    layer = layers.GlobalAveragePooling1D(data_format, keepdims, dtype="float64")
    y = layer(to_format(x, data_format), mask=mask)
    expected = np.stack([x[0, [1, 4]].mean(0), x[1].mean(0)])
    np.testing.assert_allclose(y.reshape(3, 3)[:2], expected, rtol=1e-12)
    assert np.isnan(y.reshape(3, 3)[2]).all()
    assert y.shape == ((3, 3) if not keepdims else (3, 3, 1) if data_format == "channels_first" else (3, 1, 3))
    np.testing.assert_array_equal(layer(to_format(x, data_format), mask=mask.astype("float32")), y)
