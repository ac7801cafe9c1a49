"""Metrics of counts, areas, regions and scores against NumPy in float64, over updates, with weights, in programs."""

import warnings

import numpy as np
import pytest
from checks import traced
from test_loss_families import with_mask

import swiftbn
from swiftbn import losses, metrics, ops

RANDOM = np.random.default_rng(12)
SIZES = (7, 4, 9)
# Multiples of 1/8 are ties between outputs, and lie on thresholds.
CHANCES = [RANDOM.integers(0, 9, size=(n, 3)) / 8 for n in SIZES]
TRUTH = [RANDOM.integers(0, 2, size=(n, 3)).astype("float64") for n in SIZES]
NUMBERS = [RANDOM.normal(size=(n, 3)) for n in SIZES]
OTHERS = [x + RANDOM.normal(size=x.shape) / 2 for x in NUMBERS]
CLASSES = [RANDOM.integers(0, 3, size=(n, 2)) for n in SIZES]
GUESSES = [RANDOM.integers(0, 3, size=(n, 2)) for n in SIZES]
WEIGHTS = [RANDOM.uniform(0.2, 2, size=n) for n in SIZES]
WHOLE = [RANDOM.integers(0, 4, size=(n, 2)) for n in SIZES]
EPS = 1e-7


def ratio(a, b):
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=np.asarray(b) != 0)


def counts(t, p, w, thresholds):
    """TP, FP, TN, FN at thresholds, by comparison of each element."""
    w = np.ones(t.shape) if w is None else np.reshape(w, (-1, 1)) * np.ones(t.shape)
    above = p[..., None] > np.asarray(thresholds)
    yes, no = (t != 0)[..., None], (t == 0)[..., None]
    pairs = ((yes, above), (no, above), (no, ~above), (yes, ~above))
    return [(w[..., None] * (a & b)).sum((0, 1)) for a, b in pairs]


def even(count):
    return np.arange(count) / (count - 1)


def around(thresholds):
    return np.array([-EPS, *sorted(thresholds), 1 + EPS])


def area(t, p, w, thresholds, curve="ROC", method="interpolation"):
    tp, fp, tn, fn = counts(t, p, w, thresholds)
    recall = ratio(tp, tp + fn)
    if curve == "ROC":
        x, y = ratio(fp, fp + tn), recall
    elif curve == "PR":
        x, y = recall, ratio(tp, tp + fp)
    else:
        odds = ratio(tp + fn, tn + fp)
        x = np.maximum(np.where(tp == 0, 0, 1 - odds * ratio(fn, tp)), 0)
        y = np.where(tp == 0, 1, 1 - odds * ratio(fp, tp))
    heights = {"interpolation": (y[1:] + y[:-1]) / 2, "minoring": np.minimum(y[1:], y[:-1])}
    return ((x[:-1] - x[1:]) * heights.get(method, np.maximum(y[1:], y[:-1]))).sum()


def interpolated_pr(t, p, w, thresholds):
    tp, fp, _, fn = counts(t, p, w, thresholds)
    total = 0.0
    for i in range(len(tp) - 1):
        positives = tp[i] + fp[i], tp[i + 1] + fp[i + 1]
        if positives[0] <= positives[1]:
            continue
        slope = (tp[i] - tp[i + 1]) / (positives[0] - positives[1])
        intercept = tp[i + 1] - slope * positives[1]
        log = np.log(positives[0] / positives[1]) if positives[1] > 0 else 0
        total += slope * (tp[i] - tp[i + 1] + intercept * log) / (tp[i + 1] + fn[i + 1])
    return total


def best(feasible, values):
    return max([0, *values[feasible]])


def point(t, p, w, constrained, dependent, value, count=200):
    tp, fp, tn, fn = counts(t, p, w, even(count))
    rates = {
        "sensitivity": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "precision": ratio(tp, tp + fp),
    }
    return best(rates[constrained] >= value, rates[dependent])


def top(p, k):
    """-1 where an element is not among the k largest."""
    order = np.argsort(-p, axis=-1, kind="stable")[..., :k]
    kept = np.full_like(p, -1)
    np.put_along_axis(kept, order, np.take_along_axis(p, order, -1), -1)
    return kept


