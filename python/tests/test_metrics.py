"""Metrics over several updates against NumPy, weights, state, names, configurations."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Sequential, layers, metrics, ops

RANDOM = np.random.default_rng(41)
SCORES = RANDOM.uniform(size=(12, 6)).astype("float32")
SCORES /= SCORES.sum(-1, keepdims=True)
LABELS = RANDOM.integers(0, 6, size=12)
ONE_HOT = np.eye(6, dtype="float32")[LABELS]
TRUTH = (RANDOM.uniform(size=(12, 6)) > 0.5).astype("float32")
VALUES = RANDOM.normal(size=(12, 6)).astype("float32")
WEIGHTS = RANDOM.uniform(size=12).astype("float32")


def in_top(k):
    order = np.argsort(-SCORES, axis=-1, kind="stable")[:, :k]
    return (order == LABELS[:, None]).any(-1).astype("float64")


def cross_entropy():
    return -np.log(SCORES[np.arange(12), LABELS].astype("float64"))


def binary_cross_entropy():
    p = SCORES.astype("float64")
    return -(TRUTH * np.log(p) + (1 - TRUTH) * np.log(1 - p)).mean(-1)


RIGHT = (SCORES.argmax(-1) == LABELS).astype("float64")
# Metric, targets, outputs, value of each sample.
CASES = {
    "sparse accuracy": (metrics.SparseCategoricalAccuracy, {}, LABELS, SCORES, RIGHT),
    "sparse accuracy of a column": (metrics.SparseCategoricalAccuracy, {}, LABELS[:, None], SCORES, RIGHT),
    "categorical accuracy": (metrics.CategoricalAccuracy, {}, ONE_HOT, SCORES, RIGHT),
    "binary accuracy": (
        metrics.BinaryAccuracy,
        {"threshold": 0.2},
        TRUTH,
        SCORES,
        ((SCORES > 0.2) == TRUTH).mean(-1),
    ),
    "accuracy": (metrics.Accuracy, {}, TRUTH, ONE_HOT, (TRUTH == ONE_HOT).mean(-1)),
    "sparse top 2": (metrics.SparseTopKCategoricalAccuracy, {"k": 2}, LABELS, SCORES, in_top(2)),
    "top 3": (metrics.TopKCategoricalAccuracy, {"k": 3}, ONE_HOT, SCORES, in_top(3)),
    "sparse cross-entropy": (metrics.SparseCategoricalCrossentropy, {}, LABELS, SCORES, cross_entropy()),
    "categorical cross-entropy": (metrics.CategoricalCrossentropy, {}, ONE_HOT, SCORES, cross_entropy()),
    "binary cross-entropy": (metrics.BinaryCrossentropy, {}, TRUTH, SCORES, binary_cross_entropy()),
    "squared error": (metrics.MeanSquaredError, {}, TRUTH, VALUES, ((TRUTH - VALUES) ** 2).mean(-1)),
    "absolute error": (metrics.MeanAbsoluteError, {}, TRUTH, VALUES, np.abs(TRUTH - VALUES).mean(-1)),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_several_updates(case):
    cls, options, targets, outputs, expected = CASES[case]
    metric = cls(**options)
    assert float(metric.result()) == 0
    for begin, end in [(0, 5), (5, 6), (6, 12)]:
        metric.update_state(targets[begin:end], outputs[begin:end])
        assert float(metric.result()) == pytest.approx(expected[:end].mean(), rel=1e-5)
    metric.reset_state()
    for begin, end in [(0, 5), (5, 12)]:
        metric.update_state(targets[begin:end], outputs[begin:end], WEIGHTS[begin:end])
    assert float(metric.result()) == pytest.approx((expected * WEIGHTS).sum() / WEIGHTS.sum(), rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 0
    assert float(metric(targets, outputs)) == pytest.approx(expected.mean(), rel=1e-5)


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_configurations(case):
    cls, options, targets, outputs, expected = CASES[case]
    config = cls(name="mine", **options).get_config()
    assert config["name"] == "mine" and all(config[name] == value for name, value in options.items())
    copy = metrics.deserialize(metrics.serialize(cls.from_config(config)))
    assert type(copy) is cls
    copy.update_state(targets, outputs)
    assert float(copy.result()) == pytest.approx(expected.mean(), rel=1e-5)


def test_root_mean_squared_error():
    metric = metrics.RootMeanSquaredError()
    for begin, end in [(0, 7), (7, 12)]:
        metric.update_state(TRUTH[begin:end], VALUES[begin:end])
    assert float(metric.result()) == pytest.approx(np.sqrt(((TRUTH - VALUES) ** 2).mean()), rel=1e-5)


def test_mean_and_sum():
    mean, total = metrics.Mean(), metrics.Sum()
    for value, weight in [([1.0, 2.0], None), ([4.0], None), (7.0, 2.0)]:
        mean.update_state(value, sample_weight=weight)
        total.update_state(value, sample_weight=weight)
    assert float(mean.result()) == pytest.approx((1 + 2 + 4 + 14) / 5)
    assert float(total.result()) == 21
    assert len(mean.variables) == 2 and len(total.variables) == 1


def test_wrapped_functions_and_own_metrics():
    wrapped = metrics.MeanMetricWrapper(lambda y_true, y_pred: ops.abs(y_true - y_pred), name="distance")
    wrapped.update_state(TRUTH, VALUES)
    assert float(wrapped.result()) == pytest.approx(np.abs(TRUTH - VALUES).mean(), rel=1e-5)

    class Largest(metrics.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.value = self.add_weight(name="value")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(ops.maximum(self.value, ops.max(y_pred)))

        def result(self):
            return self.value

    metric = Largest()
    metric.update_state(None, VALUES[:6])
    metric.update_state(None, VALUES[6:])
    assert float(metric.result()) == VALUES.max()


# Width of the output, targets, loss: what "accuracy" and "crossentropy" mean.
MEANINGS = [
    (6, LABELS, "sparse_categorical_crossentropy", "sparse_categorical", cross_entropy),
    (6, LABELS[:, None], "sparse_categorical_crossentropy", "sparse_categorical", cross_entropy),
    (6, ONE_HOT, "categorical_crossentropy", "categorical", cross_entropy),
    (1, TRUTH[:, :1], "binary_crossentropy", "binary", None),
    (1, TRUTH[:, 0], "binary_crossentropy", "binary", None),
]


@pytest.mark.parametrize("width,targets,loss,kind,entropy", MEANINGS)
@pytest.mark.parametrize("name", ["accuracy", "acc", "crossentropy", "ce"])
def test_names_mean_what_the_targets_need(width, targets, loss, kind, entropy, name):
    model = Sequential([swiftbn.Input((6,)), layers.Dense(width, activation="softmax" if width > 1 else "sigmoid")])
    model.compile(loss=loss, metrics=[name])
    logs = model.evaluate(VALUES, targets, verbose=0, return_dict=True)
    outputs = model.predict(VALUES, verbose=0)
    flat = np.asarray(targets).reshape(len(VALUES), -1)
    if width == 1:
        accuracy = ((outputs > 0.5) == flat).mean()
    else:
        accuracy = (outputs.argmax(-1) == LABELS).mean()
    value = logs["loss"] if name in ("crossentropy", "ce") else accuracy
    assert logs[name] == pytest.approx(value, rel=1e-5)


def test_names():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("mae"), metrics.MeanAbsoluteError)
    assert isinstance(metrics.get("sparse_categorical_accuracy"), metrics.SparseCategoricalAccuracy)
    assert isinstance(metrics.get("RootMeanSquaredError"), metrics.RootMeanSquaredError)


@pytest.mark.parametrize(
    "make,text",
    [
        (lambda: metrics.get("nothing"), "Unknown metric 'nothing', expected one of"),
        (lambda: metrics.BinaryAccuracy(threshold=2), "threshold=2"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_a_failed_update_changes_nothing():
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state(LABELS, SCORES)
    before = [np.array(v) for v in metric.variables]
    with pytest.raises(ValueError, match=r"\(12|12.*5|5.*12"):
        metric.update_state(LABELS[:5], SCORES)
    for old, variable in zip(before, metric.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
