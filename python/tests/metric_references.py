"""Metrics of all samples at once, in NumPy, kept by comparing every element."""

import numpy as np

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
