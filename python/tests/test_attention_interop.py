"""Attention layers and masks of tokens against real Keras: outputs, gradients, files."""

import os

import numpy as np
import pytest
from keras_pairs import listed, without_unset

import swiftbn
from swiftbn import saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(17)


HEADS = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "value_dim": 2, "dropout": 0.2, "use_gate": True}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "output_shape": (2, 3), "use_bias": False}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": (1, 2)}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": 2, "kernel_regularizer": "l2"}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "sliding_window": 2}),
    ("GroupedQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}),
    ("GroupedQueryAttention", {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1, "use_gate": True}),
]


def head_class(k, name):
    return getattr(k.layers, name if hasattr(k.layers, name) else name.replace("Grouped", "Group"))


@pytest.mark.parametrize("name, options", HEADS, ids=[f"{n} {o}" for n, o in HEADS])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_heads(name, options, masked, tmp_path):
    shape = (3, 5, 4, 4) if "attention_axes" in options else (3, 5, 4)
    x, y = RANDOM.normal(size=(2, *shape)).astype("float32")

    def model_of(k):
        inputs = [k.Input(shape[1:], name="a"), k.Input(shape[1:], name="b")]
        layer = head_class(k, name)(**options, name="heads")
        arguments = {"use_causal_mask": True} if masked and len(shape) == 3 else {}
        outputs, scores = layer(*inputs, return_attention_scores=True, **arguments)
        return k.Model(inputs, [outputs, scores, layer(*inputs, **arguments)], name="attention")

    ours, theirs = model_of(swiftbn), model_of(keras)
    layer, other = ours.get_layer("heads"), theirs.get_layer("heads")
    assert without_unset(listed(layer.get_config())) == without_unset(listed(other.get_config()))
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    ours.set_weights([RANDOM.normal(size=w.shape) for w in ours.weights])
    ours.save(tmp_path / "ours.keras")
    theirs.set_weights(ours.get_weights())
    theirs.save(tmp_path / "theirs.keras")
    expected = theirs.predict([x, y], verbose=0)
    models = [ours, saving.load_model(tmp_path / "theirs.keras"), keras.saving.load_model(tmp_path / "ours.keras")]
    for model in models:
        for a, b in zip(model.predict([x, y], verbose=0), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    shapes = (x.shape, y.shape)
    assert layer.compute_output_shape(*shapes) == tuple(other.compute_output_shape(*shapes))


@pytest.mark.parametrize("name, options", HEADS[:1] + HEADS[6:7])
def test_masks_of_tokens(name, options, tmp_path):
    """Masks of an embedding go through attention to a mean, in Keras and here."""
    tokens = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 1]], "int32")

    def model_of(k):
        inputs = k.Input((5,), dtype="int32")
        x = k.layers.Embedding(5, 4, mask_zero=True, name="tokens")(inputs)
        x = head_class(k, name)(**options, name="heads")(x, x)
        return k.Model(inputs, k.layers.Add(name="sum")([x, x]), name="attention")

    ours, theirs = model_of(swiftbn), model_of(keras)
    ours.set_weights([RANDOM.normal(size=w.shape) for w in ours.weights])
    theirs.set_weights(ours.get_weights())
    found, expected = ours.predict(tokens, verbose=0), theirs.predict(tokens, verbose=0)
    np.testing.assert_allclose(found[tokens > 0], expected[tokens > 0], rtol=1e-3, atol=1e-4)
