"""F-scores: precision and recall in one number."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.metrics.base import Metric

_NAMES = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """(1 + beta²)·precision·recall / (beta²·precision + recall) of each class, for targets and outputs (N, K).

    Args:
        average: None (one value for each class), "micro" (of all classes together), "macro" (the mean over the
            classes) or "weighted" (that by their numbers of samples).
        beta: weight of recall, a float > 0.
        threshold: outputs above are positive, 0 < threshold ≤ 1; None: the largest of each sample.

    Raises:
        ValueError: other arguments; targets and outputs that are not (N, K).
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        kind = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{kind}: expected average to be None, 'micro', 'macro' or 'weighted'. Received: average={average!r}"
            )
        if not isinstance(beta, float) or not beta > 0:
            raise ValueError(f"{kind}: expected beta to be a float > 0. Received: beta={beta!r}")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(
                f"{kind}: expected threshold to be a float with 0 < threshold <= 1. Received: threshold={threshold!r}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, y_true, y_pred) -> None:
        shapes = tuple(y_true.shape), tuple(y_pred.shape)
        if len(shapes[0]) != 2 or shapes[0] != shapes[1]:
            raise ValueError(
                f"{type(self).__name__}: expected y_true and y_pred of one shape (N, K). "
                f"Received: y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}"
            )
        if not self._built:
            for name in _NAMES:
                shape = () if self.average == "micro" else shapes[0][1:]
                setattr(self, name, self.add_variable(shape, "zeros", name=name))
            self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        self._build(y_true, y_pred)
        if self.threshold is None:
            largest = ops.greater_equal(y_pred, ops.max(y_pred, axis=-1, keepdims=True))
            positive = ops.logical_and(largest, ops.greater(ops.abs(y_pred), 1e-9))
        else:
            positive = ops.greater(y_pred, self.threshold)
        positive = ops.cast(positive, self.dtype)
        if sample_weight is not None:
            sample_weight = ops.expand_dims(ops.cast(sample_weight, self.dtype), axis=1)
        for name, values in zip(
            _NAMES,
            (
                ops.multiply(positive, y_true),
                ops.multiply(positive, ops.subtract(1.0, y_true)),
                ops.multiply(ops.subtract(1.0, positive), y_true),
                y_true,
            ),
            strict=True,
        ):
            values = values if sample_weight is None else ops.multiply(values, sample_weight)
            getattr(self, name).assign_add(ops.sum(values, axis=None if self.average == "micro" else 0))

    def result(self):
        """The score, or one for each class; 0 before the first value."""
        if not self._built:
            return ops.zeros((), self.dtype)
        tp, fp, fn, counts = (getattr(self, name).value for name in _NAMES)
        precision = ops.divide(tp, ops.add(ops.add(tp, fp), epsilon()))
        recall = ops.divide(tp, ops.add(ops.add(tp, fn), epsilon()))
        square = self.beta**2
        below = ops.add(ops.add(ops.multiply(square, precision), recall), epsilon())
        score = ops.multiply(1 + square, ops.divide(ops.multiply(precision, recall), below))
        if self.average == "weighted":
            weights = ops.divide(counts, ops.add(ops.sum(counts), epsilon()))
            return ops.sum(ops.multiply(score, weights))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """2·precision·recall / (precision + recall) of each class; see `FBetaScore`."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["beta"]
        return config
