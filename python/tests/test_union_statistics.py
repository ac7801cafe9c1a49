"""fit(accumulate=k, accumulate_statistics="union"): the update of the whole batch, computed in parts."""

import copy
import threading

import numpy as np
import pytest
from training_models import LABELS, RANDOM, X
from union_cases import WEIGHTS, assert_as_one_batch, network, trained, union

import swiftbn
from swiftbn import Input, Sequential, layers, losses, ops

IMAGES = RANDOM.normal(3, 2, size=(50, 8, 8, 3)).astype("float32")


def arena(model) -> int:
    step = next(step for key, step in model._programs.items() if key[0] == "train")
    return step.program.plans()[0][2]


@pytest.mark.parametrize("parts", [2, 3, 5, 16, 100])
def test_the_update_is_that_of_the_batch(parts):
    """50 samples in batches of 16 and one of 2; more parts than samples are as many as samples."""
    whole, divided = assert_as_one_batch(network(), parts, metrics=["accuracy"])
    assert int(divided.optimizer.iterations) == int(whole.optimizer.iterations) == 8
    each, _ = trained(network(), dict(accumulate=2))
    assert np.abs(each.layers[1].moving_variance.numpy() - whole.layers[1].moving_variance.numpy()).max() > 1e-2


def test_one_part_is_the_batch():
    a, b = (trained(network(), division)[0].get_weights() for division in ({}, union(1)))
    for v, w in zip(a, b, strict=True):
        np.testing.assert_array_equal(v, w)


@pytest.mark.parametrize(
    "options",
    [
        dict(unbiased_variance=True),
        dict(renorm=True, renorm_clipping=dict(rmin=0.5, rmax=2.0, dmax=1.0), renorm_momentum=0.7),
        dict(normalize_with="moving"),
        dict(moving_average="cumulative"),
        dict(moving_average="window", window=2),
        dict(single_value="moving"),
        dict(single_value="error"),
        dict(nonfinite="skip"),
        dict(nonfinite="error"),
        dict(scale=False),
        dict(center=False, scale=False),
        dict(virtual_batch_size=4, unbiased_variance=True),
        dict(trainable=False),
    ],
    ids=str,
)
def test_options_of_the_normalization(options):
    assert_as_one_batch(network(**options), parts=4)


def test_groups_stay_together():
    """Parts are cut between groups of all sizes; where a model hides a layer that has some, it is told."""
    sizes = [layers.BatchNormalization(virtual_batch_size=size) for size in (2, 3)]
    assert_as_one_batch(lambda: Sequential([Input((4,)), *map(copy.deepcopy, sizes), layers.Dense(3, "softmax")]), 2)
    hidden = (lambda: sizes[1],)
    with pytest.raises(ValueError, match="virtual_batch_size=3.*micro-batches of 8"):
        norm = layers.Lambda(lambda x: hidden[0]()(x, training=True))
        trained(lambda: Sequential([Input((4,)), norm, layers.Dense(3, "softmax")]), union(2))


@pytest.mark.parametrize("axis", [1, -1, (1, 3)])
def test_images(axis):
    def make():
        return Sequential(
            [
                Input((8, 8, 3)),
                layers.Conv2D(4, 3, padding="same"),
                layers.BatchNormalization(axis=axis, momentum=0.5),
                layers.ReLU(),
                layers.MaxPooling2D(),
                layers.Conv2D(4, 3, activation="relu"),
                layers.BatchNormalization(momentum=0.5),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, activation="softmax"),
            ]
        )

    assert_as_one_batch(make, x=IMAGES, parts=3)


