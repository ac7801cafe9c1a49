"""Lamb."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Lamb(Optimizer):
    """Adam whose step for each variable is as long as the variable: w ← w - lr·(‖w‖ / ‖s‖)·s, with Adam's step s.

    Where ‖w‖ or ‖s‖ is 0 the factor is 1. You et al. 2020 (arXiv 1904.00962), algorithm 2.

    Args:
        learning_rate: number or schedule.
        beta_1, beta_2: β₁ and β₂ of Adam, 0 … 1 without 1.
        epsilon: ε of Adam.
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
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        index, step = self._get_variable_index(variable), self._step_number(variable.dtype)
        momentum, velocity = self._momentums[index], self._velocities[index]
        momentum.assign(momentum + (gradient - momentum) * (1 - self.beta_1))
        velocity.assign(velocity + (ops.square(gradient) - velocity) * (1 - self.beta_2))
        spread = ops.sqrt(velocity / (1.0 - ops.power(self.beta_2, step))) + self.epsilon
        update = ops.divide(momentum / (1.0 - ops.power(self.beta_1, step)), spread)
        length, step_length = ops.sqrt(ops.sum(ops.square(variable))), ops.sqrt(ops.sum(ops.square(update)))
        known = ops.logical_and(ops.greater(length, 0), ops.greater(step_length, 0))
        ratio = ops.where(known, ops.divide(length, step_length), 1.0)
        variable.assign(variable - ratio * learning_rate * update)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
