"""State trees, paths and names of what a model holds, variables that take their gradients."""

import numpy as np
import pytest
from stateless_models import X, Y, make_model, unchanged, values

import swiftbn
from swiftbn import Model, Sequential, Variable, layers, ops


def test_state_tree():
    model = make_model()
    model.fit(X, Y, verbose=0)
    state = model.get_state_tree()
    first = model.get_layer("first")
    np.testing.assert_array_equal(state["trainable_variables"][model.name]["first"]["kernel"], model.get_weights()[0])
    assert set(state) == {"trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"}
    assert set(state["metrics_variables"]) == {"loss", "mean_absolute_error"}
    everything = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    before = values(everything)
    model.fit(X, Y, epochs=2, verbose=0)
    model.set_state_tree(state)
    unchanged(everything, before)
    part = {"trainable_variables": {model.name: {"first": {"kernel": np.zeros((4, 3))}}}}
    model.set_state_tree(part)
    assert not first.kernel.numpy().any() and model.get_layer("last").kernel.numpy().any()
    part["trainable_variables"][model.name]["first"]["bias"] = np.ones(4)
    part["trainable_variables"][model.name]["first"]["kernel"] += 1
    with pytest.raises(ValueError, match=r"first/bias of shape \(3,\).*\(4,\)"):
        model.set_state_tree(part)
    assert not first.kernel.numpy().any()
    with pytest.raises(ValueError, match="no variable nothing in metrics_variables"):
        model.set_state_tree({"metrics_variables": {"nothing": 1}})
    with pytest.raises(ValueError, match="'weights'"):
        model.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="value_format='torch'"):
        model.get_state_tree("torch")


def test_state_tree_of_a_model_that_is_not_compiled():
    model = Sequential([swiftbn.Input((4,)), layers.Dense(1, name="d")])
    state = model.get_state_tree("numpy_array")
    assert state["optimizer_variables"] == state["metrics_variables"] == {}
    model.set_state_tree(state)


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.relu = layers.Dense(4, name="dense"), layers.ReLU(name="relu")
        self.seen = swiftbn.metrics.Mean(name="seen")

    def call(self, x):
        self.seen.update_state(x)
        return self.relu(self.dense(x))


class Subclassed(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [Block(name="a"), Block(name="b")]
        self.lstm = layers.LSTM(2, name="lstm")

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.lstm(ops.expand_dims(x, 1))


def test_paths_and_metrics():
    model = Subclassed(name="model")
    assert model.path is None and model.blocks[0].path is None
    model(X)
    assert model.path == "model" and model.blocks[1].path == "model/b"
    assert [layer.path for layer in model.blocks[1]._layers] == ["model/b/dense", "model/b/relu"]
    for layer in (model.blocks[0].dense, model.lstm.cell):
        assert {v.path for v in layer.weights} == {f"{layer.path}/{v.name}" for v in layer.weights}
    block = model.blocks[0]
    assert block.metrics == [block.seen]
    assert [v.name for v in block.metrics_variables] == ["total", "count"]
    wrapper = layers.Wrapper(block)
    assert wrapper.metrics == [block.seen] and layers.Dense(1).metrics == []
    block.dense(X)
    assert block.dense.path == "model/a/dense"
    alone = layers.Dense(3, name="alone")
    alone.build((None, 2))
    assert alone.path == "alone"


def test_deprecated_and_other_names():
    layer = layers.Dense(2)
    with pytest.raises(NotImplementedError, match="attributes"):
        layer.add_metric(1.0, name="m")
    variable = layer.add_variable((2,), "ones", name="extra")
    assert variable.path == f"{layer.name}/extra" and any(v is variable for v in layer.weights)
    model = make_model()
    assert model.jit_compile is True and model.run_eagerly is False
    model.jit_compile, model.run_eagerly = False, False
    with pytest.raises(ValueError, match="run_eagerly=True"):
        model.run_eagerly = True
    with pytest.raises(ValueError, match="jit_compile='xla'"):
        model.jit_compile = "xla"


@pytest.mark.parametrize("steps", [None, 3])
def test_variables_that_take_their_gradients(steps):
    weight = Variable(np.ones(2, "float32"))
    layer = layers.Layer()
    scale = layer.add_weight((2,), "ones", overwrite_with_gradient=True)
    assert scale.overwrite_with_gradient and not weight.overwrite_with_gradient
    optimizer = swiftbn.optimizers.SGD(0.5, gradient_accumulation_steps=steps, loss_scale_factor=2.0)
    optimizer.build([weight, scale])
    for factor in (1, 3, 2):
        optimizer.apply([np.full(2, 2.0, "float32"), np.array([factor, -factor], "float32")])
        if steps:
            np.testing.assert_array_equal(scale.numpy(), [1, 1] if factor != 2 else [3, 0])
        else:
            np.testing.assert_array_equal(scale.numpy(), [factor, -factor])
    np.testing.assert_allclose(weight.numpy(), [0.5, 0.5] if steps else [-0.5, -0.5])
    with pytest.raises(ValueError, match="aggregation='median'"):
        layer.add_weight((2,), aggregation="median")
    with pytest.raises(ValueError, match="overwrite_with_gradient='yes'"):
        layer.add_weight((2,), overwrite_with_gradient="yes")
