"""Ftrl."""

from __future__ import annotations

import math

from swiftbn import initializers, ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Ftrl(Optimizer):
    """Follow the regularized leader: z ← z + g' - (n'ᵖ - nᵖ)/lr·w, w ← (clip(z, ±λ₁) - z) / (n'ᵖ/lr + 2·λ₂').

    With n' = n + g², g' = g + 2·shrinkage·w, p = -learning_rate_power, λ₂' = λ₂ + β/(2·lr); n ← n'.
    McMahan et al. 2013, "Ad click prediction", algorithm 1.

    Args:
        learning_rate: number or schedule.
        learning_rate_power: ≤ 0; 0 keeps the learning rate.
        initial_accumulator_value: the first n.
        l1_regularization_strength, l2_regularization_strength: λ₁ and λ₂.
        l2_shrinkage_regularization_strength: shrinkage, which acts only on the gradient.
        beta: β.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
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
        power = checked_number(self, "learning_rate_power", learning_rate_power, -math.inf, 0.0, open_high=False)
        self.learning_rate_power = power
        self.initial_accumulator_value = checked_number(self, "initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = checked_number(self, "l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = checked_number(self, "l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = checked_number(
            self, "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = checked_number(self, "beta", beta)

    def _make_slots(self, variables):
        first = [initializers.Constant(self.initial_accumulator_value), "zeros"]
        self._accumulators, self._linears = self.add_optimizer_variables(variables, ["accumulator", "linear"], first)

    def update_step(self, gradient, variable, learning_rate):
        index, power = self._get_variable_index(variable), -self.learning_rate_power
        accumulator, linear = self._accumulators[index], self._linears[index]
        l2 = ops.add(ops.divide(0.5 * self.beta, learning_rate), self.l2_regularization_strength)
        shrunk = gradient + (2.0 * self.l2_shrinkage_regularization_strength) * variable
        total = accumulator + ops.square(gradient)
        new, old = ops.power(total, power), ops.power(accumulator, power)
        linear.assign(linear + shrunk - ops.divide(new - old, learning_rate) * variable)
        clipped = ops.clip(linear, -self.l1_regularization_strength, self.l1_regularization_strength)
        variable.assign(ops.divide(clipped - linear, ops.divide(new, learning_rate) + 2.0 * l2))
        accumulator.assign(total)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