def f_beta(t, p, w, average=None, beta=1.0, threshold=None):
    positive = p > threshold if threshold else (p == p.max(-1, keepdims=True)) & (np.abs(p) > 1e-9)
    w = np.ones((len(t), 1)) if w is None else w[:, None]
    axis = None if average == "micro" else 0
    tp, fp, fn = ((w * x).sum(axis) for x in (positive * t, positive * (1 - t), (1 - positive) * t))
    precision, recall = tp / (tp + fp + EPS), tp / (tp + fn + EPS)
    score = (1 + beta**2) * precision * recall / (beta**2 * precision + recall + EPS)
    if average == "weighted":
        share = (w * t).sum(0)
        return (score * share / (share.sum() + EPS)).sum()
    return score.mean() if average == "macro" else score


def r2(t, p, w, how="uniform_average", regressors=0):
    w = np.ones((len(t), 1)) if w is None else w[:, None]
    mean = (w * t).sum(0) / w.sum()
    total = (w * (t - mean) ** 2).sum(0)
    score = 1 - (w * (t - p) ** 2).sum(0) / total
    if how == "uniform_average":
        score = score.mean()
    elif how is not None:
        score = (score * total).sum() / total.sum()
    return 1 - (1 - score) * (t.size - 1) / (t.size - regressors - 1) if regressors else score


def iou(t, p, w, classes, ignore=None):
    w = np.ones(t.shape) if w is None else w
    w = np.where(t == ignore, 0, w) if ignore is not None else w
    found = []
    for c in classes:
        both, either = (w * ((t == c) & (p == c))).sum(), (w * ((t == c) | (p == c))).sum()
        found += [both / (either + EPS)] if either else []
    return sum(found) / (len(found) + EPS)


def one_hot(labels):
    return [np.eye(3)[x] for x in labels]


