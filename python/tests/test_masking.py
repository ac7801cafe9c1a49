"""Masks on their way from layer to layer, and the layers that make them."""

import gc

import numpy as np
import pytest
from checks import traced

import swiftbn
from swiftbn import Input, Model, Sequential, layers, masking, ops
from swiftbn.masking import get_keras_mask, set_keras_mask

RANDOM = np.random.default_rng(11)
IDS = np.array([[1, 2, 0, 0], [3, 0, 4, 1], [0, 0, 0, 0]])
STEPS = RANDOM.normal(size=(2, 4, 3)).astype("float32")
STEPS[0, 2:] = 0
STEPS[1, 0] = 0
KEPT = np.array([[True, True, False, False], [False, True, True, True]])


class Spy(layers.Layer):
    """Keeps the masks that its calls are given."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seen = []

    def call(self, inputs, mask=None):
        self.seen.append(mask)
        return inputs * 1.0


def test_masking_layer():
    layer = layers.Masking()
    y = layer(STEPS)
    np.testing.assert_array_equal(get_keras_mask(y), KEPT)
    np.testing.assert_array_equal(y, STEPS)
    x = STEPS + 2
    y = layers.Masking(2.0)(x)
    np.testing.assert_array_equal(get_keras_mask(y), KEPT)
    np.testing.assert_array_equal(y, np.where(KEPT[..., None], x, 0))
    assert layer.compute_output_shape((None, 4, 3)) == (None, 4, 3)
    assert layers.Masking.from_config(layers.Masking(2.0).get_config()).mask_value == 2.0
    with pytest.raises(ValueError, match="mask_value"):
        layers.Masking("0")


def test_embedding():
    layer = layers.Embedding(5, 2, mask_zero=True, dtype="float64")
    y = layer(IDS)
    np.testing.assert_array_equal(y, layer.embeddings.numpy()[IDS])
    np.testing.assert_array_equal(get_keras_mask(y), IDS != 0)
    assert [w.path for w in layer.weights] == [f"{layer.name}/embeddings"]
    assert layer.compute_output_shape((None, 4)) == (None, 4, 2)
    np.testing.assert_array_equal(layer(IDS.astype("float32")), y)
    assert layer(IDS[:0]).shape == (0, 4, 2)
    plain = layers.Embedding(5, 2)
    assert get_keras_mask(plain(IDS)) is None
    given = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(layers.Embedding(5, 2, weights=[given])(np.array([3])), given[3:4])
    again = layers.Embedding.from_config(layer.get_config())
    assert (again.input_dim, again.output_dim, again.mask_zero) == (5, 2, True)


def test_embedding_gradient_adds_up():
    layer = layers.Embedding(6, 2, dtype="float64")
    layer.build()
    weights = RANDOM.normal(size=(3, 4, 2))
    gradient = swiftbn.grad(lambda _: ops.sum(layer(IDS) * weights))(layer.embeddings)
    expected = np.zeros((6, 2))
    np.add.at(expected, IDS, weights)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_embedding_errors():
    layer = layers.Embedding(5, 2)
    for bad in (5, -1):
        with pytest.raises(ValueError, match=f"index {bad} "):
            layer(np.array([[0, bad]]))
    for arguments, name in (((0, 2), "input_dim"), ((2, 1.5), "output_dim"), ((True, 2), "input_dim")):
        with pytest.raises(ValueError, match=name):
            layers.Embedding(*arguments)
    with pytest.raises(ValueError, match="lora_rank"):
        layers.Embedding(2, 2, lora_rank=1)
    with pytest.raises(AttributeError, match="not built"):
        _ = layer.from_config(layer.get_config()).embeddings


def _models(spy):
    """The same layers as a functional, a sequential, a nested and a subclassed model."""
    x = Input((4, 3))
    functional = Model(x, spy(layers.Dropout(0.5)(layers.Masking()(x))))
    sequential = Sequential([layers.Masking(), layers.Dropout(0.5), spy])
    inner_input = Input((4, 3))
    inner = Model(inner_input, layers.Activation("linear")(inner_input))
    outer_input = Input((4, 3))
    nested = Model(outer_input, spy(Sequential([inner])(layers.Masking()(outer_input))))

    class Subclassed(Model):
        def __init__(self):
            super().__init__()
            self.masking, self.spy = layers.Masking(), spy

        def call(self, inputs):
            return self.spy(self.masking(inputs))

    return {"functional": functional, "sequential": sequential, "nested": nested, "subclassed": Subclassed()}


@pytest.mark.parametrize("kind", ["functional", "sequential", "nested", "subclassed"])
def test_masks_reach_layers_in_models(kind):
    spy = Spy()
    model = _models(spy)[kind]
    y = model(STEPS)
    np.testing.assert_array_equal(spy.seen[-1], KEPT)
    np.testing.assert_array_equal(get_keras_mask(y), KEPT)
    np.testing.assert_array_equal(traced(lambda x: get_keras_mask(model(x)), STEPS), KEPT)


def test_symbolic_masks_can_be_given_to_layers():
    ids, x = Input((4,), dtype="int32"), Input((4, 3))
    embedded = layers.Embedding(5, 3, mask_zero=True)(ids)
    assert embedded._keras_mask.shape == (None, 4) and embedded._keras_mask.dtype == "bool"
    spy = Spy()
    model = Model([ids, x], spy(x, mask=embedded._keras_mask))
    model([IDS[:2], STEPS])
    np.testing.assert_array_equal(spy.seen[-1], IDS[:2] != 0)


def test_batch_normalization_gets_the_mask():
    x = Input((4, 3))
    layer = layers.BatchNormalization(momentum=0.0)
    model = Model(x, layers.Dense(1)(layer(layers.Masking()(x))))
    model.compile("sgd", "mse")
    model.fit(STEPS, np.zeros((2, 4, 1)), batch_size=2, epochs=1, verbose=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), STEPS[KEPT].mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), STEPS[KEPT].var(0), rtol=1e-5, atol=1e-6)


def test_a_given_mask_counts():
    spy = Spy()
    other = np.ones((2, 4), bool)
    spy(layers.Masking()(STEPS), mask=other)
    assert spy.seen[-1] is other
    x = Input((4, 3))
    model = Model(x, spy(x))
    y = model(STEPS, mask=KEPT)
    np.testing.assert_array_equal(spy.seen[-1], KEPT)
    np.testing.assert_array_equal(get_keras_mask(y), KEPT)
    assert get_keras_mask(STEPS) is None
    model(STEPS)
    assert spy.seen[-1] is None
    with pytest.raises(ValueError, match="mask"):
        model(STEPS, mask=[KEPT, KEPT])


def test_the_callers_arrays_get_no_mask():
    dropout = layers.Dropout(0.5)
    x = STEPS.copy()
    masked = layers.Masking()(x)
    assert dropout(x) is x
    assert get_keras_mask(dropout(masked)) is get_keras_mask(masked)

    class MasksAll(layers.Layer):
        def call(self, inputs):
            return inputs

        def compute_mask(self, inputs, previous_mask):
            return ops.ones(inputs.shape[:2], "bool")

    layer = MasksAll()
    assert layer.supports_masking
    assert get_keras_mask(layer(x)).all() and get_keras_mask(x) is None

    def function(value):
        y = layer(value)
        assert y._keras_mask is not None and value._keras_mask is None
        return y

    np.testing.assert_array_equal(traced(function, x), x)


def test_a_layer_without_support_ends_the_mask():
    masked = layers.Masking()(STEPS)
    with pytest.warns(UserWarning, match=r"'flat'.*does not support masking"):
        y = layers.Flatten(name="flat")(masked)
    assert get_keras_mask(y) is None

    class TakesMask(layers.Layer):
        def call(self, inputs, mask=None):
            return inputs * ops.cast(ops.expand_dims(mask, -1), "float32")

    with pytest.warns(UserWarning, match="does not support masking"):
        y = TakesMask()(layers.Masking(9.0)(STEPS))
    assert get_keras_mask(y) is None


def test_several_inputs():
    class Two(layers.Layer):
        def call(self, a, b, a_mask=None, b_mask=None):
            self.masks = (a_mask, b_mask)
            return a + b

    layer = Two()
    layer.supports_masking = True
    y = layer(STEPS, layers.Masking()(STEPS))
    assert layer.masks[0] is None and get_keras_mask(y) is None
    np.testing.assert_array_equal(layer.masks[1], KEPT)


def test_merging():
    a, b = layers.Masking()(STEPS), layers.Masking()(STEPS[::-1].copy())
    np.testing.assert_array_equal(get_keras_mask(layers.add([a, b])), KEPT | KEPT[::-1])
    assert get_keras_mask(layers.add([a, STEPS])) is None
    np.testing.assert_array_equal(get_keras_mask(layers.concatenate([a, b])), KEPT | KEPT[::-1])
    np.testing.assert_array_equal(get_keras_mask(layers.concatenate([a, b], axis=1)), np.hstack([KEPT, KEPT[::-1]]))
    assert get_keras_mask(layers.concatenate([a, STEPS])).all()
    assert get_keras_mask(layers.concatenate([STEPS, STEPS])) is None


def test_softmax():
    x = RANDOM.normal(size=(3, 4))
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    y = layers.Softmax(dtype="float64")(x, mask=mask)
    e = np.exp(x) * mask
    np.testing.assert_allclose(y, e / np.maximum(e.sum(-1, keepdims=True), 1e-30), rtol=1e-12)
    np.testing.assert_array_equal(layers.Softmax(dtype="float64")(x, mask=mask * 1.0), y)
    with pytest.raises(ValueError, match="mask"):
        layers.Softmax()(x, mask=mask[:, :3])


def test_masks_of_arrays_do_not_outlive_them():
    before = len(masking._arrays)
    x = np.zeros(3)
    set_keras_mask(x, np.ones(3, bool))
    assert len(masking._arrays) == before + 1
    del x
    gc.collect()
    assert len(masking._arrays) == before
    x = np.zeros(3)
    set_keras_mask(x, np.ones(3, bool))
    set_keras_mask(x, None)
    assert get_keras_mask(x) is None


def test_files_keep_masking(tmp_path):
    model = Sequential([Input((4,), dtype="int32"), layers.Embedding(5, 3, mask_zero=True), layers.Masking(0.5)])
    model.save(tmp_path / "m.keras")
    again = swiftbn.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(IDS), model(IDS))
    np.testing.assert_array_equal(get_keras_mask(again(IDS)), get_keras_mask(model(IDS)))


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_masks_as_in_keras(tmp_path):
    keras = pytest.importorskip("keras")

    def build(k):
        ids, x = k.Input((4,), dtype="int32"), k.Input((4, 3))
        a = k.layers.Embedding(5, 3, mask_zero=True)(ids)
        b = k.layers.Masking()(x)
        total = k.layers.Add()([a, b])
        joined = k.layers.Concatenate()([a, k.layers.Dense(2)(b)])
        longer = k.layers.LeakyReLU()(k.layers.Concatenate(axis=1)([a, x]))
        flat = k.layers.Activation("relu")(k.layers.Flatten()(b))
        return k.Model([ids, x], [total, joined, longer, k.layers.BatchNormalization()(joined), flat])

    theirs, ours = build(keras), build(swiftbn)
    ours.set_weights(theirs.get_weights())
    for training in (False, True):
        expected = theirs([IDS[:2].astype("int32"), STEPS], training=training)
        got = ours([IDS[:2], STEPS], training=training)
        for x, y in zip(got, expected, strict=True):
            np.testing.assert_allclose(x, keras.ops.convert_to_numpy(y), rtol=1e-4, atol=1e-5)
            mask = keras.src.backend.get_keras_mask(y)
            if mask is None:
                assert get_keras_mask(x) is None
            else:
                np.testing.assert_array_equal(get_keras_mask(x), keras.ops.convert_to_numpy(mask))
    theirs.save(tmp_path / "theirs.keras")
    ours.save(tmp_path / "ours.keras")
    inputs = [IDS[:2].astype("int32"), STEPS]
    for x, y in zip(swiftbn.saving.load_model(tmp_path / "theirs.keras")(inputs), theirs(inputs), strict=True):
        np.testing.assert_allclose(x, keras.ops.convert_to_numpy(y), rtol=1e-4, atol=1e-5)
    for x, y in zip(ours(inputs), keras.saving.load_model(tmp_path / "ours.keras")(inputs), strict=True):
        np.testing.assert_allclose(x, keras.ops.convert_to_numpy(y), rtol=1e-4, atol=1e-5)
