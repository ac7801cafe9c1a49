"""Users' own optimizers, losses, metrics and their like, and finding them again by name."""

import numpy as np
import pytest

from swiftbn import (
    Input,
    Sequential,
    Variable,
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    regularizers,
)


class Summing(optimizers.Optimizer):
    """Steps along the sum of the gradients so far, which begins with 1; the second slot counts."""

    def _make_slots(self, variables):
        self.sums, self.counts = self.add_optimizer_variables(variables, ["sum", "count"], ["ones", "zeros"])
        self.others = self.add_optimizer_variables(variables, "other", initializer="ones")

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        self.sums[index].assign_add(gradient)
        self.counts[index].assign_add(ops.ones_like(gradient))
        variable.assign_sub(learning_rate * self.sums[index])


def test_optimizer():
    optimizer, weight = Summing(0.5), Variable(np.zeros(2), name="w")
    for _ in range(3):
        optimizer.apply([np.array([1.0, 2.0])], [weight])
    # Sums of gradients are 2, 3, 4 and 3, 5, 7.
    np.testing.assert_allclose(weight.numpy(), [-4.5, -7.5])
    np.testing.assert_array_equal(optimizer.counts[0].numpy(), [3, 3])
    np.testing.assert_array_equal(optimizer.others[0].numpy(), [1, 1])
    with pytest.raises(ValueError, match="expected 2 initializers. Received: 1"):
        optimizer.add_optimizer_variables([], ["a", "b"], ["zeros"])


def test_optimizer_in_a_model():
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(Summing(0.5), loss=lambda y_true, y_pred: y_pred)
    model.fit(np.ones((3, 1)), np.ones((3, 1)), batch_size=1, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[-4.5]])


class Highest(metrics.Metric):
    def __init__(self, name="highest", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.value = self.add_weight(name="value")
        self.count = self.add_weight(shape=(2,), initializer="zeros", dtype="int32", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(ops.maximum(self.value, ops.max(y_pred)))
        self.count.assign_add(np.array([1, 2], "int32"))

    def result(self):
        return self.value.value


def test_metric():
    metric = Highest()
    assert float(metric(None, [1.0, 3.0])) == 3 and float(metric(None, [2.0])) == 3
    assert metric.count.numpy().tolist() == [2, 4] and metric.count.dtype == "int32"
    assert metric.variables[0].path == "highest/value" and not metric.variables[0].trainable
    metric.reset_state()
    assert float(metric.result()) == 0 and metric.count.numpy().tolist() == [0, 0]


class Distance(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(ops.subtract(y_true, y_pred)), axis=-1)


class Halves(initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 0.5, dtype)


class Shrink(constraints.Constraint):
    def __call__(self, w):
        return ops.multiply(w, 0.5)


class Largest(regularizers.Regularizer):
    def __call__(self, x):
        return ops.max(x)

    def get_config(self):
        return {}


def cube(x):
    return ops.multiply(x, ops.square(x))


OWN = [
    (optimizers, Summing(0.25)),
    (metrics, Highest(name="h")),
    (losses, Distance(name="d", reduction="sum")),
    (initializers, Halves()),
    (constraints, Shrink()),
    (regularizers, Largest()),
]


@pytest.mark.parametrize("module, instance", OWN, ids=[case[0].__name__.split(".")[-1] for case in OWN])
def test_configurations_know_custom_objects(module, instance):
    cls = type(instance)
    config = module.serialize(instance)
    copy = module.deserialize(config, custom_objects={cls.__name__: cls})
    assert type(copy) is cls and copy.get_config() == instance.get_config()
    with pytest.raises(ValueError, match=f"Unknown class .*{cls.__name__}"):
        module.deserialize(config)
    with pytest.raises(ValueError, match=f"Unknown .*{cls.__name__}"):
        module.deserialize(cls.__name__)


def test_custom_activations():
    config = activations.serialize(cube)
    assert activations.deserialize(config, custom_objects={"cube": cube}) is cube
    assert activations.deserialize("cube", custom_objects={"cube": cube}) is cube
    with pytest.raises(ValueError, match="cube"):
        activations.deserialize(config)


@pytest.mark.parametrize("raise_error", [False, True])
def test_training_ends_when_the_loss_is_undefined(raise_error):
    model = Sequential([Input((1,)), layers.Dense(1)])
    model.compile(loss="mse")
    x = np.array([[1.0], [np.nan], [1.0]])
    seen = []
    watch = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    arguments = {"batch_size": 1, "shuffle": False, "verbose": 0}
    arguments["callbacks"] = [callbacks.TerminateOnNaN(raise_error=raise_error), watch]
    if raise_error:
        with pytest.raises(RuntimeError, match="loss is nan at batch 1"):
            model.fit(x, np.ones((3, 1)), **arguments)
    else:
        model.fit(x, np.ones((3, 1)), **arguments)
    assert seen == ([0] if raise_error else [0, 1])
