"""Pooling over windows along one, two or three axes."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import integers, padding_mode
from swiftbn.config import standardize_data_format
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class _Pooling(Layer):
    """Applies `_pool`, a function of `swiftbn.ops`, over `_rank` axes."""

    _rank = 0
    _pool = None

    def __init__(self, pool_size, strides, padding, data_format, **kwargs):
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.pool_size = integers(kind, "pool_size", pool_size, self._rank)
        self.strides = self.pool_size if strides is None else integers(kind, "strides", strides, self._rank)
        self.padding = padding_mode(kind, padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def call(self, inputs):
        return self._pool(
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


class MaxPooling1D(_Pooling):
    """The largest value of each window of a sequence: (N, L, C) → (N, L', C). Arguments as in `MaxPooling2D`."""

    _rank = 1
    _pool = staticmethod(ops.max_pool)

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class MaxPooling2D(_Pooling):
    """The largest value of each window, per channel.

    Shapes: (N, H, W, C) → (N, H', W', C), or with channels first.

    Args:
        pool_size: height and width of the window, or one number for both.
        strides: steps between windows, by default the window's extents.
        padding: "valid" or "same"; padding never wins.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    _rank = 2
    _pool = staticmethod(ops.max_pool)

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class MaxPooling3D(_Pooling):
    """The largest value of each window of a volume: (N, D, H, W, C) → (N, D', H', W', C), as `MaxPooling2D`."""

    _rank = 3
    _pool = staticmethod(ops.max_pool)

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling1D(_Pooling):
    """The mean of each window of a sequence; padding does not count. Arguments as in `MaxPooling2D`."""

    _rank = 1
    _pool = staticmethod(ops.average_pool)

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling2D(_Pooling):
    """The mean of each window, per channel; padding does not count.

    Arguments and shapes are those of `MaxPooling2D`.
    """

    _rank = 2
    _pool = staticmethod(ops.average_pool)

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling3D(_Pooling):
    """The mean of each window of a volume; padding does not count. Arguments as in `MaxPooling2D`."""

    _rank = 3
    _pool = staticmethod(ops.average_pool)

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)
