"""Batch normalization folded in functional models: branches, shared layers, models in models, and the check itself."""

import numpy as np
import pytest
from batch_norm_models import normalizations, randomize
from test_folding import folded_equal

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops
from swiftbn.batch_norm import _check, folding

BN = layers.BatchNormalization


def result(model, name):
    return dict(model.folding_report)[name]


def test_residual_block():
    x = Input((8, 8, 3))
    left = BN(name="a")(layers.Conv2D(4, 3, padding="same", use_bias=False)(x))
    left = layers.Activation("relu")(left)
    left = BN(name="b")(layers.Conv2D(4, 3, padding="same", use_bias=False)(left))
    right = BN(name="c")(layers.Conv2D(4, 1)(x))
    y = layers.ReLU()(layers.Add()([left, right]))
    y = layers.Dense(2)(layers.GlobalAveragePooling2D()(BN(name="d")(y)))
    folded_equal(Model(x, y), negative=True)


def test_concatenation_and_operators():
    x = Input((6,))
    a = BN(name="a")(layers.Dense(4)(x))
    b = BN(name="b")(layers.Dense(3, activation="relu")(x))
    joined = BN(name="c")(layers.Concatenate()([a, b]) * 2.0)
    y = layers.Dense(3)(ops.relu(layers.Dense(5, activation="tanh")(joined)))
    folded = folded_equal(Model(x, y), kept=("b",), negative=True)
    assert "'concatenate" in result(folded, "b") and folded.layers[0].name == x._keras_history.operation.name


def test_several_inputs_and_outputs():
    one, two = Input((4,), name="one"), Input((5,), name="two")
    hidden = layers.Dense(4, activation="relu")(layers.Concatenate()([one, BN(name="a")(two)]))
    normalized = BN(name="b")(hidden)
    first = layers.Dense(2, name="left")(normalized)
    second = BN(name="d")(layers.Dense(3, name="right")(BN(name="c")(hidden)))
    model = Model({"one": one, "two": two}, {"y": first, "z": second, "n": normalized})
    randomize(model, negative=True)
    folded = swiftbn.fold_batch_norm(model)
    assert {layer.name for layer in normalizations(folded)} == {"a", "b"}
    assert result(folded, "b") == (
        "kept: the output of 'dense' is used elsewhere, too; its output is an output of the model"
    ).replace("'dense'", f"'{hidden._keras_history.operation.name}'")
    assert result(folded, "c") == result(folded, "d") == "folded into 'right'"
    random = np.random.default_rng(1)
    x = {"one": random.normal(size=(3, 4)), "two": random.normal(size=(3, 5))}
    expected, got = model(x), folded(x)
    assert list(got) == ["y", "z", "n"] and folded.input_names == model.input_names
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], atol=2e-5)


def test_values_that_are_used_elsewhere():
    x = Input((4,))
    hidden = layers.Dense(3)(x)
    model = Model(x, [BN(name="bn")(hidden), hidden])
    folded_equal(model, kept=("bn",))
    normalized = BN(name="bn")(layers.Dense(3, activation="relu")(x))
    folded_equal(Model(x, [layers.Dense(2)(normalized), layers.Dense(2)(normalized)]), kept=("bn",))
    # Twice by the same layer.
    folded_equal(Model(x, layers.Add()([normalized, normalized])), kept=("bn",))
    # Behind a layer that it went into the value may be used by many.
    normalized = BN(name="bn")(layers.Dense(3)(x))
    folded_equal(Model(x, [layers.Dense(2)(normalized), layers.ReLU()(normalized), normalized]))


def test_shared_layers():
    one, two = Input((4,)), Input((4,))
    bn, dense = BN(name="bn"), layers.Dense(4)
    shared = Model([one, two], layers.Add()([bn(layers.Dense(4)(one)), bn(layers.Dense(4)(two))]))
    folded = folded_equal(shared, kept=("bn",))
    assert result(folded, "bn") == "kept: it is called more than once" and len(folded.folding_report) == 1
    shared = Model([one, two], layers.Add()([BN(name="bn")(dense(one)), dense(two)]))
    assert "called more than once" in result(folded_equal(shared, kept=("bn",)), "bn")
    shared = Model([one, two], layers.Add()([dense(BN(name="bn")(one)), dense(two)]))
    assert "called more than once" in result(folded_equal(shared, kept=("bn",)), "bn")
    # A second call outside of the model does not count.
    inside = layers.Dense(4)
    inside(two)
    folded_equal(Model(one, BN()(inside(one))))


def test_training_mode_is_kept():
    x = Input((4,))
    folded = swiftbn.fold_batch_norm(Model(x, BN(name="bn")(layers.Dense(3)(x), training=True)))
    assert "training mode" in result(folded, "bn")
    y = layers.Dense(2)(layers.Dropout(0.5)(BN(name="bn")(layers.Dense(3, activation="relu")(x)), training=True))
    assert "training mode" in result(swiftbn.fold_batch_norm(Model(x, y), check=False), "bn")
    y = BN(name="bn")(layers.Dense(3)(x), training=False)
    folded_equal(Model(x, y))