# name: (class, arguments, targets, outputs, weights, reference of all that was seen)
CASES = {
    "TruePositives": (metrics.TruePositives, {}, TRUTH, CHANCES, WEIGHTS, lambda t, p, w: counts(t, p, w, [0.5])[0][0]),
    "FalsePositives": (
        metrics.FalsePositives,
        {"thresholds": [0.2, 0.75]},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: counts(t, p, w, [0.2, 0.75])[1],
    ),
    "TrueNegatives": (
        metrics.TrueNegatives,
        {"thresholds": [0, 0.5, 1]},
        TRUTH,
        [4 * p - 1 for p in CHANCES],
        WEIGHTS,
        lambda t, p, w: counts(t, np.clip(p, 0, 1), w, even(3))[2],
    ),
    "FalseNegatives": (
        metrics.FalseNegatives,
        {"thresholds": 0.25},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: counts(t, p, w, [0.25])[3][0],
    ),
    "Precision": (
        metrics.Precision,
        {},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: ratio(*(lambda c: (c[0], c[0] + c[1]))(counts(t, p, w, [0.5])))[0],
    ),
    "Precision of 2 best": (
        metrics.Precision,
        {"top_k": 2},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: ratio(*(lambda c: (c[0], c[0] + c[1]))(counts(t, top(p, 2), w, [-0.5])))[0],
    ),
    "Recall": (
        metrics.Recall,
        {"thresholds": [0.1, 0.625]},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: ratio(*(lambda c: (c[0], c[0] + c[3]))(counts(t, p, w, [0.1, 0.625]))),
    ),
    "Recall of class 1": (
        metrics.Recall,
        {"class_id": 1, "top_k": 1, "thresholds": 0.3},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: ratio(*(lambda c: (c[0], c[0] + c[3]))(counts(t[:, 1:2], top(p, 1)[:, 1:2], w, [0.3])))[0],
    ),
    "SensitivityAtSpecificity": (
        metrics.SensitivityAtSpecificity,
        {"specificity": 0.6},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: point(t, p, w, "specificity", "sensitivity", 0.6),
    ),
    "SpecificityAtSensitivity": (
        metrics.SpecificityAtSensitivity,
        {"sensitivity": 0.6, "num_thresholds": 33},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: point(t, p, w, "sensitivity", "specificity", 0.6, 33),
    ),
    "PrecisionAtRecall": (
        metrics.PrecisionAtRecall,
        {"recall": 0.4},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: point(t, p, w, "sensitivity", "precision", 0.4),
    ),
    "RecallAtPrecision": (
        metrics.RecallAtPrecision,
        {"precision": 0.45, "class_id": 2},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: point(t[:, 2:], p[:, 2:], w, "precision", "sensitivity", 0.45),
    ),
    "AUC of labels": (
        metrics.AUC,
        {"multi_label": True, "label_weights": [1.0, 2.0, 0.5], "num_thresholds": 17},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: (
            sum(
                weight * area(t[:, i : i + 1], p[:, i : i + 1], w, around(even(17)[1:-1]))
                for i, weight in enumerate((1.0, 2.0, 0.5))
            )
            / 3.5
        ),
    ),
    "AUC PR of labels": (
        metrics.AUC,
        {"multi_label": True, "curve": "PR", "num_labels": 3},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: np.mean(
            [interpolated_pr(t[:, i : i + 1], p[:, i : i + 1], w, around(even(200)[1:-1])) for i in range(3)]
        ),
    ),
    "AUC of weighted elements": (
        metrics.AUC,
        {"label_weights": [1.0, 0.0, 0.0], "thresholds": [0.7, 0.3]},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: area(t[:, :1], p[:, :1], w, around([0.3, 0.7])),
    ),
    "AUC of logits": (
        metrics.AUC,
        {"from_logits": True},
        TRUTH,
        NUMBERS,
        WEIGHTS,
        lambda t, p, w: area(t, 1 / (1 + np.exp(-p)), w, around(even(200)[1:-1])),
    ),
    "AUC PR": (
        metrics.AUC,
        {"curve": "PR"},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: interpolated_pr(t, p, w, around(even(200)[1:-1])),
    ),
    **{
        f"AUC {curve} {method}": (
            metrics.AUC,
            {"curve": curve, "summation_method": method, "num_thresholds": 21},
            TRUTH,
            CHANCES,
            WEIGHTS,
            lambda t, p, w, c=curve, m=method: area(t, p, w, around(even(21)[1:-1]), c, m),
        )
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
        if (curve, method) != ("PR", "interpolation")
    },
    **{
        f"FBetaScore {average}": (
            metrics.FBetaScore,
            {"average": average, "beta": 2.0, "threshold": 0.4},
            TRUTH,
            CHANCES,
            WEIGHTS,
            lambda t, p, w, a=average: f_beta(t, p, w, a, 2.0, 0.4),
        )
        for average in (None, "micro", "macro", "weighted")
    },
    "F1Score": (
        metrics.F1Score,
        {"average": "macro"},
        TRUTH,
        CHANCES,
        WEIGHTS,
        lambda t, p, w: f_beta(t, p, w, "macro"),
    ),
    "R2Score": (metrics.R2Score, {}, NUMBERS, OTHERS, WEIGHTS, r2),
    "R2Score by variance": (
        metrics.R2Score,
        {"class_aggregation": "variance_weighted_average"},
        NUMBERS,
        OTHERS,
        WEIGHTS,
        lambda t, p, w: r2(t, p, w, "variance_weighted_average"),
    ),
    "R2Score adjusted": (
        metrics.R2Score,
        {"class_aggregation": None, "num_regressors": 2},
        NUMBERS,
        OTHERS,
        WEIGHTS,
        lambda t, p, w: r2(t, p, w, None, 2),
    ),
    "IoU": (
        metrics.IoU,
        {"num_classes": 3, "target_class_ids": [0, 2]},
        CLASSES,
        GUESSES,
        WHOLE,
        lambda t, p, w: iou(t, p, w, [0, 2]),
    ),
    "BinaryIoU": (
        metrics.BinaryIoU,
        {"target_class_ids": (1,), "threshold": 0.25},
        TRUTH,
        CHANCES,
        None,
        lambda t, p, w: iou(t, p >= 0.25, w, [1]),
    ),
    "MeanIoU": (
        metrics.MeanIoU,
        {"num_classes": 4, "dtype": "float64"},
        CLASSES,
        GUESSES,
        [w / 3 for w in WHOLE],
        lambda t, p, w: iou(t, p, w, range(4)),
    ),
    "MeanIoU but 1": (
        metrics.MeanIoU,
        {"num_classes": 3, "ignore_class": 1},
        CLASSES,
        GUESSES,
        WHOLE,
        lambda t, p, w: iou(t, p, w, range(3), 1),
    ),
    "OneHotIoU": (
        metrics.OneHotIoU,
        {"num_classes": 3, "target_class_ids": [1]},
        one_hot(CLASSES),
        one_hot(GUESSES),
        WHOLE,
        lambda t, p, w: iou(t.argmax(-1), p.argmax(-1), w, [1]),
    ),
    "OneHotMeanIoU": (
        metrics.OneHotMeanIoU,
        {"num_classes": 3, "sparse_y_pred": True},
        one_hot(CLASSES),
        GUESSES,
        WHOLE,
        lambda t, p, w: iou(t.argmax(-1), p, w, range(3)),
    ),
}
NAMES = list(CASES)


