"""Metrics in models: masks, ignored classes, shared state, callbacks, files."""

import numpy as np
import pytest
from loss_cases import with_mask
from metric_cases import CHANCES, RANDOM, TRUTH, WEIGHTS

import swiftbn
from swiftbn import losses, metrics

MEANS = {
    metrics.MeanAbsolutePercentageError: losses.mean_absolute_percentage_error,
    metrics.MeanSquaredLogarithmicError: losses.mean_squared_logarithmic_error,
    metrics.LogCoshError: losses.log_cosh,
    metrics.Hinge: losses.hinge,
    metrics.SquaredHinge: losses.squared_hinge,
    metrics.CategoricalHinge: losses.categorical_hinge,
    metrics.KLDivergence: losses.kl_divergence,
    metrics.Poisson: losses.poisson,
    metrics.CosineSimilarity: lambda t, p: -losses.cosine_similarity(t, p),
}


@pytest.mark.parametrize("cls", MEANS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("weighted", [False, True])
def test_mean_losses(cls, weighted):
    metric, total, count = cls(dtype="float64"), 0.0, 0.0
    for t, p, w in zip(TRUTH, CHANCES, WEIGHTS, strict=True):
        w = w if weighted else np.ones(len(t))
        metric.update_state(t, p + 0.1, sample_weight=w if weighted else None)
        total, count = total + (MEANS[cls](t, p + 0.1) * w).sum(), count + w.sum()
    assert metric.result() == pytest.approx(total / count, rel=1e-9)


def test_masks_of_outputs_leave_samples_out():
    outputs = with_mask(np.array([[1.0], [2.0], [5.0]]), np.array([True, False, True]))
    targets = np.zeros((3, 1))
    assert metrics.MeanSquaredError()(targets, outputs) == 13
    assert metrics.MeanSquaredError()(targets, outputs, sample_weight=[3, 1, 1]) == 7
    mean = metrics.Mean()
    mean.update_state(with_mask([1.0, 2.0, 6.0], np.array([True, False, True])), sample_weight=[1.0, 1.0, 1.0])
    assert mean.result() == 3.5


def test_ignored_classes_count_where_there_are_weights_only():
    p = np.array([[0.5, 0.5], [0.25, 0.75]])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1, dtype="float64")
    assert metric([0, 1], p) == pytest.approx(np.log(2) / 2)
    metric.reset_state()
    assert metric([0, 1], p, sample_weight=[1, 1]) == pytest.approx(np.log(2))


def test_metrics_in_attributes_share_their_state():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.count = self.add_weight(name="count")
            self.inner = metrics.Mean()

        def update_state(self, values):
            self.count.assign_add(1.0)
            self.inner.update_state(values)

        def result(self):
            return {"count": self.count.value, "mean": self.inner.result()}

    metric = Both()
    assert len(metric.variables) == 3
    metric.update_state([1.0, 3.0])
    assert metric.result() == {"count": 1, "mean": 2}
    metric.reset_state()
    assert metric.inner.result() == 0


def test_in_a_model():
    x, labels = RANDOM.normal(size=(30, 4)), RANDOM.integers(0, 3, size=30)
    y = np.eye(3)[labels]
    model = swiftbn.Sequential([swiftbn.Input((4,)), swiftbn.layers.Dense(3, "softmax")])
    chosen = [
        "AUC",
        "F1Score",
        metrics.Recall(class_id=1, name="recall"),
        metrics.Precision([0.2, 0.4], name="at"),
        "mae",
    ]
    model.compile("sgd", "categorical_crossentropy", metrics=chosen, weighted_metrics=[metrics.AUC(name="w")])
    weights = RANDOM.uniform(size=30)
    history = model.fit(x, y, sample_weight=weights, batch_size=8, epochs=2, verbose=0).history
    assert np.shape(history["F1Score"]) == (2, 3) and np.shape(history["at"]) == (2, 2)
    found = model.evaluate(x, y, sample_weight=weights, batch_size=7, return_dict=True, verbose=0)
    outputs = model.predict(x, verbose=0)
    expected = {
        "AUC": metrics.AUC()(y, outputs),
        "F1Score": metrics.F1Score()(y, outputs),
        "recall": metrics.Recall(class_id=1)(y, outputs),
        "at": metrics.Precision([0.2, 0.4])(y, outputs),
        "w": metrics.AUC()(y, outputs, sample_weight=weights),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5)


@pytest.mark.parametrize("metric, rises", [(metrics.R2Score(), True), (metrics.Hinge(), False), (metrics.AUC(), True)])
def test_callbacks_know_the_direction(metric, rises):
    model = swiftbn.Sequential([swiftbn.Input((4,)), swiftbn.layers.Dense(3)])
    model.compile("sgd", "mse", metrics=[metric])
    stopping = swiftbn.callbacks.EarlyStopping(metric.name, patience=1)
    model.fit(RANDOM.normal(size=(8, 4)), TRUTH[2][:8], epochs=1, callbacks=[stopping], verbose=0)
    assert stopping.improves(1.0, 0.5) is rises and stopping.improves(0.5, 1.0) is not rises


def test_means_of_losses_fall():
    for fn, direction in ((losses.huber, "down"), (losses.Dice(), "down"), (lambda y, p: y - p, None), (abs, None)):
        assert metrics.MeanMetricWrapper(fn)._direction == direction


def test_metrics_are_saved_with_a_model(tmp_path):
    model = swiftbn.Sequential([swiftbn.Input((4,)), swiftbn.layers.Dense(3, "softmax")])
    chosen = [
        metrics.AUC(curve="PR", num_thresholds=20, name="pr"),
        metrics.FBetaScore(beta=2.0),
        metrics.Recall(top_k=1),
    ]
    model.compile("sgd", losses.Tversky(alpha=0.3, beta=0.6), metrics=chosen)
    x, y = RANDOM.normal(size=(9, 4)), np.eye(3)[RANDOM.integers(0, 3, size=9)]
    expected = model.evaluate(x, y, return_dict=True, verbose=0)
    model.save(tmp_path / "m.keras")
    found = swiftbn.saving.load_model(tmp_path / "m.keras").evaluate(x, y, return_dict=True, verbose=0)
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6)
