"""Noise that regularizes: added, multiplied, or such that self-normalizing networks stay normalized."""

from __future__ import annotations

import math

from swiftbn import ops, random
from swiftbn._checks import number
from swiftbn.layers._shapes import SameShape
from swiftbn.layers.dropout import checked_noise_shape, checked_rate

# Minus scale·alpha of `selu`: what it tends to far below zero.
_SATURATED = -1.0507009873554805 * 1.6732632423543772


class GaussianNoise(SameShape):
    """In training normal noise of mean 0 is added.

    Args:
        stddev: its standard deviation, 0 ≤ stddev ≤ 1.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        stddev = number("GaussianNoise", "stddev", stddev, lambda v: 0 <= v <= 1, "a number with 0 <= stddev <= 1")
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        if stddev > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if training and self.stddev > 0:
            noise = random.normal(inputs.shape, 0.0, self.stddev, dtype=self.dtype, seed=self.seed_generator)
            return ops.add(inputs, noise)
        return inputs

    def get_config(self) -> dict:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(SameShape):
    """In training each element is multiplied by a normal number of mean 1 and standard deviation √(rate/(1 - rate)).

    Srivastava et al. 2014, section 10; mean and variance are those of `Dropout`.

    Args:
        rate: 0 ≤ rate < 1.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, rate, seed=None, **kwargs):
        rate = checked_rate("GaussianDropout", rate)
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if training and self.rate > 0:
            stddev = math.sqrt(self.rate / (1 - self.rate))
            noise = random.normal(inputs.shape, 1.0, stddev, dtype=self.dtype, seed=self.seed_generator)
            return ops.multiply(inputs, noise)
        return inputs

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(SameShape):
    """In training elements become what `selu` tends to, then all are scaled such that mean 0 and variance 1 stay so.

    Klambauer et al. 2017.

    Args:
        rate: fraction of elements to drop, 0 ≤ rate < 1.
        noise_shape, seed: as of `Dropout`.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        rate = checked_rate("AlphaDropout", rate)
        noise_shape = checked_noise_shape("AlphaDropout", noise_shape)
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.noise_shape = noise_shape
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = inputs.shape if self.noise_shape is None else self.noise_shape
        shape = random.noise_shape_of("AlphaDropout", shape, inputs.shape)
        chance = random.uniform(shape, dtype=self.dtype, seed=self.seed_generator)
        scale = ((1 - self.rate) * (1 + self.rate * _SATURATED**2)) ** -0.5
        kept = ops.where(ops.less(chance, self.rate), _SATURATED, inputs)
        return ops.add(ops.multiply(kept, scale), -scale * _SATURATED * self.rate)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
