"""Functional unit normalization: NumPy, central differences, the layer, short vectors, errors."""

import numpy as np
import pytest
from checks import central_differences

from swiftbn import functional, layers

RNG = np.random.default_rng(9)
CASES = [((6, 5), -1), ((5,), 0), ((2, 3, 4), 1), ((2, 3, 4, 2), (1, -1)), ((3, 4), (0, 1)), ((33, 65), -1)]


def length(x, axis):
    return np.sqrt(np.maximum((x**2).sum(axis, keepdims=True), 1e-24))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "axis"), CASES)
def test_values_and_gradients(shape, axis, dtype):
    x, dy = RNG.normal(1, 2, shape).astype(dtype), RNG.normal(size=shape).astype(dtype)
    y, inverse = functional.unit_norm(x, axis=axis)
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    wide = x.astype("float64")
    np.testing.assert_allclose(y, wide / length(wide, axis), rtol=tolerance)
    np.testing.assert_allclose(inverse, 1 / length(wide, axis).squeeze(axis), rtol=tolerance)
    np.testing.assert_array_equal(y, layers.UnitNormalization(axis=axis, dtype=dtype)(x))
    dx = functional.unit_norm_backward(dy, x, inverse, axis=axis)
    assert y.dtype == dx.dtype == dtype and inverse.dtype == dtype
    expected = central_differences(lambda v: float((dy * (v / length(v, axis))).sum()), wide)
    np.testing.assert_allclose(
        dx, expected, rtol=1e-4 if dtype == "float32" else 1e-7, atol=1e-5 if dtype == "float32" else 1e-8
    )


def test_vectors_of_no_length():
    x = np.zeros((2, 3))
    x[1] = 3, 0, 4
    y, inverse = functional.unit_norm(x)
    np.testing.assert_allclose(y, [[0, 0, 0], [0.6, 0, 0.8]], rtol=1e-15)
    dx = functional.unit_norm_backward(np.ones((2, 3)), x, inverse)
    # Below the limit the length is a constant.
    np.testing.assert_allclose(dx[0], 1e12)
    np.testing.assert_allclose(dx[1], (np.ones(3) - y[1] * y[1].sum()) / 5, rtol=1e-14)


def test_errors():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="unit_norm: x has dtype int64"):
        functional.unit_norm(np.ones((2, 3), int))
    with pytest.raises(ValueError, match="unit_norm: epsilon is 0.0"):
        functional.unit_norm(x, epsilon=0)
    with pytest.raises(ValueError, match="unit_norm: axis 2 is out of range"):
        functional.unit_norm(x, axis=2)
    with pytest.raises(ValueError, match="unit_norm_backward: inv_length has shape"):
        functional.unit_norm_backward(x, x, np.ones(3))
    with pytest.raises(ValueError, match="expected at least one value"):
        functional.unit_norm(np.ones((0, 3)))
