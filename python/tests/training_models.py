"""Data and models of the tests of training."""

import numpy as np

from swiftbn import Input, Model, Sequential, layers

RANDOM = np.random.default_rng(21)
X = RANDOM.normal(size=(50, 4)).astype("float32")
LABELS = (X[:, 0] + X[:, 1] > 0).astype("int64") + (X[:, 2] > 0.5)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]


def classifier(activation="softmax"):
    return Sequential([Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(3, activation=activation)])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def crossentropy(probabilities, labels=LABELS):
    return -np.log(probabilities[np.arange(len(labels)), labels])


def two_outputs():
    a, b = Input((4,), name="a"), Input((2,), name="b")
    x = layers.Concatenate()([layers.Dense(5, activation="tanh")(a), b])
    return Model([a, b], [layers.Dense(1, name="value")(x), layers.Dense(3, activation="softmax", name="kind")(x)])


INPUTS = [X, X[:, :2]]
TARGETS = [X[:, 3:], LABELS]


def train_step(model):
    """The program of the model's training step."""
    return next(step for key, step in model._programs.items() if key[0] == "train").program


def arena(model) -> int:
    return train_step(model).plans()[0][2]
