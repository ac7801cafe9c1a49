"""Sorting, searching, counting, and what follows from the order of elements."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.dtypes import is_float_dtype, to_host_array
from swiftbn.operation import operation
from swiftbn.ops._dispatch import (
    call,
    dtype_of,
    normalize_axes,
    normalize_axis,
    promote,
    resolve,
    to_dtype,
    to_float,
)
from swiftbn.ops.elementwise import add, ceil, floor, isnan, logical_not, multiply, round, subtract, where
from swiftbn.ops.reduction import max, min, sum
from swiftbn.ops.scattering import scatter_add, take_along_axis
from swiftbn.ops.shaping import _cut
from swiftbn.tensor import Tensor


def _sortable(x):
    """x in a dtype that the core sorts; floats and signed integers as they are."""
    x = resolve(x)
    return to_dtype(x, {"bool": "int32", "uint8": "int32", "uint32": "int64"}.get(dtype_of(x), dtype_of(x)))


def _order(x, axis: int, descending: bool = False):
    """int64 indices that sort x; equal elements keep their order, NaN counts as the largest."""
    return call("argsort", _sortable(x), axis=axis, descending=descending)[0]


def _last_axis(x, axis, name: str):
    """x and the axis counted from the front; of the flattened tensor for None."""
    x = resolve(x)
    if axis is None:
        return call("reshape", x, shape=(-1,))[0], 0
    return x, normalize_axis(axis, len(x.shape), name)


@operation
def argsort(x, axis: int | None = -1):
    """The indices that sort x along an axis (None: the flattened tensor), int32; equal elements keep their order."""
    x, axis = _last_axis(x, axis, "argsort")
    return to_dtype(_order(x, axis), "int32")


@operation
def sort(x, axis: int | None = -1):
    """x in ascending order along an axis (None: the flattened tensor); NaN comes last."""
    x, axis = _last_axis(x, axis, "sort")
    return call("take_along_axis", x, _order(x, axis), axis=axis)[0]


@operation
def argpartition(x, kth: int, axis: int = -1):
    """Indices that put the kth smallest element in its place, smaller ones before it; here all are sorted. int32."""
    x, axis = _last_axis(x, axis, "argpartition")
    normalize_axis(kth, x.shape[axis], "argpartition: kth")
    return argsort(x, axis)


@operation
def top_k(x, k: int, sorted: bool = True):
    """(values, int32 indices) of the k largest elements along the last axis, largest first, ties by index.

    Raises:
        ValueError: k is not in 0 … the axis' extent.
    """
    x = resolve(x)
    extent = x.shape[-1] if x.shape else 0
    whole = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
    if not whole or k < 0 or (extent is not None and k > extent):
        raise ValueError(f"top_k: expected k to be an integer in 0 … {extent}. Received: k={k!r}")
    axis = len(x.shape) - 1
    order = _cut(_order(x, axis, descending=True), axis, 0, int(k))
    return call("take_along_axis", x, order, axis=axis)[0], to_dtype(order, "int32")


@operation
def in_top_k(targets, predictions, k: int):
    """Whether each target class is among the k classes of largest prediction; ties count as among them."""
    predictions, targets = to_float(predictions), resolve(targets)
    target = call("expand_dims", to_dtype(targets, "int64"), axis=len(targets.shape))[0]
    own = take_along_axis(predictions, target, axis=-1)
    from swiftbn.ops.elementwise import greater, isfinite, less, logical_and

    larger = sum(to_dtype(greater(predictions, own), "float32"), axis=-1)
    finite = isfinite(call("squeeze", own, axes=(len(own.shape) - 1,))[0])
    return logical_and(less(larger, float(k)), finite)


def _side(side) -> bool:
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: expected side to be 'left' or 'right'. Received: side={side!r}")
    return side == "right"


@operation
def searchsorted(sorted_sequence, values, side: str = "left"):
    """Where values belong in an ascending vector: before equal elements, or (side "right") behind them; int32."""
    right = _side(side)
    edges, values = promote(sorted_sequence, values)
    if len(edges.shape) != 1:
        raise ValueError(f"searchsorted: expected sorted_sequence of one axis. Received: shape {tuple(edges.shape)}")
    return to_dtype(call("searchsorted", _sortable(edges), _sortable(values), right=right)[0], "int32")


@operation
def digitize(x, bins):
    """The number of the bin that each element falls into: bins[i - 1] ≤ x < bins[i]; int32."""
    return searchsorted(bins, x, side="right")


@operation
def isin(x1, x2, assume_unique: bool = False, invert: bool = False):
    """Whether each element of x1 is among those of x2; `assume_unique` changes nothing."""
    from swiftbn.ops.elementwise import equal, logical_and, minimum

    a, b = promote(x1, x2)
    b = sort(call("reshape", b, shape=(-1,))[0])
    count = b.shape[0]
    if count == 0:
        found = np.zeros(a.shape, "bool")
    else:
        place = minimum(searchsorted(b, a), count - 1)
        found = equal(call("take", b, place, axis=0)[0], a)
        found = logical_and(found, logical_not(isnan(a))) if is_float_dtype(dtype_of(a)) else found
    return logical_not(found) if invert else found


@operation
def bincount(x, weights=None, minlength: int = 0, sparse: bool = False):
    """How often (or with which sum of weights) each of the integers 0, 1, … occurs; in each row of a matrix.

    The number of bins is the largest element + 1, or `minlength` if that is more.

    Raises:
        ValueError: `sparse`; or x is symbolic: the number of bins depends on the data, and shapes must not.
    """
    if sparse:
        raise ValueError(f"bincount: only sparse=False is supported. Received: sparse={sparse!r}")
    x = resolve(x)
    if is_float_dtype(dtype_of(x)):
        raise TypeError(f"bincount: expected x to be integers. Received: dtype {dtype_of(x)}")
    if isinstance(x, Tensor):
        raise ValueError(
            "bincount: the number of bins depends on the numbers in x, and inside fit, a layer's call or a "
            "differentiated function shapes must not; use ops.segment_sum with num_segments. Received: a symbolic x"
        )
    length = int(max(x)) + 1 if x.size else 0
    length = length if length > minlength else int(minlength)
    weights = np.ones(x.shape, "int32") if weights is None else resolve(weights)
    if x.ndim == 1:
        return scatter_add(x, weights, length)
    rows = [
        scatter_add(call("take", x, np.array(i), axis=0)[0], call("take", weights, np.array(i), axis=0)[0], length)
        for i in range(x.shape[0])
    ]
    from swiftbn.ops.shaping import stack

    return stack(rows)


@operation
def histogram(x, bins: int = 10, range=None):
    """(counts, edges) of `bins` bins of equal width over `range`, by default that of the elements."""
    from swiftbn.ops.elementwise import clip, equal, greater_equal, less_equal, logical_and

    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ValueError(f"histogram: expected bins to be an integer >= 1. Received: bins={bins!r}")
    x = call("reshape", to_float(x), shape=(-1,))[0]
    dtype = dtype_of(x)
    if range is None:
        low, high = min(x), max(x)
    else:
        low, high = (to_dtype(float(bound), dtype) for bound in range)
    flat = equal(low, high)
    low, high = where(flat, subtract(low, 0.5), low), where(flat, add(high, 0.5), high)
    steps = np.arange(bins + 1, dtype=dtype) / np.array(bins, dtype)
    edges = add(multiply(steps, subtract(high, low)), low)
    place = to_dtype(clip(subtract(searchsorted(edges, x, side="right"), 1), 0, int(bins) - 1), "int64")
    inside = logical_and(greater_equal(x, low), less_equal(x, high))
    return scatter_add(place, to_dtype(inside, "int32"), int(bins)), edges


_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name: str, x, q, axis, method: str, keepdims: bool, skips_nan: bool = False):
    if method not in _METHODS:
        raise ValueError(f"{name}: expected method to be one of {', '.join(_METHODS)}. Received: method={method!r}")
    x, q = to_float(x), to_host_array(q, "float64")
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"{name}: expected quantiles between 0 and 1. Received: q={q}")
    rank, dtype = len(x.shape), dtype_of(x)
    axes = normalize_axes(axis, rank, name)
    kept = [a for a in np.arange(rank).tolist() if a not in axes]
    x = call("transpose", x, axes=(*kept, *axes))[0] if rank else x
    outer = tuple(x.shape[: len(kept)])
    x = sort(call("reshape", x, shape=(*outer, math.prod(x.shape[len(kept) :])))[0])
    n = x.shape[-1]
    if n == 0:
        raise ValueError(f"{name}: expected at least one element over axis={axis}. Received: shape {tuple(x.shape)}")
    last = len(outer)
    missing = to_dtype(isnan(x), dtype)
    count = (
        subtract(float(n), sum(missing, axis=-1, keepdims=True))
        if skips_nan
        else to_dtype(np.full((1,) * (last + 1), float(n)), dtype)
    )
    place = multiply(subtract(where(count > 1.0, count, 1.0), 1.0), to_dtype(q.reshape(-1), dtype))
    if method == "nearest":
        place = round(place)
    below, above = floor(place), ceil(place)
    picks = [
        take_along_axis(x, call("broadcast_to", to_dtype(index, "int64"), shape=(*outer, q.size))[0], axis=-1)
        for index in (below, above)
    ]
    low, high = picks
    if method in ("lower", "nearest"):
        result = low
    elif method == "higher":
        result = high
    else:
        part = where(below < above, 0.5, 0.0) if method == "midpoint" else subtract(place, below)
        result = where(part > 0.0, add(low, multiply(subtract(high, low), part)), low)
    if not skips_nan:
        result = where(sum(missing, axis=-1, keepdims=True) > 0.0, math.nan, result)
    result = call("transpose", result, axes=(last, *np.arange(last).tolist()))[0]
    shape = tuple(1 if a in axes else None for a in np.arange(rank).tolist())
    sizes = iter(outer)
    full = tuple(1 if extent == 1 else next(sizes) for extent in shape) if keepdims else outer
    return call("reshape", result, shape=(*q.shape, *full))[0]


@operation
def quantile(x, q, axis=None, method: str = "linear", keepdims: bool = False):
    """Quantiles of x over `axis`, q between 0 and 1 (a number or an array, whose axes come first); NaN if there is one.

    `method` says what lies between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
    """
    return _quantile("quantile", x, q, axis, method, keepdims)


@operation
def nanquantile(x, q, axis=None, method: str = "linear", keepdims: bool = False):
    """`quantile` of the elements that are not NaN."""
    return _quantile("nanquantile", x, q, axis, method, keepdims, skips_nan=True)


@operation
def percentile(x, q, axis=None, method: str = "linear", keepdims: bool = False):
    """`quantile` with q between 0 and 100."""
    return _quantile("percentile", x, to_host_array(q, "float64") / 100.0, axis, method, keepdims)


@operation
def nanpercentile(x, q, axis=None, method: str = "linear", keepdims: bool = False):
    """`percentile` of the elements that are not NaN."""
    return _quantile("nanpercentile", x, to_host_array(q, "float64") / 100.0, axis, method, keepdims, skips_nan=True)


@operation
def median(x, axis=None, keepdims: bool = False):
    """The middle element over `axis`, or the mean of the two in the middle; NaN if there is one."""
    return _quantile("median", x, 0.5, axis, "linear", keepdims)


@operation
def nanmedian(x, axis=None, keepdims: bool = False):
    """`median` of the elements that are not NaN."""
    return _quantile("nanmedian", x, 0.5, axis, "linear", keepdims, skips_nan=True)
