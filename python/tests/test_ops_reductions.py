"""Reductions of swiftbn.ops against NumPy, and their gradients."""

import math

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 4))
CUBE = RANDOM.normal(size=(2, 3, 4))
INTEGERS = np.array([[3, -2, 7, 0], [1, 5, -6, 2]], "int32")
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std")


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduction(name, axis, keepdims):
    def function(x):
        return getattr(ops, name)(x, axis=axis, keepdims=keepdims)

    expected = getattr(np, name)(CUBE, axis=axis, keepdims=keepdims)
    for result in (function(CUBE), traced(function, CUBE)):
        assert result.shape == np.shape(expected)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    if axis in (None, (0, 2)):
        check_gradient(function, CUBE)


def test_reductions_of_integers_keep_their_dtype():
    result = ops.sum(INTEGERS, axis=1)
    assert result.dtype == "int32"
    np.testing.assert_array_equal(result, [8, 2])
    assert ops.mean(INTEGERS).dtype == "float32"
    assert ops.max(INTEGERS) == 7
    assert ops.sum(np.array([True, True, False])) == 2
    np.testing.assert_array_equal(ops.any(INTEGERS == 0, axis=1), [True, False])
    np.testing.assert_array_equal(ops.all(INTEGERS != 0, axis=1), [False, True])
    np.testing.assert_array_equal(ops.count_nonzero(INTEGERS, axis=1), [3, 4])


def test_arg_extremes_take_the_first():
    x = np.array([[1.0, 5.0, 5.0], [2.0, 0.0, 0.0]])
    np.testing.assert_array_equal(ops.argmax(x, axis=-1), [1, 0])
    np.testing.assert_array_equal(ops.argmin(x, axis=-1, keepdims=True), [[0], [1]])
    assert ops.argmax(x) == 1
    assert ops.argmax(x, axis=0).dtype == "int32"


def test_moments_and_logsumexp():
    mean, variance = ops.moments(CUBE, axes=[0, 2])
    np.testing.assert_allclose(mean, CUBE.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(variance, CUBE.var((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(ops.logsumexp(1000 + X, axis=1), 1000 + np.log(np.exp(X).sum(1)), rtol=1e-12)
    assert ops.logsumexp(np.array([-math.inf, -math.inf])) == -math.inf
    check_gradient(lambda x: ops.logsumexp(x, axis=1), X)
    np.testing.assert_allclose(ops.norm(X, axis=1), np.linalg.norm(X, axis=1), rtol=1e-12)


def test_variance_is_stable_far_from_zero():
    x = (1e4 + RANDOM.normal(size=10_000)).astype("float32")
    assert abs(ops.var(x) / x.astype("float64").var() - 1) < 1e-4
