"""Cases of metrics: arguments, updates, and references in NumPy, kept by comparing every element."""

import numpy as np

from swiftbn import metrics

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
