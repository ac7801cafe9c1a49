"""The coefficient of determination."""

from __future__ import annotations

import warnings

import numpy as np

from swiftbn import ops
from swiftbn.losses.base import squeeze_or_expand
from swiftbn.metrics.base import Metric


class R2Score(Metric):
    """1 - Σ (y_true - y_pred)² / Σ (y_true - mean(y_true))² of each of D columns, for targets and outputs (N, D).

    Args:
        class_aggregation: "uniform_average" (the mean over the columns), "variance_weighted_average" (that by their
            sums of squares) or None (one value for each).
        num_regressors: number p of regressors; p > 0 gives the adjusted score 1 - (1 - R²)·(n - 1) / (n - p - 1),
            unless there are too few values n.

    Raises:
        ValueError: other arguments; targets and outputs that are not (N, D).
    """

    _direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "R2Score: expected class_aggregation to be None, 'uniform_average' or 'variance_weighted_average'. "
                f"Received: class_aggregation={class_aggregation!r}"
            )
        if isinstance(num_regressors, bool) or not isinstance(num_regressors, int) or num_regressors < 0:
            raise ValueError(
                f"R2Score: expected num_regressors to be an integer >= 0. Received: num_regressors={num_regressors!r}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_true, y_pred) -> None:
        shapes = tuple(y_true.shape), tuple(y_pred.shape)
        if len(shapes[0]) != 2 or shapes[0] != shapes[1]:
            raise ValueError(
                "R2Score: expected y_true and y_pred of one shape (N, D). "
                f"Received: y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}"
            )
        if not self._built:
            self.squared_sum = self.add_variable(shapes[0][1:], "zeros", name="squared_sum")
            self.sum = self.add_variable(shapes[0][1:], "zeros", name="sum")
            self.total_mse = self.add_variable(shapes[0][1:], "zeros", name="residual")
            self.count = self.add_variable(shapes[0][1:], "zeros", name="count")
            self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = squeeze_or_expand(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype))
        self._build(y_true, y_pred)
        weight = ops.cast(1.0 if sample_weight is None else sample_weight, self.dtype)
        if len(weight.shape) == 1:
            weight = ops.expand_dims(weight, axis=1)
        weight = ops.broadcast_to(weight, y_true.shape)
        weighted = ops.multiply(y_true, weight)
        squares = ops.multiply(ops.square(ops.subtract(y_true, y_pred)), weight)
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(ops.multiply(y_true, weighted), axis=0))
        self.total_mse.assign_add(ops.sum(squares, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(float(np.prod(y_true.shape)))

    def result(self):
        """The score, or one for each column; 0 before the first value."""
        if not self._built:
            return ops.zeros((), self.dtype)
        total = ops.subtract(self.squared_sum.value, ops.divide(ops.square(self.sum.value), self.count.value))
        scores = ops.subtract(1.0, ops.divide(self.total_mse.value, total))
        scores = ops.where(ops.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.divide(ops.sum(ops.multiply(total, scores)), ops.sum(total))
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores):
        count = self.num_samples.value
        spare = ops.subtract(count, float(self.num_regressors + 1))
        if isinstance(count, np.ndarray) and spare <= 0:
            warnings.warn(
                f"R2Score: {int(count)} values are too few to adjust the score for {self.num_regressors} regressors",
                stacklevel=3,
            )
        unexplained = ops.multiply(ops.subtract(1.0, scores), ops.subtract(count, 1.0))
        enough = ops.greater(spare, 0)
        adjusted = ops.subtract(1.0, ops.divide(unexplained, ops.where(enough, spare, 1.0)))
        return ops.where(enough, adjusted, scores)

    def get_config(self) -> dict:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
