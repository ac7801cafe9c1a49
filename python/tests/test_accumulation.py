"""fit(accumulate=k): gradients of parts of a batch, one update."""

import numpy as np
import pytest
from training_models import LABELS, RANDOM, X, two_outputs

import swiftbn
from swiftbn import Input, Sequential, layers, optimizers

WEIGHTS = RANDOM.uniform(0.5, 2, size=50).astype("float32")


@pytest.mark.parametrize("parts", [2, 3, 7, 100])
def test_accumulated_gradients_are_those_of_the_batch(parts):
    results = []
    for accumulate in (1, parts):
        swiftbn.utils.set_random_seed(8)
        model = Sequential(
            [Input((4,)), layers.Dense(8, "tanh", kernel_regularizer="l2"), layers.Dense(3, activation="softmax")]
        )
        model.compile(optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(X, LABELS, batch_size=16, epochs=3, sample_weight=WEIGHTS, accumulate=accumulate, verbose=0)
        results.append((history.history, model.get_weights()))
        assert int(model.optimizer.iterations) == 12
    for name, values in results[0][0].items():
        np.testing.assert_allclose(results[1][0][name], values, rtol=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_accumulation_normalizes_each_part_by_its_own_statistics():
    model = Sequential([Input((4,)), layers.BatchNormalization(momentum=0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], batch_size=50, accumulate=2, shuffle=False, verbose=0)
    means = [X[:25].mean(0), X[25:].mean(0)]
    expected = 0.5 * (0.5 * means[0]) + 0.5 * means[1]
    np.testing.assert_allclose(model.layers[0].moving_mean.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_accumulation_needs_less_memory():
    sizes = []
    for accumulate in (1, 8):
        model = Sequential([Input((64,)), *[layers.Dense(64, activation="tanh") for _ in range(8)], layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.zeros((4096, 64), "float32")
        model.fit(x, x[:, :1], batch_size=4096, accumulate=accumulate, verbose=0)
        step = next(step for key, step in model._programs.items() if key[0] == "train")
        sizes.append(step.program.plans()[0][2])
    assert sizes[1] < sizes[0] / 4


def test_accumulation_of_several_outputs():
    results = []
    for accumulate in (1, 4):
        swiftbn.utils.set_random_seed(9)
        model = two_outputs()
        model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], loss_weights=[0.5, 2.0])
        weights = {"value": WEIGHTS, "kind": WEIGHTS[::-1].copy()}
        y = {"value": X[:, 3:], "kind": LABELS}
        model.fit([X, X[:, :2]], y, sample_weight=weights, batch_size=50, accumulate=accumulate, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