def updates(name, weighted):
    """Targets, outputs, weights of each update."""
    _, _, targets, outputs, weights, _ = CASES[name]
    weights = weights if weighted and weights is not None else [None] * len(SIZES)
    return zip(targets, outputs, weights, strict=True)


def make(case, /, **more):
    cls, arguments = CASES[case][:2]
    return cls(**({"dtype": "float64"} if "IoU" not in case else {}) | arguments | more)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_over_several_updates(name, weighted):
    metric, seen = make(name), []
    for update in updates(name, weighted):
        seen.append(update)
        metric.update_state(*update)
        t, p = (np.concatenate([part[i] for part in seen]) for i in (0, 1))
        w = None if seen[0][2] is None else np.concatenate([part[2] for part in seen])
        expected = CASES[name][-1](t, p, w)
        assert np.shape(metric.result()) == np.shape(expected)
        np.testing.assert_allclose(metric.result(), expected, rtol=1e-6, atol=1e-9)
    state = [np.array(v.numpy()) for v in metric.variables]
    assert any(np.any(v) for v in state)
    metric.reset_state()
    assert all(not np.any(v.numpy()) for v in metric.variables)
    for update in updates(name, weighted):
        metric.update_state(*update)
    for variable, before in zip(metric.variables, state, strict=True):
        np.testing.assert_array_equal(variable.numpy(), before)


