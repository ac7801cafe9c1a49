"""Models whose state is handled from outside, and comparisons of it."""

import numpy as np

import swiftbn
from swiftbn import Sequential, layers

RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(6, 4)).astype("float32")
Y = RANDOM.normal(size=(6, 2)).astype("float32")


def values(variables) -> list:
    return [np.array(v.numpy()) for v in variables]


def unchanged(variables, before) -> None:
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def make_model() -> Sequential:
    model = Sequential(
        [
            swiftbn.Input((4,)),
            layers.Dense(3, kernel_regularizer="l2", name="first"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=2),
            layers.Dense(2, name="last"),
        ]
    )
    model.compile(swiftbn.optimizers.Adam(0.1), "mse", metrics=["mae"])
    return model
