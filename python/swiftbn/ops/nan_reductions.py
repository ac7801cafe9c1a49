"""Reductions that leave NaN out, weighted means, ranges."""

from __future__ import annotations

import math

from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axes, promote, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import divide, equal, isnan, logical_not, multiply, sqrt, square, subtract, where
from swiftbn.ops.reduction import argmax, argmin, max, min, prod, sum


def _filled(x, value: float):
    x = resolve(x)
    return where(isnan(x), value, x) if is_float_dtype(dtype_of(x)) else x


@operation
def nansum(x, axis=None, keepdims: bool = False):
    """Sum over `axis` of what is not NaN."""
    return sum(_filled(x, 0.0), axis, keepdims)


@operation
def nanprod(x, axis=None, keepdims: bool = False):
    """Product over `axis` of what is not NaN."""
    return prod(_filled(x, 1.0), axis, keepdims)


def _count(x, axis, keepdims: bool):
    """How many elements are not NaN, in x's dtype."""
    return sum(to_dtype(logical_not(isnan(x)), dtype_of(x)), axis, keepdims)


@operation
def nanmean(x, axis=None, keepdims: bool = False):
    """Mean over `axis` of what is not NaN; NaN where nothing is left."""
    x = to_float(x)
    return divide(nansum(x, axis, keepdims), _count(x, axis, keepdims))


@operation
def nanvar(x, axis=None, keepdims: bool = False):
    """Biased variance over `axis` of what is not NaN, in two passes; NaN where nothing is left."""
    x = to_float(x)
    return nanmean(square(subtract(x, nanmean(x, axis, True))), axis, keepdims)


@operation
def nanstd(x, axis=None, keepdims: bool = False):
    """Biased standard deviation over `axis` of what is not NaN."""
    return sqrt(nanvar(x, axis, keepdims))


def _extreme(reduce, worst: float, x, axis, keepdims: bool):
    x = resolve(x)
    if not is_float_dtype(dtype_of(x)):
        return reduce(x, axis, keepdims)
    return where(equal(_count(x, axis, keepdims), 0.0), math.nan, reduce(_filled(x, worst), axis, keepdims))


@operation
def nanmax(x, axis=None, keepdims: bool = False):
    """Largest element over `axis` that is not NaN; NaN where nothing is left."""
    return _extreme(max, -math.inf, x, axis, keepdims)


@operation
def nanmin(x, axis=None, keepdims: bool = False):
    """Smallest element over `axis` that is not NaN; NaN where nothing is left."""
    return _extreme(min, math.inf, x, axis, keepdims)


def _arg_extreme(pick, worst: float, x, axis, keepdims: bool):
    x = resolve(x)
    index = pick(_filled(x, worst), axis, keepdims)
    if not is_float_dtype(dtype_of(x)):
        return index
    return where(equal(_count(x, axis, keepdims), 0.0), -1, index)


@operation
def nanargmax(x, axis=None, keepdims: bool = False):
    """Index of the largest element along `axis` that is not NaN, int32; -1 where nothing is left."""
    return _arg_extreme(argmax, -math.inf, x, axis, keepdims)


@operation
def nanargmin(x, axis=None, keepdims: bool = False):
    """Index of the smallest element along `axis` that is not NaN, int32; -1 where nothing is left."""
    return _arg_extreme(argmin, math.inf, x, axis, keepdims)


@operation
def average(x, axis=None, weights=None):
    """Mean over `axis`, with weights Σ w·x / Σ w; weights have x's shape, or those of one axis its extent."""
    x = to_float(x)
    if weights is None:
        from swiftbn.ops.reduction import mean

        return mean(x, axis)
    x, weights = promote(x, to_float(weights))
    if tuple(weights.shape) != tuple(x.shape):
        axes = normalize_axes(axis, len(x.shape), "average")
        if axis is None or len(axes) != 1 or tuple(weights.shape) != (x.shape[axes[0]],):
            raise ValueError(
                f"average: expected weights of shape {tuple(x.shape)}, or of one axis with axis given. "
                f"Received: shape {tuple(weights.shape)}, axis={axis}"
            )
        shape = [1] * len(x.shape)
        shape[axes[0]] = -1
        weights = call("reshape", weights, shape=tuple(shape))[0]
        weights = call("broadcast_to", weights, shape=tuple(x.shape))[0]
    return divide(sum(multiply(x, weights), axis), sum(weights, axis))


@operation
def ptp(x, axis=None, keepdims: bool = False):
    """Largest minus smallest element over `axis`."""
    x = resolve(x)
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))
