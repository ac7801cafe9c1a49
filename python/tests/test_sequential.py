"""Sequential models: building, structure, configuration."""

import numpy as np
import pytest

from swiftbn import Input, Sequential, layers

RANDOM = np.random.default_rng(5)


def small_sequential():
    return Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.Dense(2)])


def test_sequential_is_built_with_an_input():
    model = small_sequential()
    assert model.built and model.input_shape == (None, 4) and model.output_shape == (None, 2)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "BatchNormalization", "Dense"]
    assert [w.name for w in model.weights] == [
        "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias",
    ]  # fmt: skip
    assert len(model.trainable_weights) == 6 and len(model.non_trainable_weights) == 2
    assert model.count_params() == 4 * 3 + 3 + 4 * 3 + 3 * 2 + 2


@pytest.mark.parametrize("first", [dict(input_shape=(4,)), dict(input_dim=4)])
def test_sequential_is_built_with_the_shape_on_its_first_layer(first):
    model = Sequential([layers.Dense(3, **first), layers.Dense(2)])
    assert model.built and model.input_shape == (None, 4)


def test_sequential_is_built_by_its_first_call():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built and model.weights == []
    assert model(np.ones((5, 4))).shape == (5, 2)
    assert model.built and model.input_shape == (None, 4)
    other = Sequential([layers.Dense(3)])
    other.build((None, 7))
    assert other.layers[0].kernel.shape == (7, 3)


def test_sequential_computes_what_its_layers_compute():
    model = small_sequential()
    x = RANDOM.normal(size=(6, 4)).astype("float32")
    y = x
    for layer in model.layers:
        y = layer(y)
    np.testing.assert_array_equal(model(x), y)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-6)


def test_sequential_add_and_pop():
    model = Sequential()
    model.add(Input((4,)))
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3)
    last = layers.Dense(2)
    model.add(last)
    assert model.output_shape == (None, 2)
    assert model.pop() is last and model.output_shape == (None, 3)
    assert model(np.ones((1, 4))).shape == (1, 3)
    assert len(model.layers[0]._inbound_nodes) == 1
    with pytest.raises(ValueError, match=r"'flat'"):
        model.add(layers.Flatten(name="flat"))
        model.add(layers.Conv2D(1, 1))
    assert model.layers[-1].name == "flat"
    with pytest.raises(ValueError, match="name"):
        model.add(layers.Dense(1, name="flat"))
    with pytest.raises(ValueError, match="expected layers"):
        model.add(3)
    with pytest.raises(ValueError, match="first entry"):
        model.add(Input((3,)))


def test_configuration_of_an_unbuilt_sequential():
    twin = Sequential.from_config(Sequential([layers.Dense(3)]).get_config())
    assert not twin.built and twin(np.ones((2, 5))).shape == (2, 3)
