"""Training in parts with the statistics of the whole batch, beside training with whole batches."""

import numpy as np
from training_models import LABELS, RANDOM, X

import swiftbn
from swiftbn import Input, Sequential, layers, optimizers

WEIGHTS = RANDOM.uniform(0.5, 2, size=50).astype("float32")


def trained(make, division, x=X, y=LABELS, loss="sparse_categorical_crossentropy", rate=0.1, **arguments):
    swiftbn.utils.set_random_seed(8)
    model = make()
    model.compile(optimizers.SGD(rate, momentum=0.9), loss, metrics=arguments.pop("metrics", None))
    arguments = {"batch_size": 16, "epochs": 2, "verbose": 0, **arguments}
    return model, model.fit(x, y, **arguments, **division).history


def union(parts) -> dict:
    return dict(accumulate=parts, accumulate_statistics="union")


def assert_as_one_batch(make, parts=3, tolerance=1e-4, **arguments):
    """Weights, moving statistics and logs of parts are those of whole batches."""
    (whole, logs), (divided, divided_logs) = (trained(make, division, **arguments) for division in ({}, union(parts)))
    assert set(logs) == set(divided_logs)
    for name, values in logs.items():
        np.testing.assert_allclose(divided_logs[name], values, rtol=tolerance, err_msg=name)
    for a, b in zip(whole.weights, divided.weights, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=10 * tolerance, atol=tolerance, err_msg=a.path)
    return whole, divided


def network(**arguments):
    def make():
        return Sequential(
            [
                Input((4,)),
                layers.Dense(8, kernel_regularizer="l2"),
                layers.BatchNormalization(momentum=0.6, **arguments),
                layers.Activation("tanh"),
                layers.Dense(6, activation="tanh"),
                layers.BatchNormalization(momentum=0.6, **arguments),
                layers.Dense(3, activation="softmax"),
            ]
        )

    return make
