"""Recurrent layers against NumPy step by step, and what they promise about options, states, masks and errors."""

import numpy as np
import pytest
from checks import check_layer_gradients, traced
from recurrent_reference import CELLS, run

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops
from swiftbn.masking import get_keras_mask

RANDOM = np.random.default_rng(17)
X = RANDOM.normal(size=(4, 5, 3))
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
KINDS = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


def built(kind, **options):
    """A layer with weights none of which is zero."""
    layer = KINDS[kind](4, dtype="float64", **options)
    layer.build((len(X), *X.shape[1:]) if options.get("stateful") else (None, *X.shape[1:]))
    layer.set_weights([RANDOM.normal(0, 0.6, w.shape) for w in layer.weights])
    return layer


def reference(layer, kind, x=X, **options):
    """(outputs of all steps, last states) by NumPy."""
    kernel, recurrent, *bias = (np.array(w) for w in layer.get_weights())
    bias = bias[0] if bias else np.zeros(CELLS[kind][1] * 4)
    if kind == "gru":
        options["reset_after"] = layer.reset_after
        if bias.ndim == 2:
            bias, options["bias"] = bias
    return run(kind, x @ kernel + bias, recurrent, **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"unroll": True}, {"use_bias": False}, {"go_backwards": True}, {"go_backwards": True, "unroll": True}],
)
@pytest.mark.parametrize("kind, more", [*((kind, {}) for kind in KINDS), ("gru", {"reset_after": False})])
def test_values(kind, more, options):
    layer = built(kind, return_sequences=True, return_state=True, **more, **options)
    reverse = options.get("go_backwards", False)
    for mask in (None, MASK):
        y, *states = layer(X, mask=mask)
        outputs, last = reference(layer, kind, mask=mask, reverse=reverse)
        np.testing.assert_allclose(y, outputs, rtol=1e-10, atol=1e-12)
        for state, wanted in zip(states, last, strict=True):
            np.testing.assert_allclose(state, wanted, rtol=1e-10, atol=1e-12)
    # Without a mask the output of the last step is the last state.
    short = KINDS[kind](4, dtype="float64", **more, **options)
    short.build(X.shape)
    short.set_weights(layer.get_weights())
    np.testing.assert_allclose(short(X), reference(layer, kind, reverse=reverse)[0][:, -1], rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(traced(short, X), short(X))


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_masked_steps(kind, unroll):
    """They repeat the step before, 0 before the first step that counts; or they are 0."""
    states = [RANDOM.normal(size=(4, 4)) for _ in range(CELLS[kind][2])]
    for zero in (False, True):
        layer = built(kind, return_sequences=True, unroll=unroll, zero_output_for_mask=zero)
        outputs, _ = reference(layer, kind, states=states, mask=MASK)
        seen = MASK if zero else np.logical_or.accumulate(MASK, axis=1)
        y = layer(X, initial_state=states, mask=MASK)
        np.testing.assert_allclose(y, np.where(seen[..., None], outputs, 0), rtol=1e-10, atol=1e-12)
        layer.return_sequences = False
        np.testing.assert_array_equal(layer(X, initial_state=states, mask=MASK), y[:, -1])


@pytest.mark.parametrize("options", [{}, {"unroll": True}, {"activation": "elu"}, {"recurrent_activation": "softsign"}])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, options):
    if kind == "simple_rnn" and "recurrent_activation" in options:
        pytest.skip("has no gates")
    layer = built(kind, return_sequences=True, **options)
    check_layer_gradients(layer, X[:2, :3])
    x = X[:2].copy()
    x[0, 1], x[1, 3:] = 0, 0
    y, mask = layer(layers.Masking(dtype="float64")(x)), np.any(x != 0, -1)
    np.testing.assert_allclose(y, layer(x, mask=mask), rtol=1e-12)
    np.testing.assert_array_equal(get_keras_mask(y), mask)


