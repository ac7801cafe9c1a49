"""fit(accumulate_statistics="union") of models of all kinds: custom layers, subclasses, wrappers, generators."""

import numpy as np
from training_models import LABELS, X, two_outputs
from union_cases import WEIGHTS, assert_as_one_batch, network, trained, union

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops


def test_several_inputs_and_outputs():
    def make():
        a, b = Input((4,), name="a"), Input((2,), name="b")
        x = layers.Concatenate()([layers.BatchNormalization()(a), layers.BatchNormalization()(b)])
        value = layers.Dense(1, name="value")(layers.BatchNormalization()(x))
        return Model({"a": a, "b": b}, {"value": value, "kind": layers.Dense(3, activation="softmax", name="kind")(x)})

    assert_as_one_batch(
        make,
        x={"a": X, "b": X[:, :2]},
        y={"value": X[:, 3:], "kind": LABELS},
        loss={"value": "mse", "kind": "sparse_categorical_crossentropy"},
        sample_weight={"value": WEIGHTS, "kind": WEIGHTS[::-1].copy()},
    )


def test_without_batch_normalization():
    kinds = ["mse", "sparse_categorical_crossentropy"]
    assert_as_one_batch(two_outputs, x=[X, X[:, :2]], y=[X[:, 3:], LABELS], loss=kinds)


class Residual(layers.Layer):
    """Custom code around shared normalizations, which are called twice, one of them with a mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(4, activation="tanh")
        self.norm = layers.BatchNormalization(momentum=0.5)

    def call(self, x, training=None):
        y = self.norm(self.dense(x), training=training)
        self.add_loss(0.1 * ops.mean(ops.square(y)))
        self.add_loss(0.01 * ops.sum(ops.abs(x), axis=-1))
        y = self.norm(self.dense(y), training=training, mask=ops.greater(x[:, 0], -0.5))
        return x + y


def test_custom_layers_shared_normalizations_masks_and_losses():
    def make():
        outputs = [layers.Dense(3, activation="softmax", activity_regularizer="l2")]
        first = layers.Dense(4, activity_regularizer="l1")
        return Sequential([Input((4,)), first, Residual(), layers.BatchNormalization(), *outputs])

    assert_as_one_batch(make)


class Subclassed(Model):
    def __init__(self):
        super().__init__()
        self.inner = Sequential([layers.Dense(5), layers.BatchNormalization()])
        self.head = layers.Dense(3, activation="softmax")

    def call(self, x, training=None):
        return self.head(ops.tanh(self.inner(x, training=training)))


def test_subclassed_models():
    assert_as_one_batch(Subclassed)


def test_spectral_normalization_iterates_once():
    def make():
        dense = layers.SpectralNormalization(layers.Dense(4))
        return Sequential([Input((4,)), dense, layers.BatchNormalization(), layers.Dense(3, activation="softmax")])

    assert_as_one_batch(make)


def test_recomputed_layers():
    def make():
        with swiftbn.RematScope():
            return network()()

    assert_as_one_batch(make)
    class_ = type("Wrapped", (Residual,), {"call": swiftbn.remat(Residual.call)})
    assert_as_one_batch(lambda: Sequential([Input((4,)), class_(), layers.Dense(3, activation="softmax")]))


def test_dropout_draws_for_each_part():
    class Seen(layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm = layers.BatchNormalization(momentum=0.0, center=False, scale=False)
            self.dropout = layers.Dropout(0.5, seed=3)

        def call(self, x, training=None):
            return self.norm(self.dropout(x), training=training)

    ones = np.ones((40, 1000), "float32")
    model, _ = trained(
        lambda: Sequential([Input((1000,)), Seen()]), union(2), x=ones, y=ones, loss="mse", batch_size=40, epochs=1
    )
    # Were both halves to draw the same, each mean of 40 would be one of 20.
    mean = model.layers[0].norm.moving_mean.numpy()
    counts = np.round(mean * 40 / 2)
    np.testing.assert_allclose(mean, counts / 20, rtol=1e-5)
    assert np.any(counts % 2 == 1)
    assert int(model.layers[0].dropout.seed_generator.state.numpy()[1]) == 2


def test_generators_of_batches_of_several_sizes():
    def batches():
        for begin, end in [(0, 16), (16, 21), (21, 50)]:
            yield X[begin:end], LABELS[begin:end]

    runs = []
    for division in ({}, union(4)):
        swiftbn.utils.set_random_seed(4)
        model = network()()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(batches(), verbose=0, **division)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)


def test_half_precision():
    def make():
        parts = [layers.Dense(8, dtype="mixed_float16"), layers.BatchNormalization(dtype="mixed_float16")]
        return Sequential([Input((4,)), *parts, layers.Dense(3, activation="softmax", dtype="mixed_float16")])

    assert_as_one_batch(make, tolerance=1e-2)