@pytest.mark.parametrize("name", NAMES)
def test_in_a_program(name):
    metric, eager = make(name), make(name)

    def step(target, output):
        metric.update_state(target, output)
        return ops.cast(metric.result(), "float64")

    for target, output, _ in updates(name, False):
        found = traced(step, target, output)
        np.testing.assert_allclose(found, eager(target, output), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_no_samples_change_nothing(name):
    metric = make(name)
    first = [x[:0] for x in next(iter(updates(name, False)))[:2]]
    metric.update_state(*first)
    assert all(not np.any(v.numpy()) for v in metric.variables)
    update = next(iter(updates(name, False)))
    metric.update_state(*update)
    metric.update_state(*first)
    other = make(name)
    np.testing.assert_array_equal(metric.result(), other(*update))


@pytest.mark.parametrize("name", NAMES)
def test_configurations(name):
    metric = make(name, name="other")
    config = metric.get_config()
    assert config["name"] == "other"
    update = next(iter(updates(name, False)))
    for again in (type(metric).from_config(config), metrics.deserialize(metrics.serialize(metric))):
        assert type(again) is type(metric) and again.get_config() == config
        np.testing.assert_array_equal(again(*update), make(name)(*update))


@pytest.mark.parametrize("name", NAMES)
def test_state_from_outside(name):
    metric, other = make(name), make(name)
    first, second, third = updates(name, True)
    metric.update_state(*first)
    other.update_state(*first)
    kept = [np.array(v.numpy()) for v in metric.variables]
    zero = metric.stateless_reset_state()
    state = metric.stateless_update_state(metric.stateless_update_state(zero, *second), *third)
    for variable, before in zip(metric.variables, kept, strict=True):
        np.testing.assert_array_equal(variable.numpy(), before)
    other.reset_state()
    other.update_state(*second)
    other.update_state(*third)
    np.testing.assert_array_equal(metric.stateless_result(state), other.result())
    with pytest.raises(ValueError, match=rf"{type(metric).__name__}: expected metric_variables"):
        metric.stateless_result(state[1:])


def test_results_are_not_views_of_the_state():
    for metric in (metrics.TruePositives(thresholds=[0.1, 0.6]), metrics.Sum()):
        update = (TRUTH[0], CHANCES[0]) if isinstance(metric, metrics.TruePositives) else (CHANCES[0],)
        first = metric(*update)
        copy = np.array(first)
        metric.update_state(*update)
        np.testing.assert_array_equal(first, copy)


def test_names_of_instances_are_numbered():
    swiftbn.naming.reset_uids()
    assert [metrics.AUC().name for _ in range(2)] == ["auc", "auc_1"]
    assert metrics.TruePositives().name == "true_positives" and metrics.MeanIoU(2).name == "mean_io_u"
    assert metrics.F1Score().name == "f1_score" and metrics.R2Score().name == "r2_score"


@pytest.mark.parametrize("cls", [metrics.Precision, metrics.AUC, metrics.TruePositives])
def test_weights_of_elements(cls):
    t, p, w = TRUTH[0], CHANCES[0], RANDOM.uniform(size=(7, 3))
    flat = cls(dtype="float64")(t.reshape(-1), p.reshape(-1), w.reshape(-1))
    np.testing.assert_allclose(cls(dtype="float64")(t, p, w), flat, rtol=1e-12)
    column = cls(dtype="float64")(t[:, :1], p[:, 0], w[:, 0])
    np.testing.assert_allclose(cls(dtype="float64")(t[:, 0], p[:, 0], w[:, 0]), column, rtol=1e-12)


def test_outputs_that_are_not_a_number_are_negative():
    p = np.array([[np.nan, 0.9]])
    assert metrics.FalseNegatives()([[1, 1]], p) == 1 and metrics.TruePositives()([[1, 1]], p) == 1


def test_counts_that_are_nothing_are_zero_exactly():
    w = RANDOM.uniform(size=1000).astype("float32")
    metric = metrics.FalseNegatives()
    metric.update_state(np.ones(1000), np.ones(1000), w)
    assert metric.result() == 0


def test_perfect_and_worst_areas():
    t = np.array([0, 0, 1, 1])
    assert metrics.AUC()(t, [0.1, 0.2, 0.8, 0.9]) == 1
    assert metrics.AUC()(t, [0.9, 0.8, 0.2, 0.1]) == 0
    assert metrics.AUC(curve="PR")(t, [0.1, 0.2, 0.8, 0.9]) == pytest.approx(1)


def test_scores_of_a_constant_and_of_few_samples():
    constant = metrics.R2Score(class_aggregation=None)
    np.testing.assert_array_equal(constant(np.ones((3, 2)), np.array([[1, 2], [1, 1], [1, 1]])), [np.nan, 0])
    few = metrics.R2Score(num_regressors=9)
    with pytest.warns(UserWarning, match="2 values are too few"):
        found = few(np.array([[1.0], [3.0]]), np.array([[1.5], [3.0]]))
    assert found == pytest.approx(1 - 0.25 / 2)


def test_classes_out_of_range_are_left_out():
    metric = metrics.MeanIoU(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric.update_state([0, 1, 2, 255, 1], [0, 1, -1, 1, 7], sample_weight=[1, 2, 1, 1, 1])
    np.testing.assert_array_equal(metric.total_cm.numpy(), [[1, 0, 0], [0, 2, 0], [0, 0, 0]])
    assert metric.total_cm.dtype == "int32"
    with pytest.warns(UserWarning, match="fractions of sample_weight are cut off"):
        metric.update_state([0], [0], sample_weight=np.array([1.7]))
    assert metric.total_cm.numpy()[0, 0] == 2


def test_correlations():
    t, p = NUMBERS[2], OTHERS[2]
    pearson = [np.corrcoef(a, b)[0, 1] for a, b in zip(t, p, strict=True)]
    np.testing.assert_allclose(metrics.pearson_correlation(t, p), pearson, rtol=1e-9)
    down = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(t.T, p.T, strict=True)])
    assert metrics.PearsonCorrelation(axis=0, dtype="float64")(t, p) == pytest.approx(down, rel=1e-9)
    covariance = ((t - t.mean(-1, keepdims=True)) * (p - p.mean(-1, keepdims=True))).mean(-1)
    expected = 2 * covariance / (t.var(-1) + p.var(-1) + (t.mean(-1) - p.mean(-1)) ** 2 + EPS)
    np.testing.assert_allclose(metrics.concordance_correlation(t, p), expected, rtol=1e-9)
    assert metrics.ConcordanceCorrelation(dtype="float64")(t, p) == pytest.approx(expected.mean(), rel=1e-9)


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


