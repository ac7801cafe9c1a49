"""Areas under curves."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.metrics._confusion import KINDS, count_at, is_even, thresholds_of
from swiftbn.metrics.base import Metric

_CURVES = {"ROC": "ROC", "roc": "ROC", "PR": "PR", "pr": "PR", "PRGAIN": "PRGAIN", "prgain": "PRGAIN"}
_METHODS = {name: name.lower() for kind in ("interpolation", "majoring", "minoring") for name in (kind, kind.title())}


def _chosen(argument: str, table: dict, value) -> str:
    if not isinstance(value, str) or value not in table:
        raise ValueError(f"AUC: expected {argument} to be one of {', '.join(table)}. Received: {argument}={value!r}")
    return table[value]


class AUC(Metric):
    """The area under the ROC, precision-recall or precision-recall-gain curve, as a Riemann sum over thresholds.

    Args:
        num_thresholds: number of evenly spaced thresholds, at least 2.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation" (trapezoids; for "PR" with the true curve between two points), "minoring" or
            "majoring" (the lower or upper of two heights).
        thresholds: instead of even ones; 0 and 1 are added.
        multi_label: whether the areas of the columns of (N, L) outputs are computed apart, and averaged.
        num_labels: L; by default known from the first batch.
        label_weights: L weights of the labels.
        from_logits: whether outputs are logits.

    Raises:
        ValueError: unknown names, thresholds outside 0 … 1.

    Source: Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006; Flach and Kull,
    "Precision-recall-gain curves", 2015.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        self.curve = _chosen("curve", _CURVES, curve)
        self.summation_method = _chosen("summation_method", _METHODS, summation_method)
        self._given = thresholds is not None
        if thresholds is not None:
            inner = sorted(thresholds_of("AUC", thresholds, 0.5)) if len(thresholds) else []
        else:
            if isinstance(num_thresholds, bool) or not isinstance(num_thresholds, int) or num_thresholds < 2:
                raise ValueError(
                    f"AUC: expected num_thresholds to be an integer > 1. Received: num_thresholds={num_thresholds!r}"
                )
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self.num_thresholds = len(inner) + 2
        self._even = not self._given or is_even([0.0, *inner, 1.0])
        # A little beyond 0 and 1: every output is above the first, and none above the last.
        self._thresholds = np.array([-epsilon(), *inner, 1.0 + epsilon()])
        super().__init__(name=name, dtype=dtype)
        if num_labels is not None and not multi_label:
            raise ValueError(f"AUC: num_labels is for multi_label=True only. Received: num_labels={num_labels!r}")
        self.multi_label, self.num_labels = bool(multi_label), num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, self.dtype)
        self._from_logits = bool(from_logits)
        self._built = False
        if not multi_label or num_labels:
            self._build((self.num_thresholds, num_labels) if multi_label else (self.num_thresholds,))

    @property
    def thresholds(self) -> list:
        """The thresholds, a little less than 0 and more than 1 at the ends."""
        return self._thresholds.tolist()

    def _build(self, shape: tuple) -> None:
        for kind in KINDS:
            setattr(self, kind, self.add_variable(shape, "zeros", name=kind))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        if self.multi_label and len(y_pred.shape) != 2:
            raise ValueError(f"AUC: expected outputs (N, L) with multi_label=True. Received: shape {y_pred.shape}")
        if not self._built:
            self._build((self.num_thresholds, y_pred.shape[1]))
        counts = count_at(
            self._thresholds,
            KINDS,
            y_true,
            ops.sigmoid(y_pred) if self._from_logits else y_pred,
            sample_weight,
            dtype=self.dtype,
            even=self._even,
            label_weights=None if self.multi_label else self.label_weights,
            by_label=self.multi_label,
        )
        for kind, count in zip(KINDS, counts, strict=True):
            getattr(self, kind).assign_add(count)

    def result(self):
        """The area, 0 before the first value."""
        if not self._built:
            return np.zeros((), self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = self._points()
        before, behind = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = ops.divide(ops.add(before, behind), 2.0)
        else:
            heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(before, behind)
        return self._total(ops.multiply(ops.subtract(x[:-1], x[1:]), heights))

    def _points(self) -> tuple:
        """The curve's coordinates at the thresholds."""
        tp, fp, tn, fn = (getattr(self, kind).value for kind in KINDS)
        recall = ops.divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            return ops.divide_no_nan(fp, ops.add(fp, tn)), recall
        if self.curve == "PR":
            return recall, ops.divide_no_nan(tp, ops.add(tp, fp))
        odds = ops.divide_no_nan(ops.add(tp, fn), ops.add(tn, fp))
        recall_gain, precision_gain = (
            ops.subtract(1.0, ops.multiply(odds, ops.divide_no_nan(wrong, tp))) for wrong in (fn, fp)
        )
        return ops.maximum(ops.where(ops.equal(tp, 0.0), 0.0, recall_gain), 0.0), precision_gain

    def interpolate_pr_auc(self):
        """The area under the precision-recall curve, between two points of which true positives are taken to grow in
        proportion to all positives: Σ slope·(ΔTP + intercept·log(P₁ / P₂)) / (TP + FN).
        """
        tp, fp, fn = self.true_positives.value, self.false_positives.value, self.false_negatives.value
        positives = ops.add(tp, fp)
        more, less = positives[:-1], positives[1:]
        gained = ops.subtract(tp[:-1], tp[1:])
        slope = ops.divide_no_nan(gained, ops.maximum(ops.subtract(more, less), 0.0))
        intercept = ops.subtract(tp[1:], ops.multiply(slope, less))
        both = ops.logical_and(ops.greater(more, 0), ops.greater(less, 0))
        ratio = ops.where(both, ops.divide_no_nan(more, ops.maximum(less, 0.0)), 1.0)
        area = ops.multiply(slope, ops.add(gained, ops.multiply(intercept, ops.log(ratio))))
        return self._total(ops.divide_no_nan(area, ops.maximum(ops.add(tp[1:], fn[1:]), 0.0)))

    def _total(self, terms):
        """The sum of the terms; of several labels the (weighted) mean of their sums."""
        if not self.multi_label:
            return ops.sum(terms)
        by_label = ops.sum(terms, axis=0)
        if self.label_weights is None:
            return ops.mean(by_label)
        weights = self.label_weights
        return ops.divide_no_nan(ops.sum(ops.multiply(by_label, weights)), ops.sum(weights))

    def get_config(self) -> dict:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self._from_logits,
        }
        if self._given:
            config["thresholds"] = self.thresholds[1:-1]
        return config
