"""What callbacks that watch a quantity share."""

from __future__ import annotations

import math
import warnings

from swiftbn._checks import integer, is_number
from swiftbn.callbacks.base import Callback

_RISING = ("acc", "auc", "precision", "recall", "f1")


class Monitor(Callback):
    """A callback that watches a quantity.

    Args:
        monitor: its name in the logs.
        mode: "min", "max", or "auto": "min" for losses and errors, "max" for accuracies and the like.
        min_delta: smallest change that counts as an improvement.

    Raises:
        ValueError: another mode; in training, mode "auto" for a metric whose direction is not known.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: expected mode 'auto', 'min' or 'max'. Received: mode={mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(self._number("min_delta", min_delta))
        self._rises = None if mode == "auto" else mode == "max"

    def set_model(self, model) -> None:
        super().set_model(model)
        if self.mode == "auto":
            self._rises = None

    def _direction(self) -> bool:
        """Whether larger values are better, by the name of the quantity or by the kind of its metric."""
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return False
        metrics = getattr(self.model, "metrics", None) or ()
        # The compiled metrics are one that holds several.
        for metric in [part for whole in metrics for part in getattr(whole, "metrics", [whole])]:
            direction = getattr(metric, "_direction", None)
            if direction is not None and (name == metric.name or name.endswith(f"_{metric.name}")):
                return direction == "up"
        if any(word in name for word in _RISING):
            return True
        raise ValueError(
            f"{type(self).__name__}: it is not known whether {self.monitor!r} should rise or fall. "
            f"Expected mode 'min' or 'max'. Received: mode='auto'"
        )

    def improves(self, value: float, best: float | None) -> bool:
        """Whether a value is better than the best so far (None: there is none yet) by `min_delta`."""
        if self._rises is None:
            self._rises = self._direction()
        if best is None:
            return not math.isnan(value)
        return value - self.min_delta > best if self._rises else value + self.min_delta < best

    def read(self, logs) -> float | None:
        """The quantity, or None and a warning when it is not in the logs."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__}: {self.monitor!r} is not available, only {', '.join(logs or {})}", stacklevel=2
            )
        return value

    def _number(self, name: str, value) -> float:
        if not is_number(value) or math.isnan(value):
            raise ValueError(f"{type(self).__name__}: expected {name} to be a number. Received: {name}={value!r}")
        return value

    def _count(self, name: str, value) -> int:
        return integer(type(self).__name__, name, value, 0)
