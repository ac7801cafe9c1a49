"""Root mean square normalization on NumPy arrays.

Source: Zhang & Sennrich 2019, arXiv 1910.07467.
"""

import numpy as np

from swiftbn.functional import _arguments as check
from swiftbn.functional._half import accepts_half
from swiftbn.functional._statistics import affine, other_extents, run, sum_to


@accepts_half
def rms_norm(x, gamma, *, axis=-1, epsilon=1e-6):
    """Divides by the root of the mean square over `axis`, for each place of the other axes.

    Formula: ``y = gamma * x / sqrt(mean(x ** 2) + epsilon)``.

    Args:
        x: array of any rank >= 1, float32 or float64.
        gamma: array of the dtype of x whose extents are those of x on `axis`, in ascending order of the axes, or None
            for 1.
        axis: the axis, or several as a tuple.
        epsilon: added to the mean square, > 0.

    Returns:
        (y, inv_rms): y like x; ``1 / sqrt(mean(x ** 2) + epsilon)`` of the extents of x on the other axes.

    Raises:
        TypeError: for dtypes that are not float32 or float64 or that differ, for an axis or epsilon of another type.
        ValueError: for shapes that do not fit, an axis out of range, a bad epsilon, an empty x.
    """
    call = "rms_norm"
    x = check.source(call, x, 1)
    axes = check.axes(call, axis, x.ndim)
    gamma = check.parameter(call, "gamma", gamma, x, axes)
    epsilon = np.asarray(check.positive(call, epsilon), x.dtype)
    inverse = run("rsqrt", run("add", run("mean", run("square", x), axes=axes, keepdims=True), epsilon))
    return affine(run("multiply", x, inverse), gamma, None), inverse.reshape(other_extents(x, axes))


@accepts_half
def rms_norm_backward(dy, x, gamma, inv_rms, *, axis=-1):
    """Gradients of `rms_norm` with respect to x and gamma.

    Formula, with n = x * inv_rms, g = gamma * dy, and the mean over `axis`: ``dx = inv_rms * (g - n * mean(g * n))``;
    ``dgamma = sum(dy * n)`` over the other axes.

    Args:
        dy: gradient with respect to y, like x.
        x, gamma, axis: as in `rms_norm`.
        inv_rms: what `rms_norm` returned.

    Returns:
        (dx, dgamma): dx like x, dgamma of the extents of x on `axis`.

    Raises:
        TypeError, ValueError: as `rms_norm`.
    """
    call = "rms_norm_backward"
    x = check.source(call, x, 1)
    dy = check.like(call, "dy", dy, x, x.shape, " as x has")
    axes = check.axes(call, axis, x.ndim)
    gamma = check.parameter(call, "gamma", gamma, x, axes)
    inverse = check.like(call, "inv_rms", inv_rms, x, other_extents(x, axes), ", the extents of x on the other axes")
    inverse = inverse.reshape([1 if i in axes else extent for i, extent in enumerate(x.shape)])
    normalized = run("multiply", x, inverse)
    g = affine(dy, gamma, None)
    common = run("mean", run("multiply", g, normalized), axes=axes, keepdims=True)
    dx = run("multiply", inverse, run("subtract", g, run("multiply", normalized, common)))
    return dx, sum_to(run("multiply", dy, normalized), axes)
