"""Models for the tests of saving, and what these compare."""

import zipfile

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, saving

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(40, 6, 6, 2)).astype("float32")
PARTS = ("config.json", "metadata.json", "model.weights.h5")
LABELS = RANDOM.integers(0, 3, size=40)


@saving.register_keras_serializable(package="tests")
class Scale(layers.Layer):
    """A user's layer with a weight that is trained, one that is not, and a layer of its own."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = layers.Dense(units, use_bias=False)

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(self.units,), initializer="random_normal", name="factor")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs, training=None):
        if training:
            self.calls.assign_add(1.0)
        return self.inner(inputs) * self.factor

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@saving.register_keras_serializable(package="tests")
class Subclassed(Model):
    """Layers in attributes, in lists, in lists of lists and in dicts."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat = layers.Flatten()
        self._hidden = layers.Dense(4, activation="relu")
        self.branches = [[layers.Dense(5), layers.Dense(5)], layers.Dense(5), {"norm": layers.BatchNormalization()}]
        self.head = {"out": layers.Dense(3, activation="softmax")}

    def call(self, inputs, training=None):
        x = self._hidden(self.flat(inputs))
        (a, b), c, last = self.branches
        return self.head["out"](last["norm"](a(x) + b(x) + c(x), training=training))


def sequential():
    return Sequential(
        [
            Input((6, 6, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.8),
            layers.Dropout(0.3),
            layers.Flatten(),
            Scale(5),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )


def functional():
    inputs = Input((6, 6, 2), name="picture")
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    norm = layers.BatchNormalization(name="norm")
    left = norm(shared(inputs))
    right = norm(layers.ReLU()(shared(inputs)))
    both = layers.Concatenate()([layers.Add()([left, right]), left])
    pooled = layers.GlobalAveragePooling2D()(both)
    return Model(inputs, layers.Dense(3, activation="softmax", name="kind")(pooled), name="branched")


MODELS = [sequential, functional, Subclassed]


def trained(make, optimizer="adam", epochs=2):
    model = make()
    optimizer = swiftbn.optimizers.get(optimizer)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return model


def values(model):
    return [np.array(v.numpy()) for v in [*model.variables, *model.optimizer.variables]]


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


def pack(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def refused(model, path, text, error=ValueError, weights_too=True):
    """Loading a file fails with this text, and leaves a model alone that was to take its weights."""
    with pytest.raises(error) as caught:
        saving.load_model(path)
    assert type(caught.value) is error and text in str(caught.value)
    if weights_too:
        before = values(model)
        with pytest.raises(error) as caught:
            model.load_weights(path)
        assert type(caught.value) is error and text in str(caught.value)
        assert_same(values(model), before)


def saved_parts(model, folder) -> dict:
    """The parts of a good file, by name."""
    model.save(folder / "good.keras")
    with zipfile.ZipFile(folder / "good.keras") as file:
        return {name: file.read(name) for name in PARTS}
