"""Sums and products of all elements up to each, differences of neighbours, integrals."""

from __future__ import annotations

from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import add, isnan, multiply, not_equal, subtract, through_float, where
from swiftbn.ops.reduction import sum
from swiftbn.ops.shaping import _END, _cut


def _prepared(name: str, x, axis, dtype):
    x = resolve(x)
    if dtype is not None:
        x = to_dtype(x, standardize_dtype(dtype))
    if axis is None:
        return call("reshape", x, shape=(-1,))[0], 0
    return x, normalize_axis(axis, len(x.shape), name)


@operation
def cumsum(x, axis: int | None = None, dtype=None):
    """Sums of all elements up to each along an axis (None: of the flattened tensor)."""
    x, axis = _prepared("cumsum", x, axis, dtype)
    return through_float(lambda value: call("cumsum", value, axis=axis)[0], x)


def _running_product(x, axis: int):
    """Products by doubling: after step i each element holds 2ⁱ factors. Gradients are right for zeros as well."""
    rank, extent = len(x.shape), x.shape[axis]
    distance = 1
    while distance < extent:
        before = [distance if a == axis else 0 for a in range(rank)]
        factors = call("pad", _cut(x, axis, 0, extent - distance), before=before, after=[0] * rank, value=1.0)[0]
        x = multiply(x, factors)
        distance *= 2
    return x


@operation
def cumprod(x, axis: int | None = None, dtype=None):
    """Products of all elements up to each along an axis (None: of the flattened tensor)."""
    x, axis = _prepared("cumprod", x, axis, dtype)
    return through_float(lambda value: _running_product(value, axis), x)


def _without_nan(x, value: float):
    x = resolve(x)
    return where(isnan(x), value, x) if is_float_dtype(dtype_of(x)) else x


@operation
def nancumsum(x, axis: int | None = None, dtype=None):
    """`cumsum` in which NaN counts as 0."""
    return cumsum(_without_nan(x, 0.0), axis, dtype)


@operation
def nancumprod(x, axis: int | None = None, dtype=None):
    """`cumprod` in which NaN counts as 1."""
    return cumprod(_without_nan(x, 1.0), axis, dtype)


@operation
def diff(a, n: int = 1, axis: int = -1):
    """Differences a[i + 1] - a[i] along an axis, `n` times over; of booleans whether they differ."""
    a = resolve(a)
    axis = normalize_axis(axis, len(a.shape), "diff")
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise ValueError(f"diff: expected n to be an integer >= 0. Received: n={n!r}")
    for _ in range(n):
        behind, before = _cut(a, axis, 1, _END), _cut(a, axis, 0, max(a.shape[axis] - 1, 0))
        a = not_equal(behind, before) if dtype_of(a) == "bool" else subtract(behind, before)
    return a


@operation
def trapezoid(y, x=None, dx: float = 1.0, axis: int = -1):
    """Integral of y along an axis by the trapezoidal rule, over positions x or at distances dx."""
    y = to_float(y)
    axis = normalize_axis(axis, len(y.shape), "trapezoid")
    widths = dx
    if x is not None:
        x = to_float(x)
        if len(x.shape) == 1:
            shape = [1] * len(y.shape)
            shape[axis] = -1
            x = call("reshape", x, shape=tuple(shape))[0]
        widths = diff(x, axis=axis)
    heights = add(_cut(y, axis, 1, _END), _cut(y, axis, 0, max(y.shape[axis] - 1, 0)))
    return sum(multiply(multiply(heights, widths), 0.5), axis=axis)
