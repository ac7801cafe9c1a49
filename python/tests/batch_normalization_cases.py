"""Layers, data and masks of the tests of BatchNormalization's options."""

import numpy as np

from swiftbn import layers

RANDOM = np.random.default_rng(71)
X = (RANDOM.normal(size=(7, 4, 3)) * 2 + 1).astype("float64")
EPSILON = 1e-3


def make(**options):
    layer = layers.BatchNormalization(dtype="float64", **options)
    layer.build((None, 4, 3))
    for weight in layer.trainable_variables:
        weight.assign(RANDOM.uniform(0.5, 2, size=weight.shape))
    return layer


def normalized(layer, x, mean, variance):
    return np.asarray(layer.gamma) * (x - mean) / np.sqrt(variance + EPSILON) + np.asarray(layer.beta)


def state(layer):
    return [np.array(v) for v in layer.non_trainable_variables]


# Masks

MASKS = {
    "positions": RANDOM.uniform(size=(7, 4)) > 0.4,
    "samples": np.array([1, 1, 0, 1, 0, 1, 1]),
    "numbers": (RANDOM.uniform(size=(7, 4)) > 0.4).astype("float32"),
    "elements": RANDOM.uniform(size=(7, 4, 3)) > 0.3,
    "all": np.ones((7, 4), bool),
}
