"""Losses of what layers return."""

from __future__ import annotations

from swiftbn import ops, regularizers
from swiftbn._checks import finite
from swiftbn.layers._shapes import SameShape


class ActivityRegularization(SameShape):
    """Its input; l1·Σ|x| + l2·Σx², divided by the number of samples, is added to the loss.

    Args:
        l1, l2: factors >= 0.
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.l1 = float(finite("ActivityRegularization", "l1", l1, low=0))
        self.l2 = float(finite("ActivityRegularization", "l2", l2, low=0))

    def call(self, inputs):
        samples = inputs.shape[0] if inputs.shape else 1
        if samples is not None:
            loss = regularizers.L1L2(self.l1, self.l2)(inputs)
            # Of nothing the loss is 0.
            self.add_loss(ops.divide(loss, float(max(1, samples))))
        return inputs

    def get_config(self) -> dict:
        return {**super().get_config(), "l1": self.l1, "l2": self.l2}
