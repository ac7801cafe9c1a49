"""RematScope: which layers are computed again, and that no number changes."""

import copy
import pickle

import pytest
from rematerialization_cases import assert_same, trained
from training_models import arena

from swiftbn import Input, Model, RematScope, Sequential, layers, ops

SCOPES = {
    "full": dict(),
    "activations": dict(mode="activations"),
    "larger_than": dict(mode="larger_than", output_size_threshold=1024),
    "list_of_layers": dict(mode="list_of_layers", layer_names=["b", "c"]),
    "none": dict(mode=None),
}


def act(x):
    """An activation of several operations, each of which keeps something."""
    return ops.multiply(x, ops.sigmoid(ops.multiply(x, 1.7)))


def stack():
    return Sequential(
        [
            Input((48,)),
            layers.Dense(48, activation=act, name="a"),
            layers.BatchNormalization(name="b"),
            layers.Dense(48, activation=act, name="c"),
            layers.Dropout(0.2, seed=3, name="d"),
            layers.Dense(1, name="e"),
        ]
    )


@pytest.mark.parametrize("mode", SCOPES)
def test_scopes_change_no_number(mode):
    assert_same(trained(stack), trained(stack, RematScope(**SCOPES[mode])))


def test_scopes_save_memory():
    def deep():
        mlp = [layers.Dense(48, activation=act, name=f"layer{index}") for index in range(8)]
        return Sequential([Input((48,)), *mlp, layers.Dense(1)])

    sizes = {
        name: arena(trained(deep, name and RematScope(**name and scope))[0])
        for name, scope in {
            None: {},
            **SCOPES,
            "list_of_layers": dict(mode="list_of_layers", layer_names=["layer2", "layer3"]),
        }.items()
    }
    assert sizes["none"] == sizes[None]
    for mode in ("full", "activations", "larger_than"):
        assert sizes[mode] < 0.75 * sizes[None], mode
    assert 0.75 * sizes[None] < sizes["list_of_layers"] < sizes[None]


def test_larger_than_counts_elements_of_the_batch():
    def make():
        return Sequential([Input((48,)), layers.Dense(48, activation=act), layers.Dense(48), layers.Dense(1)])

    def size(threshold):
        return arena(trained(make, RematScope("larger_than", threshold))[0])

    assert size(256 * 48) == arena(trained(make)[0]) > size(256 * 48 - 1)


def test_the_innermost_scope_counts_when_a_layer_is_made():
    with RematScope():
        outer = layers.Dense(2)
        with RematScope("larger_than", 7):
            inner = layers.Dense(2)
        with RematScope(mode=None):
            none = layers.Dense(2)
        again = layers.Dense(2)
    outside = layers.Dense(2)
    assert [layer._remat_mode and layer._remat_mode.mode for layer in (outer, inner, none, again, outside)] == [
        *("full", "larger_than", None, "full", None),
    ]
    assert inner._remat_mode.output_size_threshold == 7
    for same in (copy.deepcopy(outer), pickle.loads(pickle.dumps(outer))):
        assert same._remat_mode == outer._remat_mode


def test_a_scope_ends_with_an_error():
    with pytest.raises(KeyError), RematScope():
        raise KeyError
    assert layers.Dense(2)._remat_mode is None


def test_a_model_and_its_layers_in_a_scope():
    """The model is a layer too: regions in regions."""

    def make():
        inputs = Input((48,))
        x = layers.Dense(48, activation="silu")(inputs)
        x = ops.tanh(layers.BatchNormalization()(x) * 2.0)
        inner = Sequential([layers.Dense(48, activation="gelu"), layers.GaussianNoise(0.1, seed=2)])
        return Model(inputs, layers.Dense(1)(inner(x)))

    assert_same(trained(make), trained(make, RematScope()))
