"""Metrics against NumPy in float64 over several updates, with weights, in programs; names, configuration, errors."""

import numpy as np
import pytest
from checks import traced

from swiftbn import Input, Sequential, layers, losses, metrics

RANDOM = np.random.default_rng(6)
SIZES = (5, 3, 8)
OUTPUTS = [RANDOM.dirichlet(np.ones(4), size=n) for n in SIZES]
LABELS = [RANDOM.integers(0, 4, size=n) for n in SIZES]
ONE_HOT = [np.eye(4)[labels] for labels in LABELS]
YES_NO = [RANDOM.integers(0, 2, size=(n, 4)).astype("float64") for n in SIZES]
GUESSES = [RANDOM.integers(0, 4, size=n) for n in SIZES]
WEIGHTS = [RANDOM.uniform(0, 2, size=n) for n in SIZES]


def log(p):
    return np.log(np.clip(p, 1e-7, 1 - 1e-7))


def rank_of(labels, outputs):
    return (outputs > outputs[np.arange(len(labels)), labels][:, None]).sum(-1)


# metric, targets, outputs, reference for each sample, what the mean goes through in the end
CASES = {
    "Accuracy": (metrics.Accuracy, LABELS, GUESSES, lambda t, p: t == p),
    "BinaryAccuracy": (metrics.BinaryAccuracy, YES_NO, OUTPUTS, lambda t, p: (t == (p > 0.5)).mean(-1)),
    "BinaryAccuracy at 0.2": (
        lambda **k: metrics.BinaryAccuracy(threshold=0.2, **k),
        YES_NO,
        OUTPUTS,
        lambda t, p: (t == (p > 0.2)).mean(-1),
    ),
    "CategoricalAccuracy": (
        metrics.CategoricalAccuracy,
        ONE_HOT,
        OUTPUTS,
        lambda t, p: t.argmax(-1) == p.argmax(-1),
    ),
    "SparseCategoricalAccuracy": (metrics.SparseCategoricalAccuracy, LABELS, OUTPUTS, lambda t, p: t == p.argmax(-1)),
    "TopKCategoricalAccuracy": (
        lambda **k: metrics.TopKCategoricalAccuracy(2, **k),
        ONE_HOT,
        OUTPUTS,
        lambda t, p: rank_of(t.argmax(-1), p) < 2,
    ),
    "SparseTopKCategoricalAccuracy": (
        lambda **k: metrics.SparseTopKCategoricalAccuracy(3, **k),
        LABELS,
        OUTPUTS,
        lambda t, p: rank_of(t, p) < 3,
    ),
    "sorted ids": (
        lambda **k: metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True, **k),
        LABELS,
        [np.argsort(-p, axis=-1) for p in OUTPUTS],
        lambda t, p: (t[:, None] == p[:, :2]).any(-1),
    ),
    "MeanSquaredError": (metrics.MeanSquaredError, YES_NO, OUTPUTS, lambda t, p: ((t - p) ** 2).mean(-1)),
    "MeanAbsoluteError": (metrics.MeanAbsoluteError, YES_NO, OUTPUTS, lambda t, p: np.abs(t - p).mean(-1)),
    "RootMeanSquaredError": (metrics.RootMeanSquaredError, YES_NO, OUTPUTS, lambda t, p: ((t - p) ** 2).mean(-1)),
    "BinaryCrossentropy": (
        metrics.BinaryCrossentropy,
        YES_NO,
        OUTPUTS,
        lambda t, p: -(t * log(p) + (1 - t) * log(1 - p)).mean(-1),
    ),
    "CategoricalCrossentropy": (
        metrics.CategoricalCrossentropy,
        ONE_HOT,
        OUTPUTS,
        lambda t, p: -(t * log(p)).sum(-1),
    ),
    "smoothed CategoricalCrossentropy": (
        lambda **k: metrics.CategoricalCrossentropy(label_smoothing=0.2, **k),
        ONE_HOT,
        OUTPUTS,
        lambda t, p: -((t * 0.8 + 0.05) * log(p)).sum(-1),
    ),
    "SparseCategoricalCrossentropy": (
        metrics.SparseCategoricalCrossentropy,
        LABELS,
        OUTPUTS,
        lambda t, p: -log(p[np.arange(len(t)), t]),
    ),
    "crossentropy of logits": (
        lambda **k: metrics.SparseCategoricalCrossentropy(from_logits=True, **k),
        LABELS,
        OUTPUTS,
        lambda t, p: np.log(np.exp(p).sum(-1)) - p[np.arange(len(t)), t],
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_over_several_updates(name, weighted):
    make, targets, outputs, reference = CASES[name]
    metric = make(dtype="float64")
    finish = np.sqrt if "Root" in name else float
    assert float(metric.result()) == 0
    total = count = 0.0
    for target, output, weight in zip(targets, outputs, WEIGHTS, strict=True):
        values = np.asarray(reference(target, output), "float64")
        weight = weight if weighted else None
        result = metric(target, output, sample_weight=weight)
        total += (values * (1 if weight is None else weight)).sum()
        count += len(values) if weight is None else weight.sum()
        np.testing.assert_allclose(float(result), finish(total / count), rtol=1e-6)
    assert [float(v.numpy()) for v in metric.variables] == pytest.approx([total, count], rel=1e-6)
    metric.reset_state()
    assert [float(v.numpy()) for v in metric.variables] == [0, 0] and float(metric.result()) == 0
    metric.update_state(targets[0], outputs[0])
    values = np.asarray(reference(targets[0], outputs[0]), "float64")
    np.testing.assert_allclose(float(metric.result()), finish(values.mean()), rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_in_a_program(name):
    make, targets, outputs, reference = CASES[name]
    metric = make(dtype="float64")
    finish = np.sqrt if "Root" in name else float

    def step(target, output, weight):
        metric.update_state(target, output, sample_weight=weight)
        return metric.result()

    values = np.asarray(reference(targets[2], outputs[2]), "float64")
    expected = finish((values * WEIGHTS[2]).sum() / WEIGHTS[2].sum())
    np.testing.assert_allclose(traced(step, targets[2], outputs[2], WEIGHTS[2]), expected, rtol=1e-6)
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)


def test_mean_and_sum():
    mean, total = metrics.Mean(dtype="float64"), metrics.Sum(dtype="float64")
    values = [RANDOM.normal(size=(4, 3)), RANDOM.normal(size=6), np.array(2.5)]
    for value in values:
        mean.update_state(value)
        total.update_state(value)
    # A mean counts samples, whose values are their means.
    samples = [*values[0].mean(-1), *values[1], 2.5]
    np.testing.assert_allclose(float(mean.result()), np.mean(samples), rtol=1e-12)
    np.testing.assert_allclose(float(total.result()), sum(v.sum() for v in values), rtol=1e-12)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3)])
