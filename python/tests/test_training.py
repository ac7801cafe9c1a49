"""compile, fit, evaluate, predict: what they compute, report and change."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops

RANDOM = np.random.default_rng(21)
X = RANDOM.normal(size=(50, 4)).astype("float32")
LABELS = (X[:, 0] + X[:, 1] > 0).astype("int64") + (X[:, 2] > 0.5)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]


def classifier(activation="softmax"):
    return Sequential([Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(3, activation=activation)])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def crossentropy(probabilities, labels=LABELS):
    return -np.log(probabilities[np.arange(len(labels)), labels])


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


@pytest.mark.parametrize(
    "loss, activation, labels",
    [
        ("sparse_categorical_crossentropy", "softmax", LABELS),
        ("sparse_categorical_crossentropy", "softmax", LABELS[:, None].astype("uint8")),
        ("sparse_categorical_crossentropy", "softmax", LABELS.astype("float64")),
        ("categorical_crossentropy", "softmax", ONE_HOT),
        ("categorical_crossentropy", "softmax", ONE_HOT.astype("int32")),
    ],
    ids=["sparse", "sparse column", "sparse float", "one-hot", "one-hot int"],
)
def test_accuracy_is_resolved_by_the_shapes(loss, activation, labels):
    model = classifier(activation)
    model.compile(loss=loss, metrics=["accuracy"])
    result = model.evaluate(X, labels, return_dict=True, verbose=0)
    probabilities = np.asarray(model(X))
    assert list(result) == ["accuracy", "loss"]
    assert result["accuracy"] == pytest.approx((probabilities.argmax(1) == LABELS).mean(), rel=1e-5)
    assert result["loss"] == pytest.approx(crossentropy(probabilities).mean(), rel=1e-5)


def test_binary_accuracy():
    model = Sequential([Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    labels = (X[:, :1] > 0).astype("float32")
    loss, accuracy = model.evaluate(X, labels, verbose=0)
    p = np.asarray(model(X))
    assert accuracy == pytest.approx(((p > 0.5) == labels).mean(), rel=1e-5)
    assert loss == pytest.approx(-np.log(np.where(labels > 0, p, 1 - p)).mean(), rel=1e-4)


def test_sample_and_class_weights():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"], metrics=["accuracy"])
    weights = RANDOM.uniform(0, 2, size=50).astype("float32")
    result = model.evaluate(X, LABELS, sample_weight=weights, return_dict=True, verbose=0)
    probabilities = np.asarray(model(X))
    hits = probabilities.argmax(1) == LABELS
    assert result["loss"] == pytest.approx((crossentropy(probabilities) * weights).mean(), rel=1e-4)
    assert result["accuracy"] == pytest.approx(hits.mean(), rel=1e-5)
    assert result["weighted_accuracy"] == pytest.approx((hits * weights).sum() / weights.sum(), rel=1e-4)
    table = np.array([1.0, 3.0, 0.5])
    model.reset_metrics()
    probabilities = np.asarray(model(X))
    loss = model.train_on_batch(X, LABELS, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, return_dict=True)["loss"]
    assert loss == pytest.approx((crossentropy(probabilities) * table[LABELS]).mean(), rel=1e-4)


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


def two_outputs():
    a, b = Input((4,), name="a"), Input((2,), name="b")
    x = layers.Concatenate()([layers.Dense(5, activation="tanh")(a), b])
    return Model([a, b], [layers.Dense(1, name="value")(x), layers.Dense(3, activation="softmax", name="kind")(x)])


INPUTS = [X, X[:, :2]]
TARGETS = [X[:, 3:], LABELS]


@pytest.mark.parametrize("by_name", [False, True])
def test_several_inputs_and_outputs(by_name):
    model = two_outputs()
    if by_name:
        losses = {"value": "mse", "kind": "sparse_categorical_crossentropy"}
        model.compile("adam", losses, loss_weights={"value": 0.5, "kind": 2.0}, metrics={"kind": ["accuracy"]})
        inputs, targets = {"a": INPUTS[0], "b": INPUTS[1]}, {"value": TARGETS[0], "kind": TARGETS[1]}
    else:
        losses = ["mse", "sparse_categorical_crossentropy"]
        model.compile("adam", losses, loss_weights=[0.5, 2.0], metrics=[[], ["accuracy"]])
        inputs, targets = INPUTS, TARGETS
    value, kind = (np.asarray(v) for v in model(INPUTS))
    result = model.evaluate(inputs, targets, batch_size=16, return_dict=True, verbose=0)
    assert set(result) == {"loss", "value_loss", "kind_loss", "kind_accuracy"}
    assert result["value_loss"] == pytest.approx(((value - TARGETS[0]) ** 2).mean(), rel=1e-4)
    assert result["kind_loss"] == pytest.approx(crossentropy(kind).mean(), rel=1e-4)
    assert result["loss"] == pytest.approx(0.5 * result["value_loss"] + 2 * result["kind_loss"], rel=1e-5)
    history = model.fit(inputs, targets, epochs=3, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_validation_split_takes_the_end():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, LABELS, validation_split=0.3, epochs=1, verbose=0)
    losses = crossentropy(np.asarray(model(X)))
    assert history.history["loss"][0] == pytest.approx(losses[:35].mean(), rel=1e-4)
    assert history.history["val_loss"][0] == pytest.approx(losses[35:].mean(), rel=1e-4)


def test_validation_frequency_and_initial_epoch():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    history = model.fit(X, LABELS, validation_data=(X, LABELS), validation_freq=2, initial_epoch=1, epochs=5, verbose=0)
    assert history.epoch == [1, 2, 3, 4] and len(history.history["val_loss"]) == 2
    history = model.fit(X, LABELS, validation_data=(X, LABELS), validation_freq=[1, 3], epochs=3, verbose=0)
    assert len(history.history["val_loss"]) == 2 and len(history.history["loss"]) == 3


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


def test_single_batches():
    model = classifier()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    expected = crossentropy(np.asarray(model(X))).mean()
    loss, _ = model.test_on_batch(X, LABELS)
    assert loss == pytest.approx(expected, rel=1e-5)
    loss, _ = model.train_on_batch(X, LABELS)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert model.test_on_batch(X, LABELS, return_dict=True)["loss"] < expected
    np.testing.assert_allclose(model.predict_on_batch(X), np.asarray(model(X)), rtol=1e-5, atol=1e-6)


def test_metrics_of_a_batch_are_of_that_batch_alone():
    model = classifier()
    model.compile(swiftbn.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    first, second = (X[:5], LABELS[:5]), (X[5:], LABELS[5:])
    for function in (model.test_on_batch, model.train_on_batch):
        alone = function(*second)
        function(*first)
        np.testing.assert_allclose(function(*second), alone, rtol=1e-6)


def test_data_are_brought_into_the_declared_form():
    images = RANDOM.integers(0, 4, size=(10, 5, 5)).astype("uint8")
    model = Sequential([Input((5, 5, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    expected = crossentropy(np.asarray(model(images[..., None].astype("float32"))), LABELS[:10]).mean()
    for x in (
        images,
        images[..., None],
        images.astype("float64"),
        images.astype(">f4"),
        images[:, ::-1][:, ::-1],
    ):
        assert model.evaluate(x, LABELS[:10], verbose=0) == pytest.approx(expected, rel=1e-4)
    assert model.evaluate(images.tolist(), LABELS[:10].tolist(), verbose=0) == pytest.approx(expected, rel=1e-4)


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


def test_functions_as_losses_and_metrics():
    def distance(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile(loss=distance, metrics=[distance])
    result = model.evaluate(X, ONE_HOT, return_dict=True, batch_size=16, verbose=0)
    expected = np.abs(np.asarray(model(X)) - ONE_HOT).mean()
    assert result["loss"] == pytest.approx(expected, rel=1e-4)
    assert result["distance"] == pytest.approx(expected, rel=1e-4)


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
    threads = swiftbn.get_num_threads()
    results = []
    try:
        for count in (1, 2, 4):
            swiftbn.set_num_threads(count)
            for variable, value in zip(model.variables, start, strict=True):
                variable.assign(value)
            model.compile("adam", "sparse_categorical_crossentropy")
            model.fit(images, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
            results.append(model.get_weights())
    finally:
        swiftbn.set_num_threads(threads)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


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
