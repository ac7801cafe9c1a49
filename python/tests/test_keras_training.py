"""The same model with the same weights on the same data as real Keras: equal losses, metrics and weights."""

import os

import numpy as np
import pytest

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(8)
IMAGES = RANDOM.uniform(size=(48, 10, 10)).astype("float32")
LABELS = RANDOM.integers(0, 4, size=48)


def cnn(k):
    return k.Sequential(
        [
            k.Input((10, 10, 1)),
            k.layers.Conv2D(6, 3, activation="relu", padding="same"),
            k.layers.BatchNormalization(momentum=0.9),
            k.layers.MaxPooling2D(2),
            k.layers.Conv2D(8, (3, 2), strides=(2, 1), use_bias=False),
            k.layers.BatchNormalization(scale=False),
            k.layers.ReLU(),
            k.layers.AveragePooling2D(2, strides=1, padding="same"),
            k.layers.Flatten(),
            k.layers.Dense(12, activation="tanh"),
            k.layers.Dense(4, activation="softmax"),
        ]
    )


def branches(k):
    inputs = k.Input((10, 10, 1), name="picture")
    trunk = k.layers.Conv2D(4, 3, activation="relu", name="trunk")
    norm = k.layers.BatchNormalization(name="norm")
    left = norm(trunk(inputs))
    right = norm(k.layers.LeakyReLU(name="leaky")(trunk(inputs)))
    both = k.layers.Concatenate(name="both")([k.layers.Add(name="sum")([left, right]), left])
    pooled = k.layers.GlobalAveragePooling2D(name="mean")(both)
    peak = k.layers.GlobalMaxPooling2D(name="peak")(both)
    kind = k.layers.Dense(4, activation="softmax", name="kind")(pooled)
    value = k.layers.Dense(1, name="value")(peak)
    return k.Model(inputs, [kind, value])


def train(k, model, targets, **arguments):
    arguments = {"optimizer": k.optimizers.SGD(0.05, momentum=0.9), **arguments}
    model.compile(**arguments)
    # On TensorFlow, Keras weights the losses of several outputs by batch, not by sample, as it does not know the size.
    batch_size = 18 if keras.backend.backend() == "tensorflow" and len(model.outputs) > 1 else 20
    history = model.fit(
        IMAGES, targets, batch_size=batch_size, epochs=3, shuffle=False, verbose=0, validation_split=0.25
    )
    return history.history, model.get_weights()


def compare(make, targets, **arguments):
    theirs, ours = make(keras), make(swiftbn)
    assert [w.shape for w in theirs.weights] == [w.shape for w in ours.weights]
    weights = [RANDOM.normal(0, 0.3, size=w.shape).astype("float32") for w in theirs.weights]
    # Variances have to be positive.
    weights = [np.abs(w) + 0.5 if "variance" in v.name else w for w, v in zip(weights, theirs.weights, strict=True)]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    expected, expected_weights = train(keras, theirs, targets, **arguments)
    found, found_weights = train(swiftbn, ours, targets, **arguments)
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    for a, b in zip(found_weights, expected_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_cnn():
    compare(cnn, LABELS, loss="sparse_categorical_crossentropy", metrics=["accuracy"])


def test_one_hot_targets():
    compare(cnn, np.eye(4)[LABELS], loss="categorical_crossentropy", metrics=["accuracy", "mse"])


@pytest.mark.parametrize("by_name", [True, False])
def test_shared_layers_and_several_outputs(by_name):
    targets = [LABELS, LABELS[:, None] / 4]
    losses, weights = ["sparse_categorical_crossentropy", "mse"], [1.0, 0.5]
    metrics = [["accuracy"], ["mse"]]
    if by_name:
        names = ["kind", "value"]
        targets, losses, weights, metrics = (
            dict(zip(names, v, strict=True)) for v in (targets, losses, weights, metrics)
        )
    compare(branches, targets, loss=losses, loss_weights=weights, metrics=metrics)
