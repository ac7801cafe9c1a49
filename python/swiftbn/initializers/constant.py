"""The same weights every time."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import finite
from swiftbn.dtypes import standardize_dtype
from swiftbn.initializers.initializer import Initializer


class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape, dtype=None):
        return np.zeros(shape, standardize_dtype(dtype))


class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape, dtype=None):
        return np.ones(shape, standardize_dtype(dtype))


class Constant(Initializer):
    """`value` everywhere."""

    def __init__(self, value=0.0):
        if np.asarray(value).dtype.kind not in "biuf":
            raise ValueError(f"Constant: expected value to be a number. Received: value={value!r}")
        self.value = value

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.value, standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"value": self.value}


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere."""

    def __init__(self, gain=1.0):
        self.gain = finite("Identity", "gain", gain)

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of rank 2. Received: shape={shape}")
        return np.eye(*shape, dtype=standardize_dtype(dtype)) * np.array(self.gain, standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"gain": self.gain}
