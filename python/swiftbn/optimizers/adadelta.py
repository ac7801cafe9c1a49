"""Adadelta."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Adadelta(Optimizer):
    """a ← ρ·a + (1 - ρ)·g², Δ = -g·√(d + ε) / √(a + ε), d ← ρ·d + (1 - ρ)·Δ², w ← w + lr·Δ.

    Zeiler 2012 (arXiv 1212.5701), algorithm 1.

    Args:
        learning_rate: number or schedule.
        rho: ρ, 0 … 1.
        epsilon: ε.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.95,
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
        self.rho = checked_number(self, "rho", rho, 0.0, 1.0, open_high=False)
        self.epsilon = checked_number(self, "epsilon", epsilon)

    def _make_slots(self, variables):
        names = ["accumulated_grad", "accumulated_delta_var"]
        self._squares, self._steps = self.add_optimizer_variables(variables, names)

    def update_step(self, grad, variable, learning_rate):
        index = self._get_variable_index(variable)
        squares, steps = self._squares[index], self._steps[index]
        squares.assign(self.rho * squares + (1 - self.rho) * ops.square(grad))
        step = -ops.divide(ops.sqrt(steps + self.epsilon) * grad, ops.sqrt(squares + self.epsilon))
        steps.assign(self.rho * steps + (1 - self.rho) * ops.square(step))
        variable.assign(variable + learning_rate * step)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "rho": self.rho,
            "epsilon": self.epsilon,
        }
