"""Dropout."""

from __future__ import annotations

from swiftbn import random
from swiftbn.layers._arguments import number, only
from swiftbn.layers.layer import Layer


class Dropout(Layer):
    """In training each element is kept with probability 1 - rate and divided by it, else it becomes 0.

    Srivastava et al. 2014. The layer's random state is saved with its model; equal seeds give equal results.

    Args:
        rate: fraction of elements to drop, 0 ≤ rate < 1.
        noise_shape: only None.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        rate = number("Dropout", "rate", rate, lambda v: 0 <= v < 1, "a number with 0 <= rate < 1")
        only("Dropout", noise_shape=(noise_shape, None))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.rate = rate
        self.seed = seed
        self.noise_shape = noise_shape
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, seed=self.seed_generator)
        return inputs

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
