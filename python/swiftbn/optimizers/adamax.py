"""Adamax."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Adamax(Optimizer):
    """m ← m + (g - m)(1 - β₁), u ← max(β₂·u, |g|), w ← w - lr·m / ((1 - β₁ᵗ)(u + ε)).

    Kingma & Ba 2015 (arXiv 1412.6980), algorithm 2.

    Args:
        learning_rate: number or schedule.
        beta_1, beta_2: β₁ and β₂, 0 … 1 without 1.
        epsilon: ε.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
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
        self.beta_1 = checked_number(self, "beta_1", beta_1, 0.0, 1.0)
        self.beta_2 = checked_number(self, "beta_2", beta_2, 0.0, 1.0)
        self.epsilon = checked_number(self, "epsilon", epsilon)

    def _make_slots(self, variables):
        self._momentums, self._norms = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        momentum, norm = self._momentums[index], self._norms[index]
        momentum.assign(momentum + (gradient - momentum) * (1 - self.beta_1))
        norm.assign(ops.maximum(self.beta_2 * norm, ops.abs(gradient)))
        correction = 1 - ops.power(self.beta_1, self._step_number(variable.dtype))
        variable.assign(variable - ops.divide(learning_rate * momentum, correction * (norm + self.epsilon)))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
