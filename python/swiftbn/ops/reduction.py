"""Reductions over axes: sums, moments, extremes, truth."""

from __future__ import annotations

import math

import numpy as np

from swiftbn._checks import is_number
from swiftbn.dtypes import is_float_dtype, standardize_dtype, to_host_array
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axes, normalize_axis, resolve, to_dtype, to_float
from swiftbn.ops.creation import full
from swiftbn.ops.elementwise import (
    _truth,
    add,
    exp,
    log,
    maximum,
    minimum,
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


@operation
def prod(x, axis=None, keepdims: bool = False, dtype=None):
    """Product over `axis` (an integer, several, or None for all axes), which `keepdims` keeps with extent 1.

    It is computed in `dtype`, by default that of x.
    """
    x = x if dtype is None else to_dtype(x, standardize_dtype(dtype))
    return through_float(lambda value: _reduce("prod", value, axis, keepdims), x)


def _extreme(name: str, summary: str, meet):
    def function(x, axis=None, keepdims: bool = False, initial=None):
        if initial is None:
            return through_float(lambda value: _reduce(name, value, axis, keepdims), x)
        x = resolve(x)
        kind = "int32" if dtype_of(x) == "bool" else dtype_of(x)
        if not is_number(initial) or (not is_float_dtype(kind) and initial != np.asarray(initial).astype(kind)):
            raise ValueError(f"{name}: expected initial to be a number of dtype {kind}. Received: {initial=}")
        start = to_host_array(initial, kind)
        axes = normalize_axes(axis, len(x.shape), name)
        if 0 in [x.shape[axis] for axis in axes]:
            extents = [1 if i in axes else extent for i, extent in enumerate(x.shape) if keepdims or i not in axes]
            return full(tuple(extents), start, kind)
        return meet(through_float(lambda value: _reduce(name, value, axis, keepdims), x), start)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{summary} over `axis` (an integer, several, or None for all axes), which `keepdims` keeps with extent 1.\n\n"
        "    `initial` is a number that counts as one more element; without it there has to be one.\n    "
    )
    return operation(function)


max = _extreme("max", "Largest element (NaN if there is one)", maximum)
min = _extreme("min", "Smallest element (NaN if there is one)", minimum)


@operation
def amax(x, axis=None, keepdims: bool = False):
    """Largest element (NaN if there is one) over `axis`, as `max`."""
    return through_float(lambda value: _reduce("max", value, axis, keepdims), x)


@operation
def amin(x, axis=None, keepdims: bool = False):
    """Smallest element (NaN if there is one) over `axis`, as `min`."""
    return through_float(lambda value: _reduce("min", value, axis, keepdims), x)


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
    shape = tuple(x.shape)
    dropped = normalize_axes(axes, len(shape), "moments")
    kept = [axis for axis in range(len(shape)) if axis not in dropped]
    blocks = _around(shape, kept)
    if blocks is None:
        center = _reduce("mean", x, axes, True)
        deviation = subtract(x, center)
        # What rounding took from the mean does not count as variance.
        residual = square(_reduce("mean", deviation, axes, True))
        results = center, subtract(_reduce("mean", square(deviation), axes, True), residual)
        return results if keepdims else tuple(_squeezed(r, dropped) for r in results)
    results = call("moments", call("reshape", x, shape=blocks)[0], axis=1)
    extents = [-1 if shape[axis] is None else shape[axis] for axis in kept]
    if keepdims:
        extents = [1 if axis in dropped else extents[kept.index(axis)] for axis in range(len(shape))]
    return tuple(call("reshape", r, shape=tuple(extents))[0] for r in results)


def _squeezed(x, axes):
    return call("squeeze", x, axes=axes)[0] if axes else x


def _around(shape: tuple, kept: list) -> tuple | None:
    """The shape (before, kept, behind) when the kept axes lie together and one of the three is unknown at most."""
    if len(kept) == len(shape) or kept != list(range(kept[0], kept[-1] + 1) if kept else []):
        return None
    first, end = (kept[0], kept[-1] + 1) if kept else (len(shape), len(shape))
    blocks = []
    for part in (shape[:first], shape[first:end], shape[end:]):
        unknown = part.count(None)
        known = math.prod(extent for extent in part if extent is not None)
        if unknown > 1 or known == 0:
            return None
        blocks.append(-1 if unknown else known)
    return tuple(blocks) if blocks.count(-1) <= 1 else None


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
