"""Functional batch normalization over several channel axes."""

import numpy as np
import pytest

from swiftbn import functional

RANDOM = np.random.default_rng(91)
X = RANDOM.normal(size=(6, 2, 5, 3)) * 2 + 1
DY = RANDOM.normal(size=X.shape)
AXES = [(1, 2), (2, 1), (1, 3), (-1, 1), (1, 2, 3), (3,), (0, 1)]


def spread(value, axis):
    """(extents of the axes) → a shape that broadcasts over X."""
    axes = [a % 4 for a in axis]
    ordered = np.transpose(value, np.argsort(axes))
    return ordered.reshape([X.shape[a] if a in axes else 1 for a in range(4)])


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("dtype,tolerance", [("float64", 1e-10), ("float32", 2e-5)])
@pytest.mark.parametrize("transposed", [False, True])
def test_all_three(axis, dtype, tolerance, transposed):
    x, dy = X.astype(dtype), DY.astype(dtype)
    if transposed:
        x, dy = np.asfortranarray(x), np.asfortranarray(dy)
    extents = tuple(X.shape[a] for a in axis)
    gamma, beta = RANDOM.uniform(0.5, 2, size=(2, *extents)).astype(dtype)
    others = tuple(a for a in range(4) if a not in [b % 4 for b in axis])
    count = np.prod([X.shape[a] for a in others])
    mean, variance = X.mean(others, keepdims=True), X.var(others, keepdims=True)
    inverse = 1 / np.sqrt(variance + 1e-3)
    normal = (X - mean) * inverse
    full = spread(gamma.astype("float64"), axis)

    y, found_mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis)
    np.testing.assert_allclose(y, full * normal + spread(beta, axis), rtol=tolerance, atol=tolerance)
    assert found_mean.shape == inv_std.shape == extents and y.dtype == dtype
    np.testing.assert_allclose(spread(found_mean, axis), mean, rtol=tolerance, atol=tolerance)

    dx, dgamma, dbeta = functional.batch_norm_backward(dy, x, gamma, found_mean, inv_std, axis=axis)
    sum_dy, sum_normal = DY.sum(others, keepdims=True), (DY * normal).sum(others, keepdims=True)
    expected = full * inverse * (DY - sum_dy / count - normal * sum_normal / count)
    np.testing.assert_allclose(dx, expected, rtol=10 * tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(spread(dgamma, axis), sum_normal, rtol=10 * tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(spread(dbeta, axis), sum_dy, rtol=10 * tolerance, atol=10 * tolerance)

    moving = [found_mean, RANDOM.uniform(0.5, 2, size=extents).astype(dtype)]
    y = functional.batch_norm_inference(x, gamma, None, *moving, axis=axis)
    expected = full * (X - mean) / np.sqrt(spread(moving[1], axis) + 1e-3)
    np.testing.assert_allclose(y, expected, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize(
    "call,error,text",
    [
        (lambda: functional.batch_norm(X, None, None, axis=(1, -3)), ValueError, r"different axes.*\(1, -3\)"),
        (lambda: functional.batch_norm(X, None, None, axis=(1, 4)), ValueError, r"-4 <= axis < 4.*\(1, 4\)"),
        (lambda: functional.batch_norm(X, None, None, axis=()), ValueError, "at least one"),
        (lambda: functional.batch_norm(X, np.ones(10), None, axis=(1, 2)), ValueError, r"gamma.*\(10,\).*\(2, 5\)"),
        (lambda: functional.batch_norm(X, None, None, axis=(1, 2), out=X.copy()), ValueError, "single axis"),
        (lambda: functional.batch_norm([[1.0]], None, None, axis=(0, 1)), TypeError, "x is list"),
        (
            lambda: functional.batch_norm_backward(DY[:2], X, None, np.zeros((2, 5)), np.ones((2, 5)), axis=(1, 2)),
            ValueError,
            r"dy has shape \(2, 2, 5, 3\), expected \(6, 2, 5, 3\)",
        ),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()
