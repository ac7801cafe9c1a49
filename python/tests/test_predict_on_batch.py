"""`predict_on_batch`, which recognizes arrays like those before."""

import numpy as np
import pytest

import swiftbn as keras
from swiftbn import layers


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((5,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(3)])


def batch(rows=6, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, 5)).astype("float32")


def test_arrays_like_those_before_give_their_own_results(model):
    for seed in range(3):
        x = batch(seed=seed)
        expected = np.asarray(model(x, training=False))
        np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.predict_on_batch(np.asfortranarray(x)), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.predict_on_batch(x.astype("float64")), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.predict_on_batch(x[::-1])[::-1], expected, rtol=1e-5, atol=1e-6)


def test_changed_weights_and_layers_are_seen(model):
    x = batch()
    model.predict_on_batch(x)
    model.layers[-1].set_weights([np.zeros((4, 3)), np.full(3, 2.0)])
    np.testing.assert_array_equal(model.predict_on_batch(x), np.full((6, 3), 2, "float32"))
    model.pop()
    assert model.predict_on_batch(x).shape == (6, 4)
    model.compile("sgd", "mse")
    model.train_on_batch(x, np.ones((6, 4)))
    np.testing.assert_allclose(model.predict_on_batch(x), np.asarray(model(x, training=False)), rtol=1e-5, atol=1e-6)


def test_results_are_new_arrays(model):
    x = batch()
    first, second = model.predict_on_batch(x), model.predict_on_batch(x)
    assert not np.shares_memory(first, second)


def test_arrays_that_do_not_fit_are_still_errors(model):
    model.predict_on_batch(batch())
    with pytest.raises(ValueError, match="at least one sample"):
        model.predict_on_batch(batch(rows=0))
    with pytest.raises(ValueError, match="shape"):
        model.predict_on_batch(batch()[:, :4])


def test_several_inputs_and_outputs_keep_their_structure():
    a, b = keras.Input((5,)), keras.Input((5,))
    model = keras.Model([a, b], {"sum": layers.Add()([a, b]), "first": layers.ReLU()(a)})
    x = batch()
    for _ in range(2):
        found = model.predict_on_batch([x, x])
        np.testing.assert_allclose(found["sum"], 2 * x)
        np.testing.assert_allclose(found["first"], np.maximum(x, 0))
