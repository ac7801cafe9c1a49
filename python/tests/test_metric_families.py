"""Metrics of counts, areas, regions and scores against NumPy in float64, over updates, with weights, in programs."""

import warnings

import numpy as np
import pytest
from checks import traced
from metric_cases import CASES, CHANCES, NAMES, NUMBERS, OTHERS, RANDOM, TRUTH, make, updates
from metric_references import EPS

import swiftbn
from swiftbn import metrics, ops


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