@pytest.mark.parametrize("kind", KINDS)
def test_native_and_written_out_are_the_same_in_training(kind):
    """The loss, and all weights after some steps."""
    results = []
    for unroll in (False, True):
        swiftbn.utils.set_random_seed(3)
        model = Sequential([Input((5, 3)), KINDS[kind](4, unroll=unroll), layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(X, np.ones((4, 1)), epochs=3, verbose=0).history["loss"]
        results.append([*model.get_weights(), history])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_steps_may_differ_from_call_to_call(kind):
    model = Sequential([Input((None, 3)), KINDS[kind](4)])
    assert model.output_shape == (None, 4)
    for steps in (1, 5, 2):
        np.testing.assert_allclose(model.predict(X[:, :steps], verbose=0), model(X[:, :steps]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_stateful(kind):
    layer = built(kind, stateful=True, return_sequences=True)
    outputs, _ = reference(layer, kind, np.concatenate([X, X], axis=1))
    np.testing.assert_allclose(layer(X), outputs[:, :5], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(traced(layer, X), outputs[:, 5:], rtol=1e-10, atol=1e-12)
    layer.reset_states()
    np.testing.assert_allclose(layer(X), outputs[:, :5], rtol=1e-10, atol=1e-12)
    # Building again begins anew, too.
    layer.build(X.shape)
    np.testing.assert_allclose(layer(X), outputs[:, :5], rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="batches of 4"):
        layer(X[:2])
    with pytest.raises(ValueError, match="known batch size"):
        Sequential([Input((5, 3)), KINDS[kind](4, stateful=True)])
    # States are not saved with the weights.
    assert len(layer.weights) == 3 and len(layer.states) == CELLS[kind][2]


def test_states_go_from_encoder_to_decoder():
    source, target = Input((5, 3)), Input((2, 3))
    _, *states = layers.LSTM(4, return_state=True, name="encoder")(source)
    decoded = layers.LSTM(4, return_sequences=True, name="decoder")(target, initial_state=states)
    model = Model([source, target], decoded)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    wanted = decoder(X[:, :2], initial_state=list(encoder(X))[1:])
    np.testing.assert_allclose(model([X, X[:, :2]]), wanted, rtol=1e-6)
    model.compile("adam", "mse")
    before = encoder.get_weights()
    model.fit([X, X[:, :2]], np.zeros((4, 2, 4)), verbose=0)
    assert all((a != b).any() for a, b in zip(before, encoder.get_weights(), strict=True))


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "unroll": True}])
@pytest.mark.parametrize("kind", KINDS)
def test_dropout(kind, options):
    layer = built(kind, seed=1, **options)
    np.testing.assert_allclose(layer(X), reference(layer, kind)[0][:, -1], rtol=1e-10, atol=1e-12)
    first, second = layer(X, training=True), layer(X, training=True)
    assert (first != second).any() and (first != layer(X)).any()
    again = built(kind, seed=1, **options)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X, training=True), first)
    assert layer.cell._dropout_cache is None


def test_dropout_is_the_same_in_all_steps():
    """With weights of 1 the outputs tell which inputs were dropped."""
    options = {"activation": "linear", "dropout": 0.5, "kernel_initializer": "ones", "return_sequences": True}
    for unroll in (False, True):
        layer = layers.SimpleRNN(1, recurrent_initializer="zeros", unroll=unroll, seed=5, **options)
        x = np.tile(np.array([1.0, 10.0, 100.0, 1000.0], "float32"), (6, 4, 1))
        y = layer(x, training=True)
        np.testing.assert_allclose(y, np.repeat(y[:, :1], 4, axis=1))
        assert len(np.unique(y[:, 0])) > 2


class Minimal:
    """A cell that is no layer: a running sum."""

    state_size = 3

    def call(self, inputs, states):
        total = states[0] + inputs
        return 2 * total, [total]


@pytest.mark.parametrize("steps", [1, 15, 16, 17, 40])
def test_written_out_steps_of_any_number(steps):
    x = RANDOM.normal(size=(2, steps, 3))
    layer = layers.RNN(Minimal(), return_sequences=True, dtype="float64")
    np.testing.assert_allclose(layer(x), 2 * np.cumsum(x, axis=1))
    weights = RANDOM.normal(size=(2, steps, 3))
    gradient = swiftbn.grad(lambda x: ops.sum(layer(x) * weights))(x)
    np.testing.assert_allclose(gradient, 2 * np.cumsum(weights[:, ::-1], axis=1)[:, ::-1])


def test_errors():
    for kind in KINDS.values():
        with pytest.raises(ValueError, match="units=-1"):
            kind(-1)
        with pytest.raises(ValueError, match="dropout=1"):
            kind(2, dropout=1.0)
        with pytest.raises(ValueError, match="at least one time step"):
            kind(2)(X[:, :0])
        with pytest.raises(ValueError, match="rank 3"):
            kind(2)(X[0])
        with pytest.raises(ValueError, match="mask"):
            kind(2)(X, mask=MASK[:, :3])
        with pytest.raises(ValueError, match="initial_state"):
            kind(2)(X, initial_state=[np.zeros((4, 2))] * 3)
        with pytest.raises(ValueError, match="initial_state"):
            kind(2)(X, initial_state=[np.zeros((4, 3))] * (2 if kind is layers.LSTM else 1))
        with pytest.raises(ValueError, match="known number of time steps"):
            kind(2, unroll=True)(Input((None, 3)))
    with pytest.raises(ValueError, match="use_cudnn"):
        layers.LSTM(2, use_cudnn=True)
    with pytest.raises(ValueError, match="implementation"):
        layers.GRU(2, implementation=3)


@pytest.mark.parametrize("kind", KINDS)
def test_files(kind, tmp_path):
    model = Sequential(
        [
            Input((5, 3)),
            layers.Masking(),
            layers.Bidirectional(KINDS[kind](3, return_sequences=True, recurrent_regularizer="l2")),
            layers.TimeDistributed(layers.BatchNormalization()),
            layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)]),
        ]
    )
    model.compile("adam", "mse")
    model.fit(X, np.zeros((4, 3)), verbose=0)
    assert len(model.losses) == 2
    model.save(tmp_path / "model.keras")
    again = swiftbn.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(X), model(X))
    assert again.get_config() == model.get_config()
