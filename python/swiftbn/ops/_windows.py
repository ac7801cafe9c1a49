"""Arguments of what slides windows over one to three axes, and the two orders of axes."""

from __future__ import annotations

import numpy as np

from swiftbn.config import standardize_data_format
from swiftbn.ops._dispatch import call


def integers(name: str, argument: str, value, axes: int, least: int = 1) -> tuple:
    """One integer per axis, given as such or as one for all."""
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,) * axes
    good = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= least for v in items)
    if len(items) != axes or not good:
        count = {1: "an integer", 2: "one or two integers", 3: "one or three integers"}[axes]
        raise ValueError(f"{name}: expected {argument} to be {count} >= {least}. Received: {argument}={value}")
    return tuple(int(v) for v in items)


def padding_mode(name: str, padding) -> str:
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"{name}: expected padding to be 'valid' or 'same'. Received: padding={padding!r}")
    return padding.lower()


def spatial_axes(name: str, inputs) -> int:
    """The number of axes between batch and channels."""
    axes = len(inputs.shape) - 2
    if axes not in (1, 2, 3):
        raise ValueError(f"{name}: expected inputs of rank 3, 4 (images) or 5. Received: shape {tuple(inputs.shape)}")
    return axes


def on_channels_last(x, data_format, function):
    """Applies a function of channels-last tensors to tensors of either data format."""
    if standardize_data_format(data_format) == "channels_last":
        return function(x)
    rank = len(x.shape)
    y = function(call("transpose", x, axes=(0, *range(2, rank), 1))[0])
    return call("transpose", y, axes=(0, rank - 1, *range(1, rank - 1)))[0]