BAD = [
    (lambda: metrics.Precision(thresholds=1.5), r"Precision.*thresholds=1\.5"),
    (lambda: metrics.TruePositives(thresholds=[0.5, None]), "TruePositives.*None"),
    (lambda: metrics.Recall(thresholds=[]), "at least one threshold"),
    (lambda: metrics.Precision(top_k=0), "Precision.*top_k=0"),
    (lambda: metrics.Recall(class_id=-1), "Recall.*class_id=-1"),
    (lambda: metrics.Precision(top_k=4)(TRUTH[0], CHANCES[0]), "top_k=4"),
    (lambda: metrics.Precision(class_id=3)(TRUTH[0], CHANCES[0]), "3"),
    (lambda: metrics.Precision(class_id=1)(TRUTH[0][:, 0], CHANCES[0][:, 0]), r"class_id=1.*\(7,\)"),
    (lambda: metrics.Precision()(TRUTH[0], CHANCES[1]), r"\(7, 3\).*\(4, 3\)"),
    (lambda: metrics.SensitivityAtSpecificity(1.2), r"specificity=1\.2"),
    (lambda: metrics.SpecificityAtSensitivity(-0.1), r"sensitivity=-0\.1"),
    (lambda: metrics.PrecisionAtRecall("a"), "recall='a'"),
    (lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0), "num_thresholds=0"),
    (lambda: metrics.AUC(curve="RPC"), "curve='RPC'"),
    (lambda: metrics.AUC(summation_method=1), "summation_method=1"),
    (lambda: metrics.AUC(num_thresholds=1), "num_thresholds=1"),
    (lambda: metrics.AUC(thresholds=[-0.5]), r"thresholds=\[-0\.5\]"),
    (lambda: metrics.AUC(num_labels=3), "num_labels=3"),
    (lambda: metrics.AUC(multi_label=True)(TRUTH[0][:, 0], CHANCES[0][:, 0]), r"\(N, L\).*\(7,\)"),
    (lambda: metrics.FBetaScore(average="mean"), "FBetaScore.*average='mean'"),
    (lambda: metrics.FBetaScore(beta=2), "beta=2"),
    (lambda: metrics.F1Score(threshold=1.5), r"F1Score.*threshold=1\.5"),
    (lambda: metrics.F1Score()(TRUTH[0][:, 0], CHANCES[0][:, 0]), r"F1Score.*\(7,\)"),
    (lambda: metrics.R2Score("mean"), "class_aggregation='mean'"),
    (lambda: metrics.R2Score(num_regressors=-1), "num_regressors=-1"),
    (lambda: metrics.R2Score()(NUMBERS[0], OTHERS[1]), r"\(7, 3\).*\(4, 3\)"),
    (lambda: metrics.IoU(2, [2]), r"target_class_ids in 0 … 1. Received: target_class_ids=\[2\]"),
    (lambda: metrics.MeanIoU("a"), "num_classes='a'"),
    (lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]), "2 targets, 3 outputs"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises((ValueError, IndexError), match=text):
        function()
