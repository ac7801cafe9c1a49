"""Lion."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Lion(Optimizer):
    """w ← w - lr·sign(β₁·m + (1 - β₁)·g), m ← β₂·m + (1 - β₂)·g.

    Chen et al. 2023 (arXiv 2302.06675), algorithm 2.

    Args:
        learning_rate: number or schedule.
        beta_1: β₁, 0 … 1 without 0.
        beta_2: β₂, 0 … 1.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.99,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
        )
        self.beta_1 = checked_number(self, "beta_1", beta_1, 0.0, 1.0, open_high=False)
        self.beta_2 = checked_number(self, "beta_2", beta_2, 0.0, 1.0, open_high=False)
        if not beta_1:
            raise ValueError(f"Lion: expected beta_1 to be a number > 0. Received: beta_1={beta_1!r}")

    def _make_slots(self, variables):
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        momentum = self._momentums[self._get_variable_index(variable)]
        direction = ops.sign(momentum * self.beta_1 + gradient * (1.0 - self.beta_1))
        variable.assign(variable - learning_rate * direction)
        momentum.assign(momentum * self.beta_2 + gradient * (1.0 - self.beta_2))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }
