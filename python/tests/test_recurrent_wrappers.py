"""Cells of one's own, stacked cells, Bidirectional and TimeDistributed."""

import numpy as np
import pytest
from checks import check_layer_gradients

import swiftbn
from swiftbn import Input, Sequential, layers, ops
from swiftbn.masking import get_keras_mask

RANDOM = np.random.default_rng(17)
X = RANDOM.normal(size=(4, 5, 3))
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)


class Minimal:
    """A cell that is no layer: a running sum."""

    state_size = 3

    def call(self, inputs, states):
        total = states[0] + inputs
        return 2 * total, [total]


def test_users_cells():
    y, state = layers.RNN(Minimal(), return_sequences=True, return_state=True, dtype="float64")(X)
    np.testing.assert_allclose(y, 2 * np.cumsum(X, axis=1))
    np.testing.assert_allclose(state, X.sum(1))
    model = Sequential([Input((5, 3)), layers.RNN(Minimal())])
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * X.sum(1), rtol=1e-5, atol=1e-5)

    class Wrong(Minimal):
        def call(self, inputs, states):
            return inputs, [ops.concatenate([states[0], inputs], axis=-1)]

    with pytest.raises(ValueError, match="state_size"):
        layers.RNN(Wrong())(Input((5, 3)))
    with pytest.raises(ValueError, match="a cell with call"):
        layers.RNN(object())
    Wrong.state_size = "3"
    with pytest.raises(ValueError, match="state_size='3'"):
        layers.RNN(Wrong())


def test_stacked_cells():
    cells = [layers.LSTMCell(4), layers.GRUCell(2), layers.SimpleRNNCell(3)]
    layer = layers.RNN(cells, return_sequences=True, return_state=True, dtype="float64")
    y, *states = layer(X)
    x = X.astype("float32")
    for cell in cells:
        x = layers.RNN(cell, return_sequences=True)(x)
    np.testing.assert_allclose(y, x, rtol=1e-4, atol=1e-5)
    assert [np.shape(s) for s in swiftbn.tree.flatten(states)] == [(4, 4), (4, 4), (4, 2), (4, 3)]
    again = layers.RNN.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.cell.output_size == 3


def test_bidirectional():
    layer = layers.Bidirectional(layers.GRU(4, return_sequences=True, dtype="float64"), dtype="float64")
    y = layer(layers.Masking(dtype="float64")(np.where(MASK[..., None], X, 0)))
    forward = layer.forward_layer(X, mask=MASK)
    backward = layer.backward_layer(X, mask=MASK)[:, ::-1]
    np.testing.assert_allclose(y, np.concatenate([forward, backward], -1), rtol=1e-12)
    assert (y[~MASK] == 0).all() and layer.backward_layer.go_backwards
    np.testing.assert_array_equal(get_keras_mask(y), MASK)
    check_layer_gradients(layer, X[:2, :3])
    values = layer.get_weights()
    copied = layers.Bidirectional(
        layers.GRU(4, return_sequences=True, dtype="float64"), weights=values, dtype="float64"
    )
    np.testing.assert_array_equal(copied(X), layer(X))


def test_bidirectional_errors():
    with pytest.raises(ValueError, match="merge_mode"):
        layers.Bidirectional(layers.LSTM(2), merge_mode="max")
    with pytest.raises(ValueError, match="recurrent layer"):
        layers.Bidirectional(layers.Dense(2))
    with pytest.raises(ValueError, match="go_backwards"):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2))
    with pytest.raises(ValueError, match="return_state"):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True, return_state=True))
    with pytest.raises(ValueError, match="initial_state"):
        layers.Bidirectional(layers.GRU(2))(X, initial_state=[np.zeros((4, 2))])
    with pytest.raises(AttributeError, match="not stateful"):
        layers.Bidirectional(layers.GRU(2)).reset_states()


@pytest.mark.parametrize("inner", [lambda: layers.Dense(2, "tanh"), lambda: layers.Embedding(9, 2)])
def test_time_distributed_calls_once(inner):
    layer = layers.TimeDistributed(inner())
    x = X.astype("float32") if isinstance(layer.layer, layers.Dense) else RANDOM.integers(0, 9, size=(4, 5, 3))
    y = layer(x)
    np.testing.assert_allclose(y, np.stack([layer.layer(x[:, t]) for t in range(5)], axis=1), rtol=1e-5, atol=1e-6)
    assert layer(x[:0]).shape == (0, *y.shape[1:])
    assert layer(Input(x.shape[1:], dtype=str(x.dtype))).shape == (None, *y.shape[1:])


def test_time_distributed_batch_normalization():
    """Each step has statistics of its own, and the moving ones take them in one after another."""
    layer = layers.TimeDistributed(layers.BatchNormalization(momentum=0.5, dtype="float64"), dtype="float64")
    y = layer(X, training=True)
    normalized = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)
    np.testing.assert_allclose(y, normalized, rtol=1e-9, atol=1e-9)
    moving = np.zeros(3)
    for t in range(5):
        moving = 0.5 * moving + 0.5 * X[:, t].mean(0)
    np.testing.assert_allclose(layer.layer.moving_mean.numpy(), moving, rtol=1e-9)
    mask = MASK.copy()
    mask[2, :] = True
    y = layer(X, training=True, mask=mask)
    for t in range(5):
        kept = X[mask[:, t], t]
        np.testing.assert_allclose(
            y[:, t], (X[:, t] - kept.mean(0)) / np.sqrt(kept.var(0) + 1e-3), rtol=1e-8, atol=1e-8
        )
    with pytest.raises(ValueError, match="mask"):
        layer(X, mask=mask[:, :3])
    with pytest.raises(ValueError, match="rank >= 3"):
        layers.TimeDistributed(layers.Dense(2))(X[:, 0])
