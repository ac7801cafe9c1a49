"""Dropout, of elements and of whole channels."""

from __future__ import annotations

import numpy as np

from swiftbn import random
from swiftbn._checks import number
from swiftbn.config import standardize_data_format
from swiftbn.layers._shapes import SameShape
from swiftbn.layers.input_spec import InputSpec


def checked_rate(layer: str, rate) -> float:
    return number(layer, "rate", rate, lambda v: 0 <= v < 1, "a number with 0 <= rate < 1")


def checked_noise_shape(layer: str, value) -> tuple | None:
    if value is None:
        return None
    good = isinstance(value, (list, tuple)) and all(
        extent is None or (isinstance(extent, (int, np.integer)) and not isinstance(extent, bool) and extent >= 1)
        for extent in value
    )
    if not good:
        raise ValueError(
            f"{layer}: expected noise_shape to be integers >= 1 and Nones. Received: noise_shape={value!r}"
        )
    return tuple(value)


class Dropout(SameShape):
    """In training each element is kept with probability 1 - rate and divided by it, else it becomes 0.

    Srivastava et al. 2014. The layer's random state is saved with its model; equal seeds give equal results.

    Args:
        rate: fraction of elements to drop, 0 ≤ rate < 1.
        noise_shape: extents, each that of the inputs (which None stands for) or 1; elements that share a place of it
            are kept or dropped together.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        rate = checked_rate(type(self).__name__, rate)
        noise_shape = checked_noise_shape(type(self).__name__, noise_shape)
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.noise_shape = noise_shape
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, self._noise_shape(inputs), self.seed_generator)
        return inputs

    def _noise_shape(self, inputs):
        return self.noise_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class _SpatialDropout(Dropout):
    """Dropout of whole channels, which fits inputs whose neighbours are alike (Tompson et al. 2015)."""

    def __init__(self, rate, seed, name, dtype, rank: int, data_format: str):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = data_format
        self.input_spec = InputSpec(ndim=rank)

    def _noise_shape(self, inputs):
        rank = len(inputs.shape)
        kept = (0, 1) if self.data_format == "channels_first" else (0, rank - 1)
        return tuple(None if axis in kept else 1 for axis in range(rank))

    def get_config(self) -> dict:
        return {
            "rate": self.rate,
            "seed": self.seed,
            "name": self.name,
            "dtype": self.dtype,
            "data_format": self.data_format,
        }


class SpatialDropout1D(_SpatialDropout):
    """In training each channel of a sequence (N, T, C) is dropped as a whole with probability `rate`.

    Args:
        rate, seed: as of `Dropout`.
    """

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, seed, name, dtype, 3, "channels_last")

    def get_config(self) -> dict:
        config = super().get_config()
        del config["data_format"]
        return config


class SpatialDropout2D(_SpatialDropout):
    """In training each channel of an image (N, H, W, C) is dropped as a whole with probability `rate`.

    Args:
        rate, seed: as of `Dropout`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, seed, name, dtype, 4, standardize_data_format(data_format))


class SpatialDropout3D(_SpatialDropout):
    """In training each channel of a volume (N, D, H, W, C) is dropped as a whole with probability `rate`.

    Args:
        rate, seed: as of `Dropout`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, seed, name, dtype, 5, standardize_data_format(data_format))
