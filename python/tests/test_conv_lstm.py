"""Convolutional LSTM against its formula, step by step, and against real Keras."""

import os

import numpy as np
import pytest
from checks import check_layer_gradients

import swiftbn
from swiftbn import Input, Model, layers, ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
RANDOM = np.random.default_rng(41)
EXTENTS = {1: (6,), 2: (5, 6), 3: (3, 4, 3)}


def sequences(rank, steps=3, dtype="float64"):
    return RANDOM.normal(size=(2, steps, *EXTENTS[rank], 2)).astype(dtype)


def make(rank, *arguments, **options):
    return getattr(layers, f"ConvLSTM{rank}D")(*arguments, **options)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(layer, x, states=None):
    """(outputs, h, c); ops.conv has tests of its own."""
    kernel, recurrent, bias = (w.numpy() for w in layer.weights)
    options = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    outputs = []
    h, c = states or (0.0, 0.0)
    for t in range(x.shape[1]):
        z = ops.conv(x[:, t], kernel, **options) + bias
        if np.ndim(h):
            z = z + ops.conv(h, recurrent, padding="same")
        i, f, g, o = np.split(z, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1), h, c


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"padding": "same", "strides": 2}, {"padding": "same", "dilation_rate": 2}])
def test_values(rank, options):
    x = sequences(rank)
    layer = make(rank, 3, 2, return_sequences=True, return_state=True, dtype="float64", **options)
    outputs, h, c = layer(x)
    assert layer.weights[2].numpy().tolist() == [0] * 3 + [1] * 3 + [0] * 6
    for found, expected in zip((outputs, h, c), reference(layer, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    shapes = layer.compute_output_shape((None, *x.shape[1:]))
    assert shapes == tuple((None, *v.shape[1:]) for v in (outputs, h, c))
    again = layer(x, initial_state=[h, c])
    for found, expected in zip(again, reference(layer, x, (h, c)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    first = make(rank, 3, 2, data_format="channels_first", dtype="float64", **options)
    first.build(np.moveaxis(x, -1, 2).shape)
    first.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.moveaxis(first(np.moveaxis(x, -1, 2).copy()), 1, -1), h, rtol=1e-10, atol=1e-12)


def test_gradients():
    check_layer_gradients(make(1, 2, 3, dtype="float64", padding="same"), sequences(1, 2)[:1])
    check_layer_gradients(make(2, 1, 2, dtype="float64", activation="relu"), sequences(2, 2)[:1, :, :3, :3])


def test_masks_and_order():
    x = sequences(2)
    layer = make(2, 3, 2, return_sequences=True, dtype="float64")
    whole = layer(x)
    masked = layer(x, mask=np.array([[True, False, True], [True, True, True]]))
    np.testing.assert_allclose(masked[0, 1], whole[0, 0])
    np.testing.assert_allclose(masked[1], whole[1])
    back = make(2, 3, 2, return_sequences=True, go_backwards=True, dtype="float64")
    back.build(x.shape)
    back.set_weights(layer.get_weights())
    np.testing.assert_allclose(back(x[:, ::-1].copy()), whole)


def test_stateful():
    x = sequences(2)
    layer = make(2, 3, 2, stateful=True, dtype="float64")
    first = layer(x)
    again = layer(x)
    expected = reference(layer, np.concatenate([x, x], 1))[0]
    np.testing.assert_allclose(first, expected[:, 2], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(again, expected[:, 5], rtol=1e-10, atol=1e-12)
    layer.reset_state()
    np.testing.assert_array_equal(layer(x), first)


def test_dropout_is_the_same_in_all_steps():
    x = np.ones((2, 4, 5, 5, 2), "float32")
    options = {"dropout": 0.5, "seed": 3, "recurrent_initializer": "zeros", "activation": None}
    layer = make(2, 3, 2, return_sequences=True, **options)
    h = layer(x, training=True).astype("float64")
    assert np.array_equal(layer(x), layer(x)) and not np.array_equal(layer(x), h)
    # With the same gates in all steps h is a geometric sum.
    rises = np.diff(h, axis=1)
    np.testing.assert_allclose(rises[:, 0] / h[:, 0], rises[:, 1] / rises[:, 0], rtol=1e-3)
    again = make(2, 3, 2, return_sequences=True, **options)
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x, training=True), h.astype("float32"))
    assert make(2, 3, 2, recurrent_dropout=0.5)(x, training=True).shape == (2, 4, 4, 3)


def test_training_and_files(tmp_path):
    inputs = Input((3, 5, 6, 2))
    x = layers.ConvLSTM2D(3, 2, name="a", return_sequences=True)(inputs)
    x = layers.ConvLSTM2D(2, 2, name="b", kernel_regularizer="l2")(x)
    model = Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    model.compile("adam", "mse")
    x, y = sequences(2, dtype="float32"), np.ones((2, 1), "float32")
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.get_config() == model.get_config()


BAD = [
    (lambda: layers.ConvLSTM2D(0, 2), "ConvLSTM2D: expected filters.*filters=0"),
    (lambda: layers.ConvLSTM2D(1, (1, 2, 3)), r"kernel_size=\(1, 2, 3\)"),
    (lambda: layers.ConvLSTM1D(1, 2, strides=2, dilation_rate=2), "strides or dilation_rate to be 1"),
    (lambda: layers.ConvLSTM1D(1, 2, padding="causal"), "padding='causal'"),
    (lambda: layers.ConvLSTM2D(1, 2, dropout=1.5), "dropout=1.5"),
    (lambda: layers.ConvLSTM2D(1, 2)(np.ones((2, 3, 4, 5), "float32")), "ConvLSTM2D"),
    (lambda: layers.ConvLSTM2D(1, 2)(Input((3, None, 4, 1))), "known spatial extents"),
    (lambda: layers.ConvLSTM1D(1, 2)(np.ones((2, 3, 4, 1)), initial_state=[np.ones((2, 3, 1))]), "two states"),
    (lambda: layers.ConvLSTM1D(1, 2)(np.ones((2, 3, 4, 1)), initial_state=[np.ones((2, 4, 1))] * 2), "two states"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()


@pytest.mark.interop
@pytest.mark.usefixtures("eager_keras")
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"padding": "same", "strides": 2, "return_sequences": True, "return_state": True}]
)
def test_keras(rank, options, tmp_path):
    keras = pytest.importorskip("keras")
    x = sequences(rank, dtype="float32")

    def model_of(k):
        inputs = k.Input(x.shape[1:])
        layer = getattr(k.layers, f"ConvLSTM{rank}D")(3, 2, seed=3, dropout=0.1, name="layer", **options)
        return k.Model(inputs, layer(inputs), name="model")

    ours, theirs = model_of(swiftbn), model_of(keras)
    a, b = (model.get_layer("layer").get_config() for model in (ours, theirs))
    unset = ("activity_regularizer", "dtype")
    names = {name for name in b if name not in unset}
    assert {k: v for k, v in a.items() if k in ("filters", "strides", "padding", "seed", "unroll")} == {
        k: v for k, v in b.items() if k in ("filters", "strides", "padding", "seed", "unroll")
    }
    assert names == set(a) - set(unset)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    ours.set_weights([RANDOM.normal(size=w.shape) for w in ours.weights])
    theirs.set_weights(ours.get_weights())
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    expected = theirs.predict(x, verbose=0)
    models = [ours, saving.load_model(tmp_path / "theirs.keras"), keras.saving.load_model(tmp_path / "ours.keras")]
    for model in models:
        found = model.predict(x, verbose=0)
        for one, other in zip(*((v if isinstance(v, (list, tuple)) else [v]) for v in (found, expected)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
