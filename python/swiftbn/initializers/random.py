"""Random weights of a given distribution."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import ops, random
from swiftbn._checks import finite
from swiftbn.dtypes import standardize_dtype
from swiftbn.initializers.initializer import Initializer


class RandomInitializer(Initializer):
    """An initializer with a seed: an integer (the same values at every call), a SeedGenerator, or None."""

    def __init__(self, seed=None):
        is_own = seed is None or isinstance(seed, random.SeedGenerator)
        self._initial_seed = None if is_own else random.checked_seed(seed)
        self.seed = random.make_default_seed() if seed is None else seed

    def get_config(self) -> dict:
        return {"seed": self._initial_seed}


class RandomNormal(RandomInitializer):
    """Normal numbers of mean `mean` and standard deviation `stddev`."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = finite(type(self).__name__, "mean", mean)
        self.stddev = finite(type(self).__name__, "stddev", stddev, low=0)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        return random.normal(shape, self.mean, self.stddev, standardize_dtype(dtype), self.seed)

    def get_config(self) -> dict:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal numbers, redrawn when more than two standard deviations from the mean."""

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(shape, self.mean, self.stddev, standardize_dtype(dtype), self.seed)


class RandomUniform(RandomInitializer):
    """Numbers uniform in [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = finite("RandomUniform", "minval", minval)
        self.maxval = finite("RandomUniform", "maxval", maxval, low=minval)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        return random.uniform(shape, self.minval, self.maxval, standardize_dtype(dtype), self.seed)

    def get_config(self) -> dict:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, times `gain` (Saxe et al. 2014, arXiv 1312.6120)."""

    def __init__(self, gain=1.0, seed=None):
        self.gain = finite("Orthogonal", "gain", gain)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of rank >= 2. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = random.normal((max(rows, columns), min(rows, columns)), dtype="float64", seed=self.seed)
        q, r = np.linalg.qr(np.asarray(flat))
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return ops.cast(np.ascontiguousarray(self.gain * q.reshape(shape)), standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"gain": self.gain, **super().get_config()}
