"""Unit normalization on NumPy arrays: vectors of length 1."""

import numpy as np

from swiftbn.functional import _arguments as check
from swiftbn.functional._half import accepts_half
from swiftbn.functional._statistics import other_extents, run


@accepts_half
def unit_norm(x, *, axis=-1, epsilon=1e-24):
    """Divides by the Euclidean length over `axis`, for each place of the other axes.

    Formula: ``y = x / sqrt(max(sum(x ** 2), epsilon))``.

    Args:
        x: array of any rank >= 1, float32 or float64.
        axis: the axis, or several as a tuple.
        epsilon: squared length that shorter vectors count as having, > 0.

    Returns:
        (y, inv_length): y like x; ``1 / sqrt(max(sum(x ** 2), epsilon))`` of the extents of x on the other axes.

    Raises:
        TypeError: for dtypes that are not float32 or float64, for an axis or epsilon of another type.
        ValueError: for an axis out of range, a bad epsilon, an empty x.
    """
    call = "unit_norm"
    x = check.source(call, x, 1)
    axes = check.axes(call, axis, x.ndim)
    smallest = np.asarray(check.positive(call, epsilon), x.dtype)
    squares = run("sum", run("square", x), axes=axes, keepdims=True)
    inverse = run("rsqrt", run("maximum", squares, smallest))
    return run("multiply", x, inverse), inverse.reshape(other_extents(x, axes))


@accepts_half
def unit_norm_backward(dy, x, inv_length, *, axis=-1, epsilon=1e-24):
    """The gradient of `unit_norm` with respect to x.

    Formula, with n = x * inv_length: ``dx = inv_length * (dy - n * sum(dy * n))``, the sum over `axis`; without it
    where the squared length is below epsilon.

    Args:
        dy: gradient with respect to y, like x.
        x, axis, epsilon: as in `unit_norm`.
        inv_length: what `unit_norm` returned.

    Returns:
        dx, like x.

    Raises:
        TypeError, ValueError: as `unit_norm`.
    """
    call = "unit_norm_backward"
    x = check.source(call, x, 1)
    dy = check.like(call, "dy", dy, x, x.shape, " as x has")
    axes = check.axes(call, axis, x.ndim)
    inverse = check.like(
        call, "inv_length", inv_length, x, other_extents(x, axes), ", the extents of x on the other axes"
    )
    inverse = inverse.reshape([1 if i in axes else extent for i, extent in enumerate(x.shape)])
    smallest = np.asarray(check.positive(call, epsilon), x.dtype)
    is_long = run("greater_equal", run("sum", run("square", x), axes=axes, keepdims=True), smallest)
    normalized = run("multiply", x, inverse)
    along = run("sum", run("multiply", dy, normalized), axes=axes, keepdims=True)
    along = run("where", is_long, along, np.zeros_like(along))
    return run("multiply", inverse, run("subtract", dy, run("multiply", normalized, along)))
