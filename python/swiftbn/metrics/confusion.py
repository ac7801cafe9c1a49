"""Counts of right and wrong outputs, precision and recall, at thresholds."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.metrics._confusion import LEAST, count_at, is_even, thresholds_of
from swiftbn.metrics.base import Metric, present


def optional_index(metric, name: str, value, low: float) -> int | None:
    """The value if it is None or an integer >= low; ValueError otherwise."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < low):
        raise ValueError(
            f"{type(metric).__name__}: expected {name} to be an integer >= {low} or None. Received: {name}={value!r}"
        )
    return value


class _Counts(Metric):
    """Counts of some kinds at thresholds, one variable for each kind."""

    _kinds: tuple = ()

    def _setup(self, thresholds: list, top_k=None, class_id=None, names=None) -> None:
        self.thresholds = thresholds
        self.top_k, self.class_id = top_k, class_id
        self._even = is_even(thresholds)
        self._counts = [
            self.add_variable((len(thresholds),), "zeros", name=name)
            for name in (self._kinds if names is None else names)
        ]

    def update_state(self, y_true, y_pred, sample_weight=None):
        counts = count_at(
            self.thresholds,
            self._kinds,
            y_true,
            y_pred,
            sample_weight,
            dtype=self.dtype,
            even=self._even,
            top_k=self.top_k,
            class_id=self.class_id,
        )
        for variable, count in zip(self._counts, counts, strict=True):
            variable.assign_add(count)

    def _at_thresholds(self, values):
        """One number if there is one threshold, else one for each."""
        return values[0] if len(self.thresholds) == 1 else values


class _Count(_Counts):
    """How many outputs are of one kind.

    Args:
        thresholds: a number in 0 … 1 or several; outputs above are positive. By default ½.

    Raises:
        ValueError: thresholds outside 0 … 1.
    """

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self._setup(thresholds_of(type(self).__name__, thresholds, 0.5), names=("accumulator",))
        self.accumulator = self._counts[0]

    def result(self):
        """The (weighted) number; with several thresholds one for each."""
        return self._at_thresholds(present(self.accumulator))

    def get_config(self) -> dict:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """Number of outputs above the threshold whose target is true."""

    _kinds = ("true_positives",)


class FalsePositives(_Count):
    """Number of outputs above the threshold whose target is false."""

    _kinds = ("false_positives",)


class TrueNegatives(_Count):
    """Number of outputs not above the threshold whose target is false."""

    _kinds = ("true_negatives",)


class FalseNegatives(_Count):
    """Number of outputs not above the threshold whose target is true."""

    _kinds = ("false_negatives",)


class _Ratio(_Counts):
    """True positives in relation to those and another kind.

    Args:
        thresholds: a number in 0 … 1 or several; outputs above are positive. By default ½, with `top_k` none.
        top_k: only the k largest outputs of a sample may be positive.
        class_id: only this class counts, by default all.

    Raises:
        ValueError: thresholds outside 0 … 1, others not integers.
    """

    _direction = "up"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        top_k, class_id = optional_index(self, "top_k", top_k, 1), optional_index(self, "class_id", class_id, 0)
        self.init_thresholds = thresholds
        self._setup(thresholds_of(type(self).__name__, thresholds, 0.5 if top_k is None else LEAST), top_k, class_id)
        for kind, variable in zip(self._kinds, self._counts, strict=True):
            setattr(self, kind, variable)

    def result(self):
        """The ratio, 0 of nothing; with several thresholds one for each."""
        right, wrong = (variable.value for variable in self._counts)
        return self._at_thresholds(ops.divide_no_nan(right, ops.add(right, wrong)))

    def get_config(self) -> dict:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Ratio):
    """true positives / (true positives + false positives): how many of the outputs above the threshold are right."""

    _kinds = ("true_positives", "false_positives")


class Recall(_Ratio):
    """true positives / (true positives + false negatives): how many of the true targets are found."""

    _kinds = ("true_positives", "false_negatives")
