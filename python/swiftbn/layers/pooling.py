"""Pooling of images."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import standardize_data_format
from swiftbn.layers._arguments import padding_mode, pair
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class _Pooling2D(Layer):
    def __init__(self, pool_size, strides, padding, data_format, **kwargs):
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.pool_size = pair(kind, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(kind, "strides", strides)
        self.padding = padding_mode(kind, padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def _pool(self, function, inputs):
        return function(
            inputs, self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling2D(_Pooling2D):
    """The largest value of each window, per channel.

    Shapes: (N, H, W, C) → (N, H', W', C), or with channels first.

    Args:
        pool_size: height and width of the window, or one number for both.
        strides: steps between windows, by default the window's extents.
        padding: "valid" or "same"; padding never wins.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)

    def call(self, inputs):
        return self._pool(ops.max_pool, inputs)


class AveragePooling2D(_Pooling2D):
    """The mean of each window, per channel; padding does not count.

    Arguments and shapes are those of `MaxPooling2D`.
    """

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)

    def call(self, inputs):
        return self._pool(ops.average_pool, inputs)


class _GlobalPooling2D(Layer):
    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=4)

    @property
    def _axes(self) -> tuple:
        return (1, 2) if self.data_format == "channels_last" else (2, 3)

    def get_config(self) -> dict:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of each channel over height and width: (N, H, W, C) → (N, C).

    Args:
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        keepdims: whether height and width stay, with extent 1.
    """

    def call(self, inputs):
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest value of each channel over height and width: (N, H, W, C) → (N, C).

    Arguments are those of `GlobalAveragePooling2D`.
    """

    def call(self, inputs):
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)