def test_weights_of_samples_and_of_elements(shape):
    values, weights = RANDOM.normal(size=(4, 3)), RANDOM.uniform(0.1, 1, size=shape)
    wide = weights.reshape(4, -1) * np.ones((4, 3))
    mean, total = metrics.Mean(dtype="float64"), metrics.Sum(dtype="float64")
    np.testing.assert_allclose(float(mean(values, weights)), (values * wide).sum() / wide.sum(), rtol=1e-12)
    np.testing.assert_allclose(float(total(values, weights)), (values * wide).sum(), rtol=1e-12)


def test_weights_that_are_all_zero_count_nothing():
    mean = metrics.Mean()
    assert float(mean([1.0, 2.0], sample_weight=[0.0, 0.0])) == 0
    assert float(mean([4.0, 7.0], sample_weight=[1.0, 0.0])) == 4


def test_columns_meet_rows_without_broadcasting():
    rows = np.array([1.0, 0.0, 1.0])
    for metric in (metrics.BinaryAccuracy(), metrics.Accuracy()):
        assert float(metric(rows[:, None], rows)) == 1 and float(metric(rows, rows[:, None])) == 1
    for metric in (metrics.MeanSquaredError(), metrics.MeanAbsoluteError(), metrics.RootMeanSquaredError()):
        assert float(metric(rows[:, None], rows)) == 0 and float(metric(rows, rows[:, None])) == 0
    metric = metrics.SparseCategoricalAccuracy()
    assert float(metric(LABELS[0][:, None], ONE_HOT[0])) == 1


def test_top_k_over_more_axes_and_beyond_all_classes():
    labels, outputs = RANDOM.integers(0, 4, size=(2, 3)), RANDOM.normal(size=(2, 3, 4))
    expected = rank_of(labels.reshape(-1), outputs.reshape(-1, 4)) < 2
    found = metrics.sparse_top_k_categorical_accuracy(labels, outputs, k=2)
    np.testing.assert_array_equal(found, expected.reshape(2, 3))
    assert metrics.top_k_categorical_accuracy(np.eye(4)[labels], outputs, k=9).min() == 1


