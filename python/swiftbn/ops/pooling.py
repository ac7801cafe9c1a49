"""Pooling over one, two or three axes."""

from __future__ import annotations

from swiftbn._checks import integers, padding_mode
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, to_float
from swiftbn.ops._windows import on_channels_last, spatial_axes


@operation
def max_pool(inputs, pool_size, strides=None, padding: str = "valid", data_format=None):
    """The largest value of each window along one to three axes, per channel; padding never wins.

    Shapes: inputs (N, L, C), (N, H, W, C) or (N, D, H, W, C), or with the channels at 1.

    Args:
        inputs: a tensor.
        pool_size: extents of the windows, one number or one per axis.
        strides: steps between windows, by default `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Raises:
        ValueError: another rank, an argument out of its range.
    """
    return _pool("max_pool", "max_pool", inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(inputs, pool_size, strides=None, padding: str = "valid", data_format=None):
    """The mean of each window along one to three axes, per channel; padding does not count.

    Arguments are those of `max_pool`.
    """
    return _pool("average_pool", "avg_pool", inputs, pool_size, strides, padding, data_format)


def _pool(name: str, native: str, inputs, pool_size, strides, padding, data_format):
    x = to_float(inputs)
    axes = spatial_axes(name, x)
    size = integers(name, "pool_size", pool_size, axes)
    strides = size if strides is None else integers(name, "strides", strides, axes)
    padding = padding_mode(name, padding)

    def run(x):
        if axes > 1:
            return call(f"{native}{axes}d", x, pool_size=size, strides=strides, padding=padding)[0]
        # A sequence is an image of height 1.
        images = call("expand_dims", x, axis=1)[0]
        images = call(f"{native}2d", images, pool_size=(1, *size), strides=(1, *strides), padding=padding)[0]
        return call("squeeze", images, axes=(1,))[0]

    return on_channels_last(x, data_format, run)
