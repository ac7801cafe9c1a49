"""Pooling to a number of windows along one, two or three axes."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import integers
from swiftbn.config import standardize_data_format
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class _AdaptivePooling(Layer):
    """Applies `_pool`, a function of `swiftbn.ops`, over `_rank` axes."""

    _rank = 0
    _pool = None

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = integers(type(self).__name__, "output_size", output_size, self._rank)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def call(self, inputs):
        return self._pool(inputs, self.output_size, data_format=self.data_format)

    def compute_output_shape(self, input_shape):
        if self.data_format == "channels_last":
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (input_shape[0], input_shape[1], *self.output_size)

    def get_config(self) -> dict:
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The mean of each of `output_size` windows of a sequence: (N, L, C) → (N, output_size, C).

    Arguments are those of `AdaptiveAveragePooling2D`.
    """

    _rank = 1
    _pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The mean of each of `output_size` windows, per channel: (N, H, W, C) → (N, *output_size, C).

    Window i of n over an extent L is ⌊i·L/n⌋ … ⌈(i + 1)·L/n⌉ - 1.

    Args:
        output_size: height and width of the output, or one number for both.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    _rank = 2
    _pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The mean of each of `output_size` windows of a volume: (N, D, H, W, C) → (N, *output_size, C).

    Arguments are those of `AdaptiveAveragePooling2D`.
    """

    _rank = 3
    _pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest value of each of `output_size` windows of a sequence: (N, L, C) → (N, output_size, C).

    Windows and arguments are those of `AdaptiveAveragePooling2D`.
    """

    _rank = 1
    _pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest value of each of `output_size` windows, per channel: (N, H, W, C) → (N, *output_size, C).

    Windows and arguments are those of `AdaptiveAveragePooling2D`.
    """

    _rank = 2
    _pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest value of each of `output_size` windows of a volume: (N, D, H, W, C) → (N, *output_size, C).

    Windows and arguments are those of `AdaptiveAveragePooling2D`.
    """

    _rank = 3
    _pool = staticmethod(ops.adaptive_max_pool)
