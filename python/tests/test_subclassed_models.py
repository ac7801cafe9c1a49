"""Subclassed models: the layers and weights that are found in them, building."""

import numpy as np

from swiftbn import Input, Model, Sequential, layers, ops


class TwoPaths(Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(units), layers.Dense(units)]
        self.heads = {"a": layers.Dense(1), "b": layers.Dense(2)}
        self.norm = layers.BatchNormalization()

    def call(self, inputs, training=None):
        x = inputs
        for block in self.blocks:
            x = ops.relu(block(x))
        x = self.norm(x, training=training)
        return {name: head(x) for name, head in self.heads.items()}


def test_subclassed_model_finds_layers_in_containers():
    model = TwoPaths()
    result = model(np.ones((2, 4)))
    assert result["a"].shape == (2, 1) and result["b"].shape == (2, 2)
    assert len(model.layers) == 5 and len(model.weights) == 4 * 2 + 4
    model.blocks.append(layers.Dense(3))
    assert len(model.layers) == 6
    model.trainable = False
    assert model.trainable_weights == [] and all(not layer.trainable for layer in model.layers)
    model.trainable = True
    assert len(model.trainable_weights) == 10
    assert model.get_config()["units"] == 3


def test_a_frozen_model_trains_nothing_in_it():
    dense = layers.Dense(2)
    model = Sequential([Input((3,)), dense], trainable=False)
    assert dense.trainable and model.trainable_weights == [] == model.trainable_variables
    assert len(model.non_trainable_weights) == 2
    before = model.get_weights()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_build_without_data():
    model = TwoPaths()
    model.build((None, 4))
    assert model.built and len(model.weights) == 12