def test_functions_give_one_value_per_sample():
    np.testing.assert_array_equal(
        metrics.sparse_categorical_accuracy(LABELS[2], OUTPUTS[2]), LABELS[2] == OUTPUTS[2].argmax(-1)
    )
    np.testing.assert_array_equal(metrics.binary_accuracy(YES_NO[2], OUTPUTS[2]), YES_NO[2] == (OUTPUTS[2] > 0.5))
    np.testing.assert_allclose(
        metrics.mean_absolute_error(YES_NO[2], OUTPUTS[2]), np.abs(YES_NO[2] - OUTPUTS[2]).mean(-1)
    )


def test_subclasses_have_to_define_their_parts():
    with pytest.raises(NotImplementedError, match="Metric has to define update_state"):
        metrics.Metric().update_state(1)
    with pytest.raises(NotImplementedError, match="Metric has to define result"):
        metrics.Metric().result()


def test_names():
    for name, cls in (("mse", metrics.MeanSquaredError), ("MAE", metrics.MeanAbsoluteError)):
        assert type(metrics.get(name)) is cls
    for name, cls in (("bce", metrics.BinaryCrossentropy), ("sparse_top_k_categorical_accuracy", None)):
        assert type(metrics.get(name)) is (cls or metrics.SparseTopKCategoricalAccuracy)
    assert metrics.get("RootMeanSquaredError").name == "root_mean_squared_error"
    metric = metrics.Mean(name="m")
    assert metrics.get(metric) is metric and metrics.get(None) is None
    assert type(metrics.get(metrics.Sum)) is metrics.Sum


@pytest.mark.parametrize("name", ["accuracy", "acc", "crossentropy", "ce"])
@pytest.mark.parametrize("kind", ["binary", "categorical", "sparse_categorical"])
def test_short_names_become_what_fits_the_shapes(name, kind):
    units = 1 if kind == "binary" else 4
    model = Sequential([Input((2,)), layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")])
    x = RANDOM.normal(size=(8, 2))
    y = {"binary": YES_NO[2][:, :1], "categorical": ONE_HOT[2], "sparse_categorical": LABELS[2]}[kind]
    model.compile(loss=f"{kind}_crossentropy", metrics=[name])
    found = model.evaluate(x, y, return_dict=True, verbose=0)[name]
    full = "crossentropy" if name in ("crossentropy", "ce") else "accuracy"
    expected = metrics.get(f"{kind}_{full}")(y, model.predict(x, verbose=0))
    assert found == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_configuration(name):
    make, targets, outputs, _ = CASES[name]
    metric = make(name="other", dtype="float64")
    config = metric.get_config()
    assert config["name"] == "other" and config["dtype"] == "float64"
    for copy in (type(metric).from_config(config), metrics.deserialize(metrics.serialize(metric))):
        assert type(copy) is type(metric) and copy.get_config() == config
        assert float(copy(targets[2], outputs[2])) == float(make(dtype="float64")(targets[2], outputs[2]))


def test_configuration_of_wrapped_functions():
    metric = metrics.MeanMetricWrapper(losses.binary_crossentropy, name="b", from_logits=True)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.name == "b" and float(again(YES_NO[0], OUTPUTS[0])) == float(metric(YES_NO[0], OUTPUTS[0]))


BAD = [
    (ValueError, lambda: metrics.get("acuracy"), "Unknown metric 'acuracy'.*binary_accuracy"),
    (ValueError, lambda: metrics.get(3), "Expected a metric.*Received: 3"),
    (ValueError, lambda: metrics.Mean(dtype="int8"), "dtype='int8'"),
    (ValueError, lambda: metrics.Mean(name=3), "name=3"),
    (ValueError, lambda: metrics.BinaryAccuracy(threshold=1.0), r"threshold=1\.0"),
    (ValueError, lambda: metrics.BinaryAccuracy(threshold="a"), "threshold='a'"),
    (ValueError, lambda: metrics.BinaryAccuracy(threshold=None), "threshold=None"),
    (ValueError, lambda: metrics.TopKCategoricalAccuracy(k=0), "TopKCategoricalAccuracy.*k=0"),
    (ValueError, lambda: metrics.SparseTopKCategoricalAccuracy(k=1.5), r"k=1\.5"),
    (ValueError, lambda: metrics.Mean()([1, 2, 3], sample_weight=[1, 2]), r"\(2,\).*3"),
    (ValueError, lambda: metrics.MeanSquaredError()(YES_NO[0], OUTPUTS[1]), r"\(5, 4\).*\(3, 4\)"),
    (ValueError, lambda: metrics.CategoricalAccuracy()(YES_NO[0], OUTPUTS[1]), r"\(5,\).*\(3,\)"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    kind, function, text = BAD[case]
    with pytest.raises(kind, match=text):
        function()
