"""Zeros put around inputs, and borders cut from them."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import integers
from swiftbn.layers._shapes import Spatial, pairs


class _ZeroPadding(Spatial):
    def __init__(self, padding, data_format, **kwargs):
        super().__init__(data_format, **kwargs)
        self.padding = padding

    @property
    def _pairs(self) -> tuple:
        return (self.padding,) if self.dimensions == 1 else self.padding

    def call(self, inputs):
        return ops.pad(inputs, self._per_axis(self._pairs, (0, 0)))

    def compute_output_shape(self, input_shape):
        return self._resized(input_shape, lambda extent, index: extent + sum(self._pairs[index]))

    def get_config(self) -> dict:
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after each sequence: (N, T, C) → (N, before + T + after, C), or with channels first.

    Args:
        padding: (before, after), or one integer >= 0 for both.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    dimensions = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(integers("ZeroPadding1D", "padding", padding, 2, least=0), data_format, **kwargs)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images: (N, H, W, C) → (N, top + H + bottom, left + W + right, C), or with channels first.

    Args:
        padding: ((top, bottom), (left, right)), or (height, width), or one integer >= 0 for all.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(pairs("ZeroPadding2D", "padding", padding, 2), data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes (N, D, H, W, C), or with channels first.

    Args:
        padding: three pairs (before, after), or three integers, or one integer >= 0 for all.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    dimensions = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(pairs("ZeroPadding3D", "padding", padding, 3), data_format, **kwargs)


class _Cropping(Spatial):
    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.cropping = cropping

    @property
    def _pairs(self) -> tuple:
        return (self.cropping,) if self.dimensions == 1 else self.cropping

    def call(self, inputs):
        self._check(inputs.shape)
        spatial = []
        for axis, (before, after) in zip(self._spatial_axes, self._pairs, strict=True):
            extent = inputs.shape[axis]
            if extent is None and after:
                raise ValueError(
                    f"{type(self).__name__} '{self.name}': expected a known extent on axis {axis}, where the end is "
                    f"cut. Received: shape {tuple(inputs.shape)}"
                )
            spatial.append(slice(before, None if extent is None else extent - after))
        return inputs[tuple(self._per_axis(spatial, slice(None)))]

    def _check(self, shape) -> None:
        for axis, pair in zip(self._spatial_axes, self._pairs, strict=True):
            if shape[axis] is not None and sum(pair) >= shape[axis]:
                raise ValueError(
                    f"{type(self).__name__} '{self.name}': expected cropping to leave something. "
                    f"Received: cropping={self.cropping} for inputs of shape {tuple(shape)}"
                )

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        return self._resized(input_shape, lambda extent, index: extent - sum(self._pairs[index]))

    def get_config(self) -> dict:
        config = {**super().get_config(), "cropping": self.cropping}
        return config if self.dimensions == 1 else {**config, "data_format": self.data_format}


class Cropping1D(_Cropping):
    """Steps cut from each sequence: (N, T, C) → (N, T - before - after, C).

    Args:
        cropping: (before, after), or one integer >= 0 for both.
    """

    dimensions = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(integers("Cropping1D", "cropping", cropping, 2, least=0), "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """Borders cut from images: (N, H, W, C) → (N, H - top - bottom, W - left - right, C), or with channels first.

    Args:
        cropping: ((top, bottom), (left, right)), or (height, width), or one integer >= 0 for all.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(pairs("Cropping2D", "cropping", cropping, 2), data_format, **kwargs)


class Cropping3D(_Cropping):
    """Borders cut from volumes (N, D, H, W, C), or with channels first.

    Args:
        cropping: three pairs (before, after), or three integers, or one integer >= 0 for all.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    dimensions = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(pairs("Cropping3D", "cropping", cropping, 3), data_format, **kwargs)
