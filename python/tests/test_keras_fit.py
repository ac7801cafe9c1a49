"""fit with weights, batches, added losses and users' steps against real Keras: equal losses and weights."""

import os

import numpy as np
import pytest

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(15)
X = RANDOM.normal(size=(48, 6)).astype("float32")
LABELS = RANDOM.integers(0, 3, size=48)
VALUES = RANDOM.normal(size=(48, 2)).astype("float32")
WEIGHTS = RANDOM.uniform(0.2, 3, size=48).astype("float32")
BATCH = 12


def trunk(k, inputs, **options):
    x = k.layers.Dense(7, activation="tanh", name="first", **options)(inputs)
    return k.layers.BatchNormalization(momentum=0.9, name="norm")(x)


def one_output(k, cls=None, **options):
    inputs = k.Input((6,), name="x")
    return (cls or k.Model)(inputs, k.layers.Dense(3, activation="softmax", name="kind")(trunk(k, inputs, **options)))


def two_outputs(k, by_name=False):
    inputs = k.Input((6,), name="x")
    x = trunk(k, inputs)
    kind = k.layers.Dense(3, activation="softmax", name="kind")(x)
    value = k.layers.Dense(2, name="value")(x)
    return k.Model(inputs, {"kind": kind, "value": value} if by_name else [kind, value])


def compare(make, fit, **compile_arguments):
    """Trains both from the same weights; `fit(package, model)` returns a history."""
    theirs, ours = make(keras), make(swiftbn)
    weights = [RANDOM.normal(0, 0.4, size=w.shape).astype("float32") for w in theirs.weights]
    weights = [np.abs(w) + 0.5 if "variance" in v.path else w for w, v in zip(weights, theirs.weights, strict=True)]
    results = []
    for package, model in ((keras, theirs), (swiftbn, ours)):
        model.set_weights(weights)
        model.compile(package.optimizers.SGD(0.05, momentum=0.9), **compile_arguments)
        results.append((fit(package, model).history, model.get_weights()))
    (expected, expected_weights), (found, found_weights) = results
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    for a, b in zip(found_weights, expected_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


SPARSE = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
OPTIONS = dict(batch_size=BATCH, epochs=3, shuffle=False, verbose=0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"sample_weight": WEIGHTS},
        {"class_weight": {0: 0.5, 2: 3.0}},
        {"sample_weight": WEIGHTS, "validation_split": 0.25},
        {"validation_data": (X[:24], LABELS[:24], WEIGHTS[:24]), "validation_batch_size": 24, "validation_freq": 2},
        {"steps_per_epoch": 2, "validation_data": (X, LABELS), "validation_steps": 2},
        {"initial_epoch": 1},
    ],
    ids=["sample weights", "class weights", "split", "validation", "steps", "initial epoch"],
)
def test_arguments(arguments):
    def fit(_, model):
        return model.fit(X, LABELS, **{**OPTIONS, **arguments})

    compare(one_output, fit, **SPARSE, weighted_metrics=["accuracy"])


@pytest.mark.parametrize("by_name", [True, False])
def test_weights_of_several_outputs(by_name):
    y, weights = [LABELS, VALUES], [WEIGHTS, WEIGHTS[::-1].copy()]
    losses, factors, metrics = ["sparse_categorical_crossentropy", "mse"], [0.7, 1.5], [["accuracy"], ["mae"]]
    if by_name:
        y, weights, losses, factors, metrics = (
            dict(zip(("kind", "value"), items, strict=True)) for items in (y, weights, losses, factors, metrics)
        )

    def fit(_, model):
        return model.fit(X, y, sample_weight=weights, **OPTIONS)

    def make(k):
        # Keras takes weights by name only where the outputs have names, too.
        return two_outputs(k, by_name)

    compare(make, fit, loss=losses, loss_weights=factors, metrics=metrics, weighted_metrics=metrics)


def test_one_weight_for_several_outputs():
    def fit(_, model):
        return model.fit(X, [LABELS, VALUES], sample_weight=WEIGHTS, **OPTIONS)

    compare(two_outputs, fit, loss=["sparse_categorical_crossentropy", "mse"])


def batches(*arrays):
    for begin in range(0, 48, BATCH):
        yield tuple(array[begin : begin + BATCH] for array in arrays)


def test_generators():
    def fit(_, model):
        endless = (batch for _ in iter(int, 1) for batch in batches(X, LABELS, WEIGHTS))
        return model.fit(endless, steps_per_epoch=3, epochs=4, verbose=0)

    compare(one_output, fit, **SPARSE)


