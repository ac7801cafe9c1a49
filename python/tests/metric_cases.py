"""Cases of metrics: arguments, updates, and their references."""

import numpy as np
from metric_references import (
    area,
    around,
    counts,
    even,
    f_beta,
    interpolated_pr,
    iou,
    one_hot,
    point,
    r2,
    ratio,
    top,
)

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
