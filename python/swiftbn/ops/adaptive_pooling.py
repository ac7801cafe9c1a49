"""Pooling to a number of windows instead of windows of a size."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import integers
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, to_float
from swiftbn.ops._windows import on_channels_last, spatial_axes
from swiftbn.ops.elementwise import divide, where
from swiftbn.ops.reduction import max as reduce_max
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.shaping import take


@operation
def adaptive_average_pool(inputs, output_size, data_format=None):
    """The mean of each of `output_size` windows along one to three axes, per channel.

    Window i of n over an extent L is ⌊i·L/n⌋ … ⌈(i + 1)·L/n⌉ - 1: windows cover everything, and overlap where n does
    not divide L.

    Shapes: inputs (N, L, C), (N, H, W, C) or (N, D, H, W, C), or with the channels at 1.

    Args:
        inputs: a tensor.
        output_size: how many windows, one number or one per axis.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Raises:
        ValueError: another rank, an argument out of its range.
    """
    return _adaptive("adaptive_average_pool", "avg_pool", _mean, inputs, output_size, data_format)


@operation
def adaptive_max_pool(inputs, output_size, data_format=None):
    """The largest value of each of `output_size` windows along one to three axes, per channel.

    Windows and arguments are those of `adaptive_average_pool`.
    """
    return _adaptive("adaptive_max_pool", "max_pool", _largest, inputs, output_size, data_format)


def _adaptive(name: str, native: str, reduce, inputs, output_size, data_format):
    x = to_float(inputs)
    axes = spatial_axes(name, x)
    counts = integers(name, "output_size", output_size, axes)

    def run(x):
        extents = x.shape[1:-1]
        if not all(extents):
            raise ValueError(f"{name}: expected known spatial extents >= 1. Received: shape {tuple(x.shape)}")
        if axes > 1 and not any(extent % count for extent, count in zip(extents, counts, strict=True)):
            size = tuple(extent // count for extent, count in zip(extents, counts, strict=True))
            return call(f"{native}{axes}d", x, pool_size=size, strides=size, padding="valid")[0]
        for axis, (extent, count) in enumerate(zip(extents, counts, strict=True), start=1):
            if extent != count:
                x = reduce(x, axis, *_windows(extent, count))
        return x

    return on_channels_last(x, data_format, run)


def _windows(extent: int, count: int) -> tuple:
    """The places of each window, filled up with its last one, and which of them are its own: both (count, widest)."""
    steps = np.arange(count)
    first = steps * extent // count
    last = -(-(steps + 1) * extent // count) - 1
    places = first[:, None] + np.arange((last - first).max() + 1)
    return np.minimum(places, last[:, None]).astype("int32"), places <= last[:, None]


def _largest(x, axis: int, places, own):
    return reduce_max(take(x, places, axis), axis=axis + 1)


def _mean(x, axis: int, places, own):
    behind = (1,) * (len(x.shape) - axis - 1)
    parts = take(x, places, axis)
    if not own.all():
        # Not a product with zeros, which would make infinite values outside a window NaN in it.
        parts = where(own.reshape(*own.shape, *behind), parts, 0)
    total = reduce_sum(parts, axis=axis + 1)
    return divide(total, own.sum(1).astype(dtype_of(x)).reshape(-1, *behind))