def test_large_means_in_float64():
    """As exact as the batch: μ = 1e6 at σ = 1."""

    def make():
        parts = [layers.BatchNormalization(dtype="float64", momentum=0.0), layers.Dense(3, dtype="float64")]
        return Sequential([Input((4,), dtype="float64"), *parts])

    x = RANDOM.normal(1e6, 1, size=(50, 4))
    model, _ = trained(make, union(7), x=x, y=x[:, :3] - 1e6, loss="mse", batch_size=50, epochs=1)
    np.testing.assert_allclose(model.layers[0].moving_mean.numpy(), x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(model.layers[0].moving_variance.numpy(), x.var(0), rtol=1e-9)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_losses_and_sample_weights(reduction):
    loss = losses.SparseCategoricalCrossentropy(reduction=reduction)
    for weights in (dict(sample_weight=WEIGHTS), dict(class_weight={1: 2.0})):
        assert_as_one_batch(network(), loss=loss, rate=0.01, **weights)


@pytest.mark.parametrize("last", ["softmax", "sigmoid", "linear"])
def test_certain_outputs(last):
    """Where probabilities round to 0 or 1 the loss takes the logits, as for the whole batch."""

    def make():
        return Sequential([Input((4,)), layers.BatchNormalization(), layers.Dense(3, last, kernel_initializer=large)])

    large = swiftbn.initializers.RandomNormal(stddev=200.0 if last != "linear" else 1.0, seed=6)
    y = np.eye(3, dtype="float32")[LABELS]
    loss = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy", "linear": "mse"}[last]
    assert_as_one_batch(make, y=y, loss=loss)


def test_memory_lies_between_parts_and_the_batch():
    def make():
        parts = []
        for _ in range(5):
            parts += [layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
        return Sequential([Input((8, 8, 3)), *parts, layers.GlobalAveragePooling2D(), layers.Dense(3)])

    x = np.tile(IMAGES, (4, 1, 1, 1))
    sizes = [
        arena(trained(make, division, x=x, y=x[:, 0, 0], loss="mse", batch_size=200, epochs=1)[0])
        for division in (dict(accumulate=8), union(8), {})
    ]
    assert sizes[0] < sizes[1] < 0.65 * sizes[2]


def test_plan_summary_of_parts():
    model = network()()
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    names = [
        [step.name for step in model.plan_summary(X, LABELS, print_fn=lambda text: None, **division).steps]
        for division in ({}, dict(accumulate=3), union(3))
    ]
    assert [sum("moments" in name for name in found) for found in names] == [0, 0, 6]
    assert sum(name == "batch_norm" for name in names[1]) == 6
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for arguments, text in (
        (dict(x=X, accumulate=2), "accumulate=2"),
        (dict(x=X, y=LABELS, accumulate=0), "accumulate=0"),
        (dict(x=X, y=LABELS, accumulate_statistics="none"), "accumulate_statistics='none'"),
    ):
        with pytest.raises(ValueError, match=text):
            model.plan_summary(**arguments)


class Twice(layers.Layer):
    """Normalizes again in micro-batches of more than 5 samples."""

    def __init__(self):
        super().__init__()
        self.norms = [layers.BatchNormalization(name="first"), layers.BatchNormalization(name="second")]

    def build(self, shape):
        for norm in self.norms:
            norm.build(shape)

    def call(self, x, training=None):
        x = self.norms[0](x, training=training)
        return x if x.shape[0] == 5 else self.norms[1](x, training=training)


class InCondition(layers.Layer):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization(name="inside")

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x, training=None):
        return ops.cond(ops.any(x > 0), lambda: self.norm(x, training=training), lambda: x)


class Failing(layers.Layer):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        x = self.norm(x, training=training)
        if x.shape[0] == 6:
            raise KeyError("the third micro-batch")
        return x


@pytest.mark.parametrize(
    "layer, error, text",
    [
        (Twice, ValueError, "Received: the end, the end, 'second'"),
        (InCondition, ValueError, "'inside'.*condition"),
        (Failing, KeyError, "the third micro-batch"),
    ],
)
def test_errors_of_parts(layer, error, text):
    """What goes wrong in one of the micro-batches is raised, and the others end; nothing has changed then."""
    before = threading.active_count()
    model = Sequential([Input((4,)), layer(), layers.Dense(3)])
    model.compile("sgd", "mse")
    kept = model.get_weights()
    with pytest.raises(error, match=text):
        model.fit(X[:16], X[:16, :3], batch_size=16, verbose=0, **union(3))
    assert threading.active_count() == before
    for a, b in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="Received: accumulate_statistics='all'"):
        trained(network(), dict(accumulate=2, accumulate_statistics="all"))
    with pytest.raises(ValueError, match="samples on axis 0"):
        total = layers.Lambda(lambda x: ops.sum(x))
        trained(lambda: Sequential([Input((4,)), total]), union(2), y=X[:, 0], loss=lambda y, p: p + 0 * y)


@pytest.mark.interop
def test_the_update_is_that_of_keras(tmp_path):
    keras = pytest.importorskip("keras")

    theirs = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(momentum=0.6),
            keras.layers.ReLU(),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(momentum=0.6),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    theirs.save(tmp_path / "model.keras")
    ours = swiftbn.models.load_model(tmp_path / "model.keras")
    arguments = dict(batch_size=16, epochs=2, shuffle=False, sample_weight=WEIGHTS, verbose=0)
    for model, package, division in ((theirs, keras, {}), (ours, swiftbn, union(3))):
        model.compile(package.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
        model.fit(IMAGES, LABELS, **arguments, **division)
    for a, b in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)
