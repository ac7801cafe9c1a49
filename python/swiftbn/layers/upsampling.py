"""Inputs made larger."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import integers, one_of, positive_integer
from swiftbn.layers._shapes import Spatial


class _UpSampling(Spatial):
    def __init__(self, size, data_format, **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = size

    @property
    def _factors(self) -> tuple:
        return (self.size,) if self.dimensions == 1 else self.size

    def call(self, inputs):
        for axis, factor in zip(self._spatial_axes, self._factors, strict=True):
            if factor != 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        return self._resized(input_shape, lambda extent, index: extent * self._factors[index])

    def get_config(self) -> dict:
        config = {**super().get_config(), "size": self.size}
        return config if self.dimensions == 1 else {**config, "data_format": self.data_format}


class UpSampling1D(_UpSampling):
    """Each step `size` times in a row: (N, T, C) → (N, T·size, C).

    Args:
        size: an integer >= 1.
    """

    dimensions = 1

    def __init__(self, size=2, **kwargs):
        super().__init__(positive_integer("UpSampling1D", "size", size), "channels_last", **kwargs)


class UpSampling2D(_UpSampling):
    """Images whose height and width are `size` times as large: (N, H, W, C) → (N, H·size[0], W·size[1], C).

    Args:
        size: (height, width) factors, or one integer >= 1 for both.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        interpolation: "nearest" repeats pixels; the others are those of `ops.image.resize`.
    """

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(integers("UpSampling2D", "size", size, 2), data_format, **kwargs)
        choices = ("bicubic", "bilinear", "lanczos3", "lanczos5", "nearest")
        one_of("UpSampling2D", "interpolation", str(interpolation).lower(), choices)
        self.interpolation = interpolation.lower()

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        size = tuple(
            inputs.shape[axis] * factor for axis, factor in zip(self._spatial_axes, self._factors, strict=True)
        )
        return ops.image.resize(inputs, size, interpolation=self.interpolation, data_format=self.data_format)

    def get_config(self) -> dict:
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Each voxel repeated along each spatial axis: (N, D, H, W, C) → (N, D·size[0], H·size[1], W·size[2], C).

    Args:
        size: three factors, or one integer >= 1 for all.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    dimensions = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(integers("UpSampling3D", "size", size, 3), data_format, **kwargs)