@pytest.mark.parametrize("workers", [1, 2])
def test_datasets(workers):
    def fit(package, model):
        class Dataset(package.utils.PyDataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                rows = slice(BATCH * index, BATCH * (index + 1))
                return X[rows], LABELS[rows]

        # Keras' own threads give the batches in an order that is not theirs.
        dataset = Dataset(workers=workers if package is swiftbn else 1)
        arguments = {"class_weight": {1: 2.0}, "validation_data": Dataset()}
        return model.fit(dataset, epochs=3, shuffle=False, verbose=0, **arguments)

    compare(one_output, fit, **SPARSE)


def test_activity_regularizer_and_regularizers():
    def make(k):
        return one_output(k, activity_regularizer=k.regularizers.L2(0.1), kernel_regularizer=k.regularizers.L1(0.01))

    compare(make, lambda _, model: model.fit(X, LABELS, sample_weight=WEIGHTS, **OPTIONS), **SPARSE)


def test_added_losses_and_metrics_of_layers():
    # On JAX, Keras does not find the state of a metric that a call updates.
    metrics_in_calls = keras.backend.backend() != "jax"

    def make(k):
        class Penalty(k.layers.Layer):
            def __init__(self, **arguments):
                super().__init__(**arguments)
                self.size = k.metrics.Mean(name="size")

            def call(self, inputs):
                norm = k.ops.mean(k.ops.square(inputs))
                self.add_loss(0.3 * norm)
                if metrics_in_calls:
                    self.size.update_state(norm)
                return inputs

        inputs = k.Input((6,))
        x = Penalty()(k.layers.Dense(5, activation="tanh")(inputs))
        return k.Model(inputs, k.layers.Dense(3, activation="softmax")(x))

    compare(make, lambda _, model: model.fit(X, LABELS, validation_split=0.25, **OPTIONS), **SPARSE)


def test_compute_loss_of_a_subclass():
    def make(k):
        class Own(k.Model):
            def compute_loss(self, x, y, y_pred, sample_weight, training=True):
                loss = super().compute_loss(x, y, y_pred, sample_weight, training)
                return loss + 0.5 * k.ops.mean(y_pred[:, 0])

        return one_output(k, Own)

    compare(make, lambda _, model: model.fit(X, LABELS, sample_weight=WEIGHTS, **OPTIONS), **SPARSE)


def test_train_step_of_a_subclass():
    """Ours in a train_step with a tape, theirs in Keras' own (whose gradients depend on its backend)."""

    class Own(swiftbn.Model):
        def train_step(self, data):
            x, y, sample_weight = swiftbn.utils.unpack_x_y_sample_weight(data)
            with swiftbn.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            variables = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss, sample_weight=float(x.shape[0]))
                else:
                    metric.update_state(y, y_pred, sample_weight=sample_weight)
            return {metric.name: metric.result() for metric in self.metrics}

    def make(k):
        return one_output(k, Own if k is swiftbn else None)

    arguments = {**SPARSE, "weighted_metrics": ["accuracy"]}
    compare(make, lambda _, model: model.fit(X, LABELS, sample_weight=WEIGHTS, **OPTIONS), **arguments)


def test_single_batches():
    theirs, ours = one_output(keras), one_output(swiftbn)
    ours.set_weights(theirs.get_weights())
    for package, model in ((keras, theirs), (swiftbn, ours)):
        model.compile(package.optimizers.SGD(0.1), **SPARSE)
    for arguments in ({}, {"class_weight": {0: 2.0}}, {"sample_weight": WEIGHTS}, {"return_dict": True}):
        results = [model.train_on_batch(X, LABELS, **arguments) for model in (theirs, ours)]
        if "return_dict" in arguments:
            assert set(results[0]) == set(results[1])
            results = [[result[name] for name in sorted(result)] for result in results]
        np.testing.assert_allclose(results[1], results[0], rtol=1e-4)
        results = [model.test_on_batch(X, LABELS, sample_weight=WEIGHTS) for model in (theirs, ours)]
        np.testing.assert_allclose(results[1], results[0], rtol=1e-4)


def test_nested_inputs_and_outputs():
    def make(k):
        a, b, c = (k.Input((2,), name=name) for name in "abc")
        x = k.layers.Dense(4, name="trunk")(k.layers.Concatenate()([a, b, c]))
        outputs = [k.layers.Dense(1, name=name)(x) for name in ("one", "two", "three")]
        return k.Model({"a": a, "rest": [b, c]}, {"p": [outputs[0], outputs[1]], "q": outputs[2]})

    x = {"a": X[:, :2], "rest": [X[:, 2:4], X[:, 4:]]}
    y = {"p": [VALUES[:, :1], VALUES[:, 1:]], "q": VALUES[:, :1] ** 2}

    def fit(_, model):
        return model.fit(x, y, sample_weight={"p": [WEIGHTS, WEIGHTS], "q": WEIGHTS}, **OPTIONS)

    arguments = dict(loss={"p": ["mse", "mse"], "q": "mse"}, loss_weights={"p": [1.0, 0.5], "q": 2.0})
    compare(make, fit, **arguments)
    compare(make, fit, loss="mse")


def test_an_output_without_a_loss():
    def fit(_, model):
        return model.fit(X, [LABELS], **OPTIONS)

    compare(two_outputs, fit, loss=[SPARSE["loss"], None])
