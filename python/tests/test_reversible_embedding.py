"""Tokens to vectors and back; layers as dictionaries."""

import os

import numpy as np
import pytest
from checks import check_gradient

import swiftbn
from swiftbn import Input, layers, ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
TOKENS = np.array([[1, 2, 0], [4, 0, 3]], "int32")
RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("cap", [None, 2.0])
def test_both_ways(tied, cap):
    layer = layers.ReversibleEmbedding(5, 4, tie_weights=tied, logit_soft_cap=cap, dtype="float64")
    vectors = layer(TOKENS)
    np.testing.assert_array_equal(vectors, layer.embeddings.numpy()[TOKENS])
    kernel = layer.embeddings.numpy().T if tied else layer.reverse_embeddings.numpy()
    assert len(layer.weights) == (1 if tied else 2)
    y = RANDOM.normal(size=(2, 3, 4)) * 30
    expected = y @ kernel
    if cap is not None:
        expected = np.tanh(expected / cap) * cap
    np.testing.assert_allclose(layer(y, reverse=True), expected, rtol=1e-12)
    check_gradient(lambda v: layer(v, reverse=True), y / 30)
    assert layer.compute_output_shape((None, 3)) == (None, 3, 4)
    assert layer.compute_output_shape((None, 3, 4), reverse=True) == (None, 3, 5)
    low = layers.ReversibleEmbedding(5, 4, reverse_dtype="float64")
    assert low(low(TOKENS), reverse=True).dtype == "float64"
    again = layers.ReversibleEmbedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_masks():
    layer = layers.ReversibleEmbedding(5, 4, mask_zero=True)
    x = layer(Input((3,), dtype="int32"))
    assert x._keras_mask is not None
    scores = layer(x, reverse=True)
    assert scores.shape == (None, 3, 5) and scores._keras_mask is None


def model_of(k):
    layer = k.layers.ReversibleEmbedding(5, 4, mask_zero=True, logit_soft_cap=3.0, name="tokens")
    inputs = k.Input((3,), dtype="int32", name="ids")
    x = k.layers.LSTM(4, return_sequences=True, name="lstm")(layer(inputs))
    return k.Model(inputs, layer(x, reverse=True), name="model")


def test_language_model(tmp_path):
    model = model_of(swiftbn)
    model.compile("adam", swiftbn.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(TOKENS, TOKENS, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(TOKENS, verbose=0), model.predict(TOKENS, verbose=0))


@pytest.mark.interop
def test_keras(tmp_path):
    keras = pytest.importorskip("keras")
    ours, theirs = model_of(swiftbn), model_of(keras)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    ours.set_weights([RANDOM.normal(size=w.shape) for w in ours.weights])
    theirs.set_weights(ours.get_weights())
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    expected = theirs.predict(TOKENS, verbose=0)
    models = [ours, saving.load_model(tmp_path / "theirs.keras"), keras.saving.load_model(tmp_path / "ours.keras")]
    for model in models:
        np.testing.assert_allclose(model.predict(TOKENS, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_layers_as_dictionaries():
    layer = layers.Conv2D(3, 2, name="c")
    layer.build((None, 4, 4, 1))
    config = layers.serialize(layer)
    assert config["class_name"] == "Conv2D" and config["module"] == "keras.layers"
    again = layers.deserialize(config)
    assert again.get_config() == layer.get_config() and again.kernel.shape == (2, 2, 1, 3)

    class Own(layers.Layer):
        def call(self, x):
            return ops.square(x)

    own = layers.deserialize(layers.serialize(Own(name="own")), custom_objects={"Own": Own})
    assert type(own) is Own and own.name == "own"
    for bad in ({"class_name": "Nothing", "config": {}}, {"a": 1}, layers.serialize, None):
        with pytest.raises(ValueError):
            layers.deserialize(bad)


BAD = [
    (lambda: layers.ReversibleEmbedding(5, 4, logit_soft_cap=0), "logit_soft_cap=0"),
    (lambda: layers.ReversibleEmbedding(5, 4, reverse_dtype="int32"), "reverse_dtype='int32'"),
    (lambda: layers.ReversibleEmbedding(0, 4), "input_dim=0"),
    (lambda: layers.ReversibleEmbedding(5, 4)(np.ones((2, 3)), reverse=True), "with reverse=True"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
