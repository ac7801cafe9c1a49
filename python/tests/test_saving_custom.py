"""Models made of users' registered classes and functions of every kind, and of what the package has, come back."""

import numpy as np
import pytest
from saving_checks import assert_same, values

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops, saving

X = np.random.default_rng(15).normal(size=(20, 4)).astype("float32")
Y = X[:, :2]
registered = saving.register_keras_serializable(package="tests.custom")


@registered
class Slow(swiftbn.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, ops.multiply(learning_rate, 0.5))


@registered
class Total(swiftbn.metrics.Metric):
    def __init__(self, name="total", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_variable((), "zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(y_pred))

    def result(self):
        return self.total


@registered
class Scaled(swiftbn.losses.Loss):
    def __init__(self, scale=2.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * ops.mean(ops.square(y_true - y_pred), axis=-1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@registered
class Halves(swiftbn.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 0.5, dtype)

    def get_config(self):
        return {}


@registered
class Squares(swiftbn.regularizers.Regularizer):
    def __init__(self, strength=0.01):
        self.strength = strength

    def __call__(self, x):
        return self.strength * ops.sum(ops.square(x))

    def get_config(self):
        return {"strength": self.strength}


@registered
class Falling(swiftbn.optimizers.schedules.LearningRateSchedule):
    def __init__(self, start=0.1):
        self.start = start

    def __call__(self, step):
        return self.start / (1.0 + ops.cast(step, "float32"))

    def get_config(self):
        return {"start": self.start}


@registered
def positive(w):
    return ops.maximum(w, 0.0)


def dense(optimizer="adam", loss="mse", metrics=(), **arguments):
    network = Sequential([Input((4,)), layers.Dense(2, **arguments)])
    network.compile(optimizer, loss, metrics=list(metrics))
    return network


def compiled(network):
    network.compile("adam", "mse")
    return network


def frozen():
    network = Sequential([Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)])
    network.layers[0].trainable = False
    return compiled(network)


def shared():
    inputs = Input((4,))
    inner = Model(inputs, layers.BatchNormalization()(layers.Dense(3)(inputs)), name="inner")
    outer = Input((4,))
    both = layers.Add()([inner(outer), inner(layers.Activation("relu")(outer))])
    return compiled(Model(outer, layers.Dense(2)(both)))


def of_operations():
    inputs = Input((4,))
    return compiled(Model(inputs, layers.Dense(2)(ops.relu(inputs * 2.0 + 1.0)[:, :3])))


def deferred():
    return compiled(Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]))


schedules, optimizers = swiftbn.optimizers.schedules, swiftbn.optimizers
MAKE = {
    "optimizer": lambda: dense(Slow(0.05, momentum=0.5)),
    "metric": lambda: dense(metrics=[Total()]),
    "loss": lambda: dense(loss=Scaled(3.0)),
    "initializer": lambda: dense(kernel_initializer=Halves()),
    "regularizer": lambda: dense(kernel_regularizer=Squares(0.2)),
    "constraint": lambda: dense(kernel_constraint=positive),
    "activation": lambda: dense(activation=positive),
    "schedule": lambda: dense(optimizers.Adam(Falling(0.2))),
    "ours": lambda: dense(
        kernel_regularizer=swiftbn.regularizers.L1L2(0.01, 0.02), kernel_initializer=swiftbn.initializers.HeNormal(3)
    ),
    "amsgrad": lambda: dense(optimizers.AdamW(0.01, weight_decay=0.1, amsgrad=True)),
    "steps": lambda: dense(optimizers.SGD(schedules.PiecewiseConstantDecay([3, 6], [0.1, 0.05, 0.01]))),
    "cosine": lambda: dense(optimizers.SGD(schedules.CosineDecay(0.1, 20))),
    "float64": lambda: dense(dtype="float64"),
    "lists": lambda: dense(loss=["mse"], metrics=[["mae"]]),
    "frozen": frozen,
    "shared": shared,
    "operations": of_operations,
    "deferred": deferred,
}


@pytest.mark.parametrize("case", MAKE)
def test_comes_back(case, tmp_path):
    network = MAKE[case]()
    network.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    network.save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras")
    assert type(loaded.optimizer) is type(network.optimizer)
    assert [v.trainable for v in loaded.variables] == [v.trainable for v in network.variables]
    assert_same(values(network), values(loaded))
    assert_same([network.predict(X, verbose=0)], [loaded.predict(X, verbose=0)])
    histories = [
        m.fit(X, Y, batch_size=8, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0).history
        for m in (network, loaded)
    ]
    assert histories[0] == histories[1]
    assert_same(values(network), values(loaded))


def test_a_class_that_is_not_registered_is_named(tmp_path):
    class Strange(layers.Layer):
        def call(self, inputs):
            return inputs

    Sequential([Input((4,)), Strange()]).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"Unknown class test_saving_custom\.Strange: .* not in custom_objects"):
        saving.load_model(tmp_path / "m.keras")


def test_a_class_without_configuration_cannot_be_registered():
    with pytest.raises(ValueError, match="Cannot register class Plain: it has no get_config"):
        registered(type("Plain", (), {}))


def test_names_of_registered_things():
    assert saving.get_registered_name(Falling) == "tests.custom>Falling"
    assert saving.get_registered_object("tests.custom>positive") is positive
    assert saving.get_registered_object("tests.custom>nothing") is None
    assert saving.get_custom_objects()["tests.custom>Slow"] is Slow
    with saving.custom_object_scope({"nothing": positive}):
        assert saving.get_registered_object("nothing") is positive
    assert saving.get_registered_object("nothing") is None
