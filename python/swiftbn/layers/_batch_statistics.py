"""Statistics of one batch: over masks, over groups of samples, per combination of several channel axes."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn.ops._dispatch import call as native
from swiftbn.ops._dispatch import dtype_of


def values_per_channel(x, axis: int, axes=None):
    """How many elements share one mean, a scalar of x's dtype; the batch may be unknown until a run."""
    axes = _other_axes(x, axis) if axes is None else axes
    return native("extent_product", x, axes=axes, dtype=dtype_of(x))[0]


def merged(x, axes: tuple):
    """x with several channel axes moved to the end and made one; returns it with what `restored` needs."""
    rank = len(x.shape)
    axes = tuple(a % rank for a in axes)
    order = tuple(a for a in range(rank) if a not in axes) + axes
    moved = x if order == tuple(range(rank)) else ops.transpose(x, order)
    extents = tuple(moved.shape[: rank - len(axes)])
    return ops.reshape(moved, _at_most_one_unknown(extents) + (math.prod(x.shape[a] for a in axes),)), order


def restored(y, like, order: tuple, count: int):
    """Undoes `merged`."""
    rank = len(order)
    extents = tuple(y.shape[: rank - count]) + tuple(like.shape[a] for a in order[rank - count :])
    y = ops.reshape(y, _at_most_one_unknown(extents))
    return y if order == tuple(range(rank)) else ops.transpose(y, tuple(order.index(a) for a in range(rank)))


def _at_most_one_unknown(extents: tuple) -> tuple:
    if sum(extent is None for extent in extents) > 1:
        raise ValueError(f"Expected at most one unknown extent for several channel axes. Received: {extents}")
    return tuple(-1 if extent is None else extent for extent in extents)


def mask_like(layer, mask, x, axis: int):
    """A mask of some leading axes (the channels' left out), or of all, as a truth value for each element of x.

    Raises:
        ValueError: a mask with more axes than x.
    """
    rank = len(x.shape)
    if len(mask.shape) > rank:
        raise ValueError(
            f"BatchNormalization '{layer.name}': expected a mask of rank {rank - 1} or less, without the channel axis, "
            f"or {rank}. Received: mask of shape {tuple(mask.shape)} for inputs of shape {tuple(x.shape)}"
        )
    if len(mask.shape) < rank:
        missing = _other_axes(x, axis)[len(mask.shape) :]
        for a in range(rank):
            if a == axis % rank or a in missing:
                mask = ops.expand_dims(mask, a)
    return ops.logical_or(ops.not_equal(mask, 0), ops.zeros_like(x, dtype="bool"))


def masked_moments(x, mask, axis: int):
    """(mean, biased variance, number of values), each (C,), over the elements where the mask is true.

    Two passes, so that a large mean costs nothing; elements outside the mask may be NaN.
    """
    axes, zero = _other_axes(x, axis), ops.zeros_like(x)
    count = ops.sum(ops.cast(mask, dtype_of(x)), axes, keepdims=True)
    divisor = ops.maximum(count, 1.0)
    mean = ops.sum(ops.where(mask, x, zero), axes, keepdims=True) / divisor
    deviation = ops.where(mask, x - mean, zero)
    variance = ops.sum(ops.square(deviation), axes, keepdims=True) / divisor
    return tuple(ops.reshape(value, (-1,)) for value in (mean, variance, count))


def centered(x, mask, axis: int):
    """(x less its mean where the mask is true, that mean (C,)); what rounding left of the mean is in the first.

    The mean is a constant for gradients: what is normalized does not depend on it.
    """
    axes = _other_axes(x, axis)
    count = ops.sum(ops.cast(mask, dtype_of(x)), axes, keepdims=True)
    mean = ops.sum(ops.where(mask, x, ops.zeros_like(x)), axes, keepdims=True) / ops.maximum(count, 1.0)
    mean = ops.stop_gradient(mean)
    return x - mean, ops.reshape(mean, (-1,))


def _other_axes(x, axis: int) -> tuple:
    rank = len(x.shape)
    return tuple(a for a in range(rank) if a != axis % rank)


def mean_over_groups(x, values, size: int, axis: int, unbiased: bool):
    """Statistics (G, C) of groups of `size` samples as one (C,), weighted by samples; the last group may be smaller.

    Args:
        unbiased: multiplies each group's value by n / (n - 1), n being its values per channel.
    """
    samples = values_per_channel(x, axis, axes=(0,))
    groups = values_per_channel(values, -1, axes=(0,))
    per_sample = values_per_channel(x, axis) / samples
    last_size = samples - (groups - 1.0) * size
    last = ops.flip(values, 0)[0]
    full = ops.sum(values, 0) - last

    def factor(rows):
        count = rows * per_sample
        return count / ops.maximum(count - 1.0, 1.0) if unbiased else 1.0

    return (full * (factor(size) * size) + last * (factor(last_size) * last_size)) / samples


def smallest_group(x, size: int, axis: int):
    """Values per channel of the smallest of the groups of `size` samples."""
    samples = values_per_channel(x, axis, axes=(0,))
    rest = samples % float(size)
    return ops.where(rest > 0.0, rest, float(size)) * (values_per_channel(x, axis) / samples)
