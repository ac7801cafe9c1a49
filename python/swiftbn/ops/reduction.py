"""Reductions over axes: sums, moments, extremes, truth."""

from __future__ import annotations

from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axes, normalize_axis, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import (
    _truth,
    add,
    exp,
    log,
    sqrt,
    square,
    stop_gradient,
    subtract,
    through_float,
    where,
)
from swiftbn.ops.elementwise import abs as absolute


def _reduce(name: str, x, axis, keepdims: bool):
    axes = normalize_axes(axis, len(x.shape), name)
    return call(name, x, axes=axes, keepdims=bool(keepdims))[0]


def _reduction(name: str, summary: str):
    def function(x, axis=None, keepdims: bool = False):
        return through_float(lambda value: _reduce(name, value, axis, keepdims), x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{summary} over `axis` (an integer, several, or None for all axes), which `keepdims` keeps with extent 1."
    )
    return operation(function)


sum = _reduction("sum", "Sum")
prod = _reduction("prod", "Product")
max = _reduction("max", "Largest element (NaN if there is one)")
min = _reduction("min", "Smallest element (NaN if there is one)")
amax = max
amin = min


@operation
def mean(x, axis=None, keepdims: bool = False):
    """Arithmetic mean over `axis`; of integers in `floatx()`."""
    return _reduce("mean", to_float(x), axis, keepdims)


@operation
def var(x, axis=None, keepdims: bool = False):
    """Variance mean((x - mean(x))²) over `axis`, biased (divided by n), computed in two passes."""
    return moments(x, axis, keepdims)[1]


@operation
def std(x, axis=None, keepdims: bool = False):
    """Standard deviation √mean((x - mean(x))²) over `axis`, biased."""
    return sqrt(var(x, axis, keepdims))


@operation
def moments(x, axes, keepdims: bool = False, synchronized: bool = False):
    """(mean, biased variance) over `axes`.

    Raises:
        ValueError: `synchronized`, which is not supported.
    """
    if synchronized:
        raise ValueError("moments: only synchronized=False is supported. Received: synchronized=True")
    x = to_float(x)
    center = _reduce("mean", x, axes, True)
    variance = _reduce("mean", square(subtract(x, center)), axes, keepdims)
    if keepdims:
        return center, variance
    dropped = normalize_axes(axes, len(x.shape), "moments")
    return (call("squeeze", center, axes=dropped)[0] if dropped else center), variance


@operation
def logsumexp(x, axis=None, keepdims: bool = False):
    """log(sum(exp(x))) over `axis`, without overflow."""
    x = to_float(x)
    peak = stop_gradient(_reduce("max", x, axis, True))
    peak = where(absolute(peak) < float("inf"), peak, 0.0)
    total = add(log(_reduce("sum", exp(subtract(x, peak)), axis, True)), peak)
    axes = normalize_axes(axis, len(x.shape), "logsumexp")
    return total if keepdims or not axes else call("squeeze", total, axes=axes)[0]


@operation
def norm(x, ord=None, axis=None, keepdims: bool = False):
    """Euclidean norm √sum(x²) over `axis` (None: all); `ord` 1 is sum(|x|), "inf" is max(|x|) (one axis or all).

    Raises:
        ValueError: another `ord`.
    """
    x = to_float(x)
    if ord in (None, 2, "fro", "euclidean"):
        return sqrt(_reduce("sum", square(x), axis, keepdims))
    if ord == 1:
        return _reduce("sum", absolute(x), axis, keepdims)
    if ord in ("inf", float("inf")):
        return _reduce("max", absolute(x), axis, keepdims)
    raise ValueError(f"norm: expected ord to be None, 1, 2, 'fro' or inf. Received: ord={ord!r}")


@operation
def any(x, axis=None, keepdims: bool = False):
    """Whether an element is true (not zero) over `axis`."""
    return _reduce("any", _truth(x), axis, keepdims)


@operation
def all(x, axis=None, keepdims: bool = False):
    """Whether all elements are true (not zero) over `axis`."""
    return _reduce("all", _truth(x), axis, keepdims)


@operation
def count_nonzero(x, axis=None):
    """Number of elements that are not zero over `axis`, int32."""
    return to_dtype(_reduce("sum", to_dtype(_truth(x), "float64"), axis, False), "int32")


def _arg_extreme(name: str, x, axis, keepdims: bool):
    x = resolve(x)
    if not is_float_dtype(dtype_of(x)):
        x = to_dtype(x, "float64")
    if axis is None:
        ndim = len(x.shape)
        flat = call("reshape", x, shape=(-1,))[0]
        index = call(name, flat, axis=0, keepdims=False)[0]
        result = call("reshape", index, shape=(1,) * ndim)[0] if keepdims else index
    else:
        result = call(name, x, axis=normalize_axis(axis, len(x.shape), name), keepdims=bool(keepdims))[0]
    return to_dtype(result, "int32")


@operation
def argmax(x, axis=None, keepdims: bool = False):
    """Index of the first largest element along `axis` (None: of the flattened tensor), int32."""
    return _arg_extreme("argmax", x, axis, keepdims)


@operation
def argmin(x, axis=None, keepdims: bool = False):
    """Index of the first smallest element along `axis` (None: of the flattened tensor), int32."""
    return _arg_extreme("argmin", x, axis, keepdims)
