"""Windows of tensors, gathered."""

from __future__ import annotations

import numpy as np

from swiftbn.ops.shaping import pad, reshape, take, transpose


def same_padding(extent: int, size: int, stride: int, dilation: int) -> tuple:
    """Zeros (before, after) with which windows cover everything, as TensorFlow's padding "same"."""
    total = max((-(-extent // stride) - 1) * stride + (size - 1) * dilation + 1 - extent, 0)
    return total // 2, total - total // 2


def window_places(name: str, extent: int, size: int, stride: int, dilation: int) -> np.ndarray:
    """The places of each window along an axis, (number of windows, size)."""
    count = (extent - (size - 1) * dilation - 1) // stride + 1
    if count < 1:
        raise ValueError(
            f"{name}: expected an extent of at least {(size - 1) * dilation + 1} for windows of {size}. "
            f"Received: {extent}"
        )
    return (np.arange(count)[:, None] * stride + np.arange(size) * dilation).astype("int32")


def patches(name: str, x, axes: tuple, sizes, strides, dilations, padding: str):
    """All windows over neighbouring axes: (…, L1, L2, …, rest) → (…, n1, n2, …, k1, k2, …, rest)."""
    first, count = axes[0], len(axes)
    if padding == "same":
        borders = [(0, 0)] * len(x.shape)
        for axis, size, stride, dilation in zip(axes, sizes, strides, dilations, strict=True):
            borders[axis] = same_padding(x.shape[axis], size, stride, dilation)
        if any(map(sum, borders)):
            x = pad(x, borders)
    for index, (size, stride, dilation) in enumerate(zip(sizes, strides, dilations, strict=True)):
        # The axes before have become two each.
        axis = first + 2 * index
        x = take(x, window_places(name, x.shape[axis], size, stride, dilation), axis)
    rank = len(x.shape)
    order = [*range(first), *range(first, first + 2 * count, 2), *range(first + 1, first + 2 * count, 2)]
    return transpose(x, (*order, *range(first + 2 * count, rank)))


def joined(x, first: int, count: int):
    """The last axes from `first` on as one, for a tensor whose other extents may be unknown."""
    return reshape(x, (*(-1 if extent is None else extent for extent in x.shape[:first]), count))
