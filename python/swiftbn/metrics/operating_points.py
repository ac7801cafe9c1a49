"""The best of one rate where another reaches a value, over many thresholds."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.metrics._confusion import KINDS
from swiftbn.metrics.confusion import _Counts, optional_index


class _OperatingPoint(_Counts):
    """The largest `_dependent` over the thresholds at which `_constrained` is at least a value.

    Args:
        num_thresholds: number of evenly spaced thresholds in 0 … 1; one is ½.
        class_id: only this class counts, by default all.

    Raises:
        ValueError: a value outside 0 … 1, no thresholds.
    """

    _direction = "up"
    _kinds = KINDS
    _argument = ""
    _constrained: tuple = ()
    _dependent: tuple = ()

    def __init__(self, value, num_thresholds, class_id, name, dtype):
        super().__init__(name=name, dtype=dtype)
        kind = type(self).__name__
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(
                f"{kind}: expected {self._argument} to be a number in 0 … 1. Received: {self._argument}={value!r}"
            )
        if isinstance(num_thresholds, bool) or not isinstance(num_thresholds, int) or num_thresholds < 1:
            raise ValueError(
                f"{kind}: expected num_thresholds to be an integer >= 1. Received: num_thresholds={num_thresholds!r}"
            )
        self.value, self.num_thresholds = value, num_thresholds
        setattr(self, self._argument, value)
        steps = num_thresholds - 1
        thresholds = [i / steps for i in range(num_thresholds)] if steps else [0.5]
        self._setup(thresholds, class_id=optional_index(self, "class_id", class_id, 0))
        # Two thresholds are 0 and 1, between which Keras cuts outputs, too.
        self._even = steps > 0
        for kind, variable in zip(KINDS, self._counts, strict=True):
            setattr(self, kind, variable)

    def _rate(self, kinds: tuple):
        part, rest = (getattr(self, kind).value for kind in kinds)
        return ops.divide_no_nan(part, ops.add(part, rest))

    def result(self):
        """The rate, 0 if no threshold reaches the value."""
        feasible = ops.greater_equal(self._rate(self._constrained), self.value)
        return ops.max(ops.where(feasible, self._rate(self._dependent), 0.0))

    def get_config(self) -> dict:
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds, self._argument: self.value}
        return {**super().get_config(), **own}


_SENSITIVITY = _RECALL = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity (true positive rate) where the specificity (true negative rate) is at least a value."""

    _argument, _constrained, _dependent = "specificity", _SPECIFICITY, _SENSITIVITY

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity (true negative rate) where the sensitivity (true positive rate) is at least a value."""

    _argument, _constrained, _dependent = "sensitivity", _SENSITIVITY, _SPECIFICITY

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_OperatingPoint):
    """The best precision where the recall is at least a value."""

    _argument, _constrained, _dependent = "recall", _RECALL, _PRECISION

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_OperatingPoint):
    """The best recall where the precision is at least a value."""

    _argument, _constrained, _dependent = "precision", _PRECISION, _RECALL

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
