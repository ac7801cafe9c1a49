"""Targets, weights, several inputs and outputs, validation, single batches."""

import numpy as np
import pytest
from training_models import INPUTS, LABELS, ONE_HOT, RANDOM, TARGETS, X, classifier, crossentropy, two_outputs

import swiftbn
from swiftbn import Input, Sequential, layers, ops


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


def test_functions_as_losses_and_metrics():
    def distance(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile(loss=distance, metrics=[distance])
    result = model.evaluate(X, ONE_HOT, return_dict=True, batch_size=16, verbose=0)
    expected = np.abs(np.asarray(model(X)) - ONE_HOT).mean()
    assert result["loss"] == pytest.approx(expected, rel=1e-4)
    assert result["distance"] == pytest.approx(expected, rel=1e-4)
