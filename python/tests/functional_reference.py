"""Batch normalization of arrays in float64 NumPy, and comparisons of swiftbn.functional with it."""

import numpy as np

from swiftbn import functional

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def others(x, axis):
    return tuple(i for i in range(x.ndim) if i != axis % x.ndim)


def along(vector, x, axis):
    """A (C,) vector as an array that broadcasts over x."""
    return vector.astype("float64").reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def reference(x, gamma, beta, axis, epsilon):
    x = x.astype("float64")
    mean = x.mean(others(x, axis))
    inv_std = 1 / np.sqrt(x.var(others(x, axis)) + epsilon)
    gamma = np.ones_like(mean) if gamma is None else gamma
    beta = np.zeros_like(mean) if beta is None else beta
    y = (x - along(mean, x, axis)) * along(inv_std * gamma, x, axis) + along(beta, x, axis)
    return y, mean, inv_std


def reference_backward(dy, x, gamma, mean, inv_std, axis):
    dy, x = dy.astype("float64"), x.astype("float64")
    normalized = (x - along(mean, x, axis)) * along(inv_std, x, axis)
    dgamma, dbeta = (dy * normalized).sum(others(x, axis)), dy.sum(others(x, axis))
    count = x.size // len(dbeta)
    gamma = np.ones_like(dbeta) if gamma is None else gamma
    centered = dy - along(dbeta, x, axis) / count - normalized * along(dgamma, x, axis) / count
    return along(gamma * inv_std, x, axis) * centered, dgamma, dbeta


def case(shape, axis, dtype, seed=0):
    """x, dy, gamma, beta."""
    random = np.random.default_rng(seed)
    channels = shape[axis]
    x = random.normal(1.5, 2, shape).astype(dtype)
    dy = random.normal(size=shape).astype(dtype)
    return x, dy, random.uniform(0.5, 2, channels).astype(dtype), random.normal(size=channels).astype(dtype)


def close(actual, expected, dtype, scale=1.0):
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    limit = TOLERANCE[dtype] * max(1, np.abs(expected).max()) * scale
    np.testing.assert_allclose(actual, expected, rtol=0, atol=limit)


def in_order_of(values, model):
    result = np.empty_like(model)
    result[...] = values
    return result


def check_all(x, dy, gamma, beta, axis, epsilon=1e-3):
    dtype = x.dtype.name
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis, epsilon=epsilon, copy=False)
    expected = reference(x, gamma, beta, axis, epsilon)
    close(y, expected[0], dtype, scale=4)
    close(mean, expected[1], dtype)
    close(inv_std, expected[2], dtype)
    assert [s for s, n in zip(y.strides, y.shape, strict=True) if n > 1] == [
        s for s, n in zip(x.strides, x.shape, strict=True) if n > 1
    ]

    gradients = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=axis, copy=False)
    expected = reference_backward(dy, x, gamma, mean, inv_std, axis)
    # Sums of n products; with inv_std up to 1/sqrt(epsilon) where channels are constant.
    scale = 4 * np.sqrt(x.size) * max(1, inv_std.max())
    for actual, wanted in zip(gradients, expected, strict=True):
        close(actual, wanted, dtype, scale)

    variance = 1 / inv_std.astype("float64") ** 2
    moving = (mean + 1).astype(dtype), variance.astype(dtype)
    y = functional.batch_norm_inference(x, gamma, beta, *moving, axis=axis, epsilon=epsilon, copy=False)
    scaled = along(1 / np.sqrt(moving[1].astype("float64") + epsilon), x, axis)
    normalized = (x.astype("float64") - along(moving[0], x, axis)) * scaled
    gamma = np.ones_like(mean) if gamma is None else gamma
    beta = np.zeros_like(mean) if beta is None else beta
    close(y, normalized * along(gamma, x, axis) + along(beta, x, axis), dtype, scale=8)
