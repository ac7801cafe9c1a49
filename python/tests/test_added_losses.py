"""Losses that layers and steps add, and metrics that layers and models hold."""

import numpy as np
import pytest
from training_models import LABELS, X

from swiftbn import GradientTape, Input, Model, Sequential, layers, metrics, ops, optimizers


class Watched(layers.Layer):
    """Shows the mean of what goes through it in the logs."""

    def __init__(self):
        super().__init__()
        self.mean = metrics.Mean(name="mean_input")

    def call(self, inputs):
        self.mean.update_state(inputs)
        return inputs


def test_metrics_held_by_layers_and_models():
    model = Sequential([Input((4,)), Watched(), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, LABELS, epochs=2, batch_size=25, validation_data=(X[:10], LABELS[:10]), verbose=0)
    np.testing.assert_allclose(history.history["mean_input"], X.mean(), rtol=1e-5)
    np.testing.assert_allclose(history.history["val_mean_input"], X[:10].mean(), rtol=1e-5)
    assert [metric.name for metric in model.metrics] == ["loss", "compile_metrics", "mean_input"]
    assert list(model.get_metrics_result()) == ["loss", "accuracy", "mean_input"]

    class Holder(Model):
        def __init__(self, inside, metric):
            super().__init__()
            self.inside = inside
            self.largest = metrics.Mean(name=metric)

        def call(self, inputs):
            outputs = self.inside(inputs)
            self.largest.update_state(ops.max(outputs))
            return outputs

    holder = Holder(Holder(model, "inner"), "largest")
    holder.compile("adam", "sparse_categorical_crossentropy")
    logs = holder.evaluate(X, LABELS, batch_size=50, return_dict=True, verbose=0)
    # Metrics of the model inside belong to its own training; those of its layers count.
    assert set(logs) == {"loss", "largest", "mean_input"}
    assert logs["largest"] == pytest.approx(np.asarray(model(X)).max(), rel=1e-5)


def test_activity_regularizers():
    model = Sequential(
        [Input((4,)), layers.Dense(8, activity_regularizer="l2"), layers.Dense(3, activity_regularizer=ops.sum)]
    )
    model.compile(optimizers.SGD(0.1), "mse")
    y = np.eye(3, dtype="float32")[LABELS]
    first, second = model.layers
    hidden = X @ first.kernel.numpy() + first.bias.numpy()
    outputs = hidden @ second.kernel.numpy() + second.bias.numpy()
    expected = ((outputs - y) ** 2).mean() + 0.01 * (hidden**2).sum() / 50 + outputs.sum() / 50
    assert model.evaluate(X, y, batch_size=50, verbose=0) == pytest.approx(expected, rel=1e-4)
    restored = Sequential.from_config(
        Sequential([Input((4,)), layers.Dense(2, activity_regularizer="l1")]).get_config()
    )
    assert type(restored.layers[0].activity_regularizer).__name__ == "L1"
    np.testing.assert_allclose(model(X[:0]).shape, (0, 3))


def test_losses_added_in_a_step():
    class Penalized(Model):
        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                y_pred = self(x, training=True)
                self.add_loss(ops.mean(ops.square(y_pred)))
                loss = self.compute_loss(x, y, y_pred)
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss}

    inputs = Input((4,))
    model = Penalized(inputs, layers.Dense(3)(inputs))
    model.compile("adam", "mse")
    y = np.eye(3, dtype="float32")[LABELS]
    outputs = np.asarray(model(X))
    expected = ((outputs - y) ** 2).mean() + (outputs**2).mean()
    assert model.train_on_batch(X, y) == pytest.approx(expected, rel=1e-5)
    # Another form of batch is traced anew.
    assert np.isfinite(model.train_on_batch(X[:7], y[:7]))
    with pytest.raises(ValueError, match="add_loss: expected tensors.*KerasTensor"):
        model.add_loss(ops.sum(inputs))


def test_losses_of_earlier_calls_do_not_count():
    class Parts(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def train_step(self, data):
            x, y = data
            return {"loss": self.compute_loss(x, y, self.dense(x))}

    model = Parts()
    model.compile("adam", "mse")
    y = np.eye(3, dtype="float32")[LABELS]
    model.add_loss(np.float32(100))
    assert model.train_on_batch(X, y) == pytest.approx(((np.asarray(model.dense(X)) - y) ** 2).mean(), rel=1e-5)
