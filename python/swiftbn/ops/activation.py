"""Activation functions beyond the common ones, with the names and arguments of `keras.ops`; NaN stays NaN."""

from __future__ import annotations

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, normalize_axis, to_float
from swiftbn.ops.elementwise import (
    abs as absolute,
)
from swiftbn.ops.elementwise import (
    add,
    clip,
    divide,
    greater,
    less,
    less_equal,
    maximum,
    minimum,
    multiply,
    sqrt,
    square,
    stop_gradient,
    subtract,
    tanh,
    where,
)
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.shaping import expand_dims, moveaxis, split


@operation
def celu(x, alpha: float = 1.0):
    """x where x > 0, else alpha·(exp(x/alpha) - 1): `elu` with a continuous slope (Barron 2017)."""
    x = to_float(x)
    negative = multiply(call("expm1", divide(minimum(x, 0.0), float(alpha)))[0], float(alpha))
    return where(greater(x, 0), x, negative)


@operation
def glu(x, axis: int = -1):
    """a·sigmoid(b) for the halves a and b of x along an axis of even extent (Dauphin et al. 2017)."""
    x = to_float(x)
    axis = normalize_axis(axis, len(x.shape), "glu")
    if x.shape[axis] is None or x.shape[axis] % 2:
        raise ValueError(f"glu: expected an even extent on axis {axis}. Received: shape {tuple(x.shape)}")
    value, gate = split(x, 2, axis)
    return multiply(value, call("sigmoid", gate)[0])


@operation
def hard_tanh(x):
    """min(max(x, -1), 1)."""
    return clip(to_float(x), -1.0, 1.0)


@operation
def hard_shrink(x, threshold: float = 0.5):
    """x where |x| > threshold, else 0."""
    x = to_float(x)
    return where(less_equal(absolute(x), threshold), 0.0, x)


@operation
def soft_shrink(x, threshold: float = 0.5):
    """x moved towards 0 by `threshold`, and 0 where |x| ≤ threshold."""
    x = to_float(x)
    return subtract(x, clip(x, -float(threshold), float(threshold)))


@operation
def tanh_shrink(x):
    """x - tanh(x)."""
    x = to_float(x)
    return subtract(x, tanh(x))


@operation
def threshold(x, threshold, default_value):
    """x where x > threshold, else `default_value`."""
    x = to_float(x)
    return where(less_equal(x, threshold), default_value, x)


@operation
def squareplus(x, b: float = 4):
    """(x + √(x² + b))/2, a smooth `relu` (Barron 2021)."""
    x = to_float(x)
    root = sqrt(add(square(x), float(b)))
    # Below zero the sum would cancel; (x + r)(r - x) = b.
    return where(less(x, 0), divide(0.5 * float(b), subtract(root, minimum(x, 0.0))), multiply(add(x, root), 0.5))


@operation
def sparse_plus(x):
    """0 where x ≤ -1, (x + 1)²/4 where |x| < 1, else x."""
    x = to_float(x)
    parabola = multiply(square(add(clip(x, -1.0, 1.0), 1.0)), 0.25)
    return where(less(x, 1), parabola, x)


@operation
def sparse_sigmoid(x):
    """min(max((x + 1)/2, 0), 1)."""
    return clip(multiply(add(to_float(x), 1.0), 0.5), 0.0, 1.0)


@operation
def sparsemax(x, axis: int = -1):
    """The point of the probability simplex nearest to x along an axis: max(x - τ, 0) (Martins & Astudillo 2016).

    The support, which says τ, is found by comparing all pairs of elements: time and memory grow with the square of the
    axis' extent.
    """
    x = to_float(x)
    axis = normalize_axis(axis, len(x.shape), "sparsemax")
    last = len(x.shape) - 1
    z = moveaxis(x, axis, last) if axis != last else x
    z = subtract(z, stop_gradient(call("max", z, axes=(last,), keepdims=True)[0]))
    rest, one = expand_dims(z, last), expand_dims(z, last + 1)
    below = less(rest, one)
    count = reduce_sum(where(below, 0.0, where(below, rest, 1.0)), last + 1)
    total = reduce_sum(where(below, 0.0, rest), last + 1)
    outside = less_equal(add(multiply(count, z), 1.0), total)
    size = reduce_sum(where(outside, 0.0, where(outside, z, 1.0)), last, keepdims=True)
    tau = divide(subtract(reduce_sum(where(outside, 0.0, z), last, keepdims=True), 1.0), stop_gradient(size))
    result = maximum(subtract(z, tau), 0.0)
    return moveaxis(result, last, axis) if axis != last else result
