"""Losses: values against NumPy in float64, reductions, weights, configurations, gradients."""

import numpy as np
import pytest

import swiftbn
from swiftbn import losses, ops

RANDOM = np.random.default_rng(31)
LOGITS = RANDOM.normal(0, 3, size=(7, 5))
LABELS = RANDOM.integers(0, 5, size=7)
ONE_HOT = np.eye(5)[LABELS]
WEIGHTS = RANDOM.uniform(0.1, 2, size=7)
EPSILON = 1e-7


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(targets, probabilities):
    return -(targets * np.log(np.clip(probabilities, EPSILON, 1 - EPSILON))).sum(-1)


def binary(targets, probabilities):
    p = np.clip(probabilities, EPSILON, 1 - EPSILON)
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean(-1)


BINARY_TARGETS = (RANDOM.uniform(size=(7, 5)) > 0.5).astype("float64")
PER_SAMPLE = {
    "sparse, probabilities": (
        losses.SparseCategoricalCrossentropy,
        {},
        LABELS,
        softmax(LOGITS),
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "sparse, logits": (
        losses.SparseCategoricalCrossentropy,
        {"from_logits": True},
        LABELS,
        LOGITS,
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "sparse, column of labels": (
        losses.SparseCategoricalCrossentropy,
        {"from_logits": True},
        LABELS[:, None],
        LOGITS,
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "categorical, probabilities": (
        losses.CategoricalCrossentropy,
        {},
        ONE_HOT,
        softmax(LOGITS),
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "categorical, smoothed logits": (
        losses.CategoricalCrossentropy,
        {"from_logits": True, "label_smoothing": 0.2},
        ONE_HOT,
        LOGITS,
        cross_entropy(ONE_HOT * 0.8 + 0.04, softmax(LOGITS)),
    ),
    "binary, probabilities": (
        losses.BinaryCrossentropy,
        {},
        BINARY_TARGETS,
        sigmoid(LOGITS),
        binary(BINARY_TARGETS, sigmoid(LOGITS)),
    ),
    "binary, smoothed logits": (
        losses.BinaryCrossentropy,
        {"from_logits": True, "label_smoothing": 0.1},
        BINARY_TARGETS,
        LOGITS,
        binary(BINARY_TARGETS * 0.9 + 0.05, sigmoid(LOGITS)),
    ),
    "squared error": (losses.MeanSquaredError, {}, ONE_HOT, LOGITS, ((ONE_HOT - LOGITS) ** 2).mean(-1)),
}


@pytest.mark.parametrize("case", PER_SAMPLE, ids=list(PER_SAMPLE))
@pytest.mark.parametrize("dtype,tolerance", [("float32", 2e-5), ("float64", 1e-10)])
def test_values_and_reductions(case, dtype, tolerance):
    cls, options, targets, outputs, expected = PER_SAMPLE[case]
    outputs = outputs.astype(dtype)
    reductions = {
        "none": expected,
        None: expected,
        "sum": expected.sum(),
        "sum_over_batch_size": expected.mean(),
        "mean": expected.mean(),
    }
    for reduction, value in reductions.items():
        loss = cls(reduction=reduction, dtype=dtype, **options)
        np.testing.assert_allclose(loss(targets, outputs), value, rtol=tolerance, err_msg=str(reduction))
    weighted = {
        "none": expected * WEIGHTS,
        "sum": (expected * WEIGHTS).sum(),
        "sum_over_batch_size": (expected * WEIGHTS).mean(),
        "mean_with_sample_weight": (expected * WEIGHTS).sum() / WEIGHTS.sum(),
    }
    for reduction, value in weighted.items():
        loss = cls(reduction=reduction, dtype=dtype, **options)
        np.testing.assert_allclose(loss(targets, outputs, WEIGHTS), value, rtol=tolerance, err_msg=str(reduction))
        column = loss(targets, outputs, WEIGHTS[:, None])
        np.testing.assert_allclose(column, value, rtol=tolerance, err_msg=f"{reduction}, weights in a column")


@pytest.mark.parametrize("case", PER_SAMPLE, ids=list(PER_SAMPLE))
def test_gradients(case):
    """By central differences, through the whole loss."""
    cls, options, targets, outputs, _ = PER_SAMPLE[case]
    loss = cls(dtype="float64", **options)
    outputs = outputs.copy()
    gradient = swiftbn.grad(lambda x: loss(targets, x))(outputs)
    expected = np.empty_like(outputs)
    step = 1e-6
    for index in np.ndindex(outputs.shape):
        kept = outputs[index]
        outputs[index] = kept + step
        above = loss(targets, outputs)
        outputs[index] = kept - step
        expected[index] = (above - loss(targets, outputs)) / (2 * step)
        outputs[index] = kept
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_stay_finite(size):
    logits = np.array([[size, -size, 0], [-size, size, 0]], "float32")
    labels = np.array([0, 0])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    np.testing.assert_allclose(loss(labels, logits), [0, 2 * size], rtol=1e-6)
    gradient = swiftbn.grad(lambda x: ops.sum(loss(labels, x)))(logits)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [-1, 1, 0]], atol=1e-6)
    loss = losses.BinaryCrossentropy(from_logits=True, reduction="none")
    np.testing.assert_allclose(loss(np.array([[1.0], [0.0]], "float32"), logits[:, :1]), [0, 0], atol=1e-6)
    np.testing.assert_allclose(loss(np.array([[0.0], [1.0]], "float32"), logits[:, :1]), [size, size], rtol=1e-6)


def test_probabilities_of_softmax_are_taken_back_to_logits():
    """A loss on softmax's output is as exact as one on logits, although the probability itself is 0."""
    logits = np.array([[200.0, 0.0]], "float32")
    loss = losses.SparseCategoricalCrossentropy()
    gradient = swiftbn.grad(lambda x: loss(np.array([1]), ops.softmax(x)))(logits)
    np.testing.assert_allclose(gradient, [[1, -1]], atol=1e-6)


def test_configurations_and_names():
    for cls, options, targets, outputs, _ in PER_SAMPLE.values():
        loss = cls(name="mine", reduction="sum", **options)
        config = loss.get_config()
        assert config["name"] == "mine" and config["reduction"] == "sum"
        for name, value in options.items():
            assert config[name] == value
        copy = losses.deserialize(losses.serialize(cls.from_config(config)))
        assert type(copy) is cls and copy(targets, outputs) == loss(targets, outputs)
    assert isinstance(losses.get("mse"), losses.MeanSquaredError)
    assert isinstance(losses.get("sparse_categorical_crossentropy"), losses.SparseCategoricalCrossentropy)
    assert isinstance(losses.get("BinaryCrossentropy"), losses.BinaryCrossentropy)
    assert losses.get(None) is None


def test_functions():
    outputs = softmax(LOGITS)
    expected = cross_entropy(ONE_HOT, outputs)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(LABELS, outputs), expected, rtol=1e-5)
    np.testing.assert_allclose(losses.categorical_crossentropy(ONE_HOT, outputs), expected, rtol=1e-5)
    np.testing.assert_allclose(
        losses.mean_squared_error(ONE_HOT, LOGITS), ((ONE_HOT - LOGITS) ** 2).mean(-1), rtol=1e-5
    )
    np.testing.assert_allclose(
        losses.binary_crossentropy(BINARY_TARGETS, LOGITS, from_logits=True),
        binary(BINARY_TARGETS, sigmoid(LOGITS)),
        rtol=1e-5,
    )


def test_own_losses():
    class Scaled(losses.Loss):
        def __init__(self, scale=2.0, **kwargs):
            super().__init__(**kwargs)
            self.scale = scale

        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_true - y_pred), axis=-1) * self.scale

    expected = 2 * np.abs(ONE_HOT - LOGITS).mean(-1)
    np.testing.assert_allclose(Scaled()(ONE_HOT, LOGITS), expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(Scaled(reduction=None)(ONE_HOT, LOGITS), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="Unknown loss 'Scaled'"):
        losses.deserialize("Scaled")
    assert isinstance(losses.deserialize("Scaled", custom_objects={"Scaled": Scaled}), Scaled)


@pytest.mark.parametrize(
    "make,text",
    [
        (lambda: losses.MeanSquaredError(reduction="average"), "reduction='?average'?"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=1.5), "label_smoothing=1.5"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=-0.1), "label_smoothing=-0.1"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=3), "ignore_class=None is supported.*3"),
        (lambda: losses.get("nothing"), "Unknown loss 'nothing', expected one of binary_crossentropy"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("label", [-1, 5])
def test_labels_out_of_range(label):
    labels = LABELS.copy()
    labels[3] = label
    with pytest.raises(ValueError, match=f"{label}.*0..<5|{label}.*range"):
        losses.SparseCategoricalCrossentropy(from_logits=True)(labels, LOGITS)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(7, 5\).*\(7, 4\)|\(7, 4\).*\(7, 5\)"):
        losses.CategoricalCrossentropy()(ONE_HOT[:, :4], LOGITS)
