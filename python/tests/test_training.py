"""fit: what it computes, reports and changes."""

import numpy as np
import pytest
from checks import same_on_threads
from training_models import LABELS, ONE_HOT, RANDOM, X, classifier, crossentropy, softmax

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops


def test_fit_learns_and_reports_like_keras():
    model = classifier()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.05
    history = model.fit(X, LABELS, epochs=30, batch_size=16, validation_data=(X[:20], LABELS[:20]), verbose=0)
    assert set(history.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert history.epoch == list(range(30)) and len(history.history["loss"]) == 30
    assert history.history["accuracy"][-1] > 0.85 and history.history["loss"][-1] < 0.3 < history.history["loss"][0]
    loss, accuracy = model.evaluate(X[:20], LABELS[:20], verbose=0)
    assert loss == pytest.approx(history.history["val_loss"][-1], rel=1e-5)
    assert accuracy == pytest.approx(history.history["val_accuracy"][-1], rel=1e-5)


@pytest.mark.parametrize("batch_size", [50, 16, 7, 1, 1000])
def test_evaluate_is_the_mean_over_samples_whatever_the_batches(batch_size):
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    probabilities = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(probabilities, np.asarray(model(X)), rtol=1e-5, atol=1e-6)
    loss, accuracy = model.evaluate(X, LABELS, batch_size=batch_size, verbose=0)
    assert loss == pytest.approx(crossentropy(probabilities).mean(), rel=1e-5)
    assert accuracy == pytest.approx((probabilities.argmax(1) == LABELS).mean(), rel=1e-5)


def test_sgd_steps_by_hand():
    """Two epochs of plain gradient descent on a linear model, batches in order and a smaller last one."""
    model = Sequential([Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile(optimizer=swiftbn.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    losses = []
    for _ in range(2):
        total = 0.0
        for begin in range(0, 50, 16):
            x, labels = X[begin : begin + 16].astype("float64"), LABELS[begin : begin + 16]
            p = softmax(x @ kernel + bias)
            total += crossentropy(p, labels).sum()
            d = (p - np.eye(3)[labels]) / len(labels)
            kernel, bias = kernel - 0.1 * x.T @ d, bias - 0.1 * d.sum(0)
        losses.append(total / 50)
    history = model.fit(X, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], bias, rtol=1e-4, atol=1e-5)


def test_shuffle_sees_every_sample_once():
    class Recorder(layers.Layer):
        def build(self, input_shape):
            self.total = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, inputs, training=None):
            if training:
                self.total.assign_add(ops.sum(inputs))
            return inputs

    recorder = Recorder()
    model = Sequential([Input((1,)), recorder, layers.Dense(1)])
    model.compile(loss="mse")
    x = 2.0 ** np.arange(20, dtype="float32")[:, None]
    model.fit(x, x * 0, batch_size=6, epochs=1, verbose=0)
    assert float(recorder.total) == 2.0**20 - 1


def test_runs_are_reproducible():
    weights = []
    for _ in range(2):
        swiftbn.utils.set_random_seed(3)
        model = Sequential([Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(X, LABELS, epochs=2, batch_size=16, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=False):
        np.testing.assert_array_equal(a, b)


def test_regularization_counts_in_the_loss():
    model = Sequential(
        [Input((4,)), layers.Dense(3, activation="softmax", kernel_regularizer=lambda w: ops.sum(w * w))]
    )
    model.compile(loss="sparse_categorical_crossentropy")
    expected = crossentropy(np.asarray(model(X))).mean() + (model.get_weights()[0] ** 2).sum()
    assert model.evaluate(X, LABELS, batch_size=16, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_constraints_are_applied_after_each_update():
    model = Sequential([Input((4,)), layers.Dense(3, kernel_constraint=lambda w: ops.maximum(w, 0.0))])
    model.compile("adam", "mse")
    model.fit(X, ONE_HOT, epochs=1, verbose=0)
    assert model.get_weights()[0].min() >= 0


def test_moving_statistics_and_only_trainable_weights_change():
    norm = layers.BatchNormalization(momentum=0.5)
    frozen = layers.Dense(4, trainable=False)
    model = Sequential([Input((4,)), norm, frozen, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    before = frozen.get_weights()
    model.fit(X, LABELS, batch_size=50, epochs=1, verbose=0)
    np.testing.assert_allclose(norm.moving_mean.numpy(), 0.5 * X.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance.numpy(), 0.5 + 0.5 * X.var(0), rtol=1e-4)
    for a, b in zip(before, frozen.get_weights(), strict=False):
        np.testing.assert_array_equal(a, b)


def test_callbacks_are_called_in_order_and_can_stop():
    calls = []

    class Recorder(swiftbn.callbacks.Callback):
        def on_train_begin(self, logs=None):
            calls.append("train")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(f"epoch {epoch}")

        def on_train_batch_end(self, batch, logs=None):
            assert isinstance(logs["loss"], float)
            calls.append(f"batch {batch}")

        def on_test_begin(self, logs=None):
            calls.append("test")

        def on_epoch_end(self, epoch, logs=None):
            assert {"loss", "val_loss"} <= set(logs)
            self.model.stop_training = epoch == 1

        def on_train_end(self, logs=None):
            calls.append("end")

    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    model.fit(X, LABELS, epochs=5, batch_size=25, validation_data=(X, LABELS), callbacks=[Recorder()], verbose=0)
    epoch = ["batch 0", "batch 1", "test"]
    assert calls == ["train", "epoch 0", *epoch, "epoch 1", *epoch, "end"]


def test_subclassed_model_with_extra_loss():
    class Autoencoder(Model):
        def __init__(self):
            super().__init__()
            self.encoder = layers.Dense(2)
            self.decoder = layers.Dense(4)

        def call(self, inputs):
            code = self.encoder(inputs)
            self.add_loss(0.1 * ops.mean(ops.square(code)))
            return self.decoder(code)

    model = Autoencoder()
    model.compile("adam", "mse")
    model.build((None, 4))
    code = X @ model.encoder.kernel.numpy()
    expected = ((np.asarray(model(X)) - X) ** 2).mean() + 0.1 * (code**2).mean()
    assert model.evaluate(X, X, batch_size=50, verbose=0) == pytest.approx(expected, rel=1e-4)
    history = model.fit(X, X, epochs=5, batch_size=10, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_loss_only_from_add_loss():
    class Energy(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs):
            self.add_loss(ops.mean(ops.square(self.w * inputs)))
            return inputs

    model = Sequential([Input((4,)), Energy()])
    model.compile("adam")
    history = model.fit(X, epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]


def test_compiling_again_starts_anew():
    model = classifier()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, epochs=1, verbose=0)
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.layers[0].get_weights()
    model.fit(X, LABELS, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before[0])


def test_one_native_call_per_batch():
    model = classifier()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, LABELS, batch_size=16, epochs=1, verbose=0)
    # 50 samples: batches of 16 and one of 2.
    assert [key[:2] for key in model._programs if key[0] == "train"] == [("train", 16), ("train", 2)]
    count = len(model._programs)
    model.fit(X, LABELS, batch_size=16, epochs=2, verbose=0)
    assert len(model._programs) == count


def test_results_do_not_depend_on_the_number_of_threads():
    images, labels = RANDOM.normal(size=(40, 12, 12, 1)).astype("float32"), RANDOM.integers(0, 3, size=40)
    model = Sequential(
        [
            Input((12, 12, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3, seed=1),
            layers.Dense(3, activation="softmax"),
        ]
    )
    start = [np.array(v.numpy()) for v in model.variables]

    def trained():
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(images, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    same_on_threads(trained)


def test_in_float64_throughout():
    swiftbn.config.set_floatx("float64")
    try:
        model = Sequential([layers.Dense(8), layers.BatchNormalization(), layers.Dense(3, activation="softmax")])
        model.compile(swiftbn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(X, LABELS, epochs=3, batch_size=16, verbose=0)
        assert {w.dtype for w in model.weights} == {"float64"} and model.predict(X, verbose=0).dtype == "float64"
        assert history.history["loss"][-1] < history.history["loss"][0]
        expected = crossentropy(np.asarray(model(X.astype("float64")))).mean()
        assert model.evaluate(X, LABELS, verbose=0)[0] == pytest.approx(expected, rel=1e-10)
    finally:
        swiftbn.config.set_floatx("float32")
