"""What slides windows over one to three axes: their number, and the two orders of axes."""

from __future__ import annotations

from swiftbn.config import standardize_data_format
from swiftbn.ops._dispatch import call


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
