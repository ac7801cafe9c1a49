"""Adafactor."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn.optimizers._checks import checked_flag, checked_number
from swiftbn.optimizers.base import Optimizer


class Adafactor(Optimizer):
    """Steps by mean squares of rows and columns of gradients, in much less memory than Adam's.

    Shazeer & Stern 2018 (arXiv 1804.04235), algorithms 4 and 5; the last two axes of a variable are factored, variables
    of one axis are not.

    Args:
        learning_rate: number or schedule.
        beta_2_decay: squares decay by β₂ = 1 - tᵝ with β = beta_2_decay.
        epsilon_1: added to squares; epsilon_2: least root mean square of a variable that counts.
        clip_threshold: root mean square above which a step is shortened.
        relative_step: for Keras' configurations; as in Keras the rate is at most 1/√t with and without it.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
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
        self.beta_2_decay = checked_number(self, "beta_2_decay", beta_2_decay, -math.inf, 0.0, open_high=False)
        self.epsilon_1 = checked_number(self, "epsilon_1", epsilon_1)
        self.epsilon_2 = checked_number(self, "epsilon_2", epsilon_2)
        self.clip_threshold = checked_number(self, "clip_threshold", clip_threshold)
        self.relative_step = checked_flag(self, "relative_step", relative_step)

    def _make_slots(self, variables):
        self._rows, self._columns, self._velocities = [], [], []
        for variable in variables:
            shape, factored = tuple(variable.shape), len(variable.shape) >= 2
            # Keras keeps an unused integer in the place of rows and columns that a variable does not have.
            dtype = variable.dtype if factored else "int32"
            rows, columns = (shape[:-1], (*shape[:-2], shape[-1])) if factored else ((), ())
            self._rows.append(self.add_variable(rows, "zeros", dtype, variable.name))
            self._columns.append(self.add_variable(columns, "zeros", dtype, variable.name))
            self._velocities.append(self.add_variable_from_reference(variable, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        index, step = self._get_variable_index(variable), self._step_number(variable.dtype)
        velocity = self._velocities[index]
        rate = ops.minimum(learning_rate, ops.rsqrt(step))
        alpha = ops.maximum(self.epsilon_2, _rms(variable)) * rate
        squares = ops.square(gradient) + self.epsilon_1
        beta_2 = 1.0 - ops.power(step, self.beta_2_decay)
        if len(variable.shape) >= 2:
            rows, columns = self._rows[index], self._columns[index]
            rows.assign(beta_2 * rows + (1.0 - beta_2) * ops.mean(squares, axis=-1))
            columns.assign(beta_2 * columns + (1.0 - beta_2) * ops.mean(squares, axis=-2))
            shares = ops.divide(rows, ops.mean(rows, axis=-1, keepdims=True))
            velocity.assign(ops.expand_dims(shares, -1) * ops.expand_dims(columns, -2))
        else:
            velocity.assign(beta_2 * velocity + (1.0 - beta_2) * squares)
        update = ops.divide(gradient, ops.sqrt(velocity))
        update = update / ops.maximum(1.0, ops.divide(_rms(update), self.clip_threshold))
        variable.assign(variable - alpha * update)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))