def test_models_inside():
    inner = Sequential([Input((4,)), layers.Dense(3), BN(name="a"), layers.ReLU(), BN(name="b")], name="inner")
    x = Input((4,))
    branch = Model(x, BN(name="c")(layers.Dense(4)(x)), name="branch")
    one, two = Input((4,)), Input((4,))
    y = layers.Dense(2)(BN(name="d")(layers.Add()([inner(branch(one)), inner(two)])))
    folded = folded_equal(Model([one, two], y), kept=("b",), negative=True)
    assert result(folded, "inner/a").startswith("folded") and result(folded, "branch/c").startswith("folded")
    assert type(folded.get_layer("inner")) is Sequential
    folded_equal(Sequential([Input((4,)), inner, layers.Dense(2)]), kept=("b",))
    outer = Model(one, inner(one, training=True))
    folded = swiftbn.fold_batch_norm(randomize(outer), check=False)
    assert "training mode" in result(folded, "inner/a") and len(normalizations(folded)) == 2


class Own(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.bn = BN(name="bn")

    def call(self, inputs):
        return self.bn(inputs)


class OwnNormalization(BN):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training, mask) + 1


class OwnDense(layers.Dense):
    def call(self, inputs):
        return super().call(inputs) ** 2


def test_own_classes_are_kept():
    folded_equal(Sequential([Input((4,)), layers.Dense(3), Own(), layers.Dense(2)]), kept=("bn",))
    folded_equal(Sequential([Input((4,)), layers.Dense(3), OwnNormalization(name="bn")]), kept=("bn",))
    folded_equal(Sequential([Input((4,)), OwnDense(3), BN(name="bn")]), kept=("bn",))


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_check_allows_rounding(scale):
    """Statistics of any size, and a mean that is large against the deviation."""
    rows = [Input((10,)), BN(), layers.Dense(20, activation="relu"), BN(), layers.Dense(20), BN(), layers.Dense(4)]
    for seed in range(5):
        model = randomize(Sequential([type(r).from_config(r.get_config()) if r is not rows[0] else r for r in rows]))
        random = np.random.default_rng(seed)
        for layer in normalizations(model):
            layer.moving_mean[...] = random.normal(size=layer.gamma.shape) * scale
            layer.moving_variance[...] = (random.uniform(0.01, 2, layer.gamma.shape) * scale) ** 2
        assert not normalizations(swiftbn.fold_batch_norm(model))


@pytest.mark.parametrize("part", ["kernel", "bias"])
@pytest.mark.parametrize("function", ["scale_output", "scale_input"])
def test_check_finds_wrong_weights(monkeypatch, part, function):
    right = getattr(folding, function)

    def wrong(layer, old, affine):
        new = right(layer, old, affine)
        return new._replace(**{part: getattr(new, part) * 1.01})

    monkeypatch.setattr(folding, function, wrong)
    rows = [Input((4,)), layers.Dense(8), BN(), layers.ReLU(), layers.Dense(8), layers.ReLU(), BN(), layers.Dense(3)]
    model = randomize(Sequential(rows))
    with pytest.raises(ArithmeticError, match="differs by .* than the .* that rounding explains.*folded into"):
        swiftbn.fold_batch_norm(model)
    assert not normalizations(swiftbn.fold_batch_norm(model, check=False))


def test_check_uses_inputs_of_the_size_of_the_moving_statistics():
    model = randomize(Sequential([Input((4,)), BN(name="bn"), layers.Dense(8), layers.ReLU(), BN(name="late")]))
    first, late = normalizations(model)
    first.moving_mean[...], first.moving_variance[...] = [0, 100, -200, 300], [1, 4, 9, 16]
    late.moving_variance[...] = 1e8
    batches = [x for (x,) in _check._inputs(model, [first, late], np.random.default_rng(0))]
    np.testing.assert_allclose(batches[-1].mean(axis=0), [0, 100, -200, 300], atol=8)
    reached = [model.layers[2](model.layers[1](model.layers[0](x))).std() for x in batches]
    assert max(reached) > 2e3 and min(reached) < 10


def test_integer_inputs_are_not_given_to_other_layers():
    x = Input((4,), dtype="int32")
    folded = folded_equal(Model(x, layers.Dense(2)(BN(name="bn")(x))), kept=("bn",))
    assert "another dtype" in result(folded, "bn")


def test_trainable_stays():
    model = Sequential([Input((4,)), layers.Dense(3), BN(), layers.Dense(2)])
    model.layers[0].trainable = False
    folded = swiftbn.fold_batch_norm(model)
    assert folded.trainable and [layer.trainable for layer in folded.layers] == [False, True]
    model.trainable = False
    folded = swiftbn.fold_batch_norm(model)
    assert not folded.trainable and not folded.trainable_weights


def test_a_model_that_does_not_run_on_random_inputs():
    x = Input((None, None, 1))
    y = layers.Dense(2)(layers.Reshape((49,))(BN()(x)))
    with pytest.raises(ValueError, match=r"random inputs of shapes \(8, 32, 32, 1\); use check=False"):
        swiftbn.fold_batch_norm(Model(x, y))
    assert swiftbn.fold_batch_norm(Model(x, y), check=False).folding_report[0].result.startswith("kept")
