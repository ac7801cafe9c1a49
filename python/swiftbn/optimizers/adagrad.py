"""Adagrad."""

from __future__ import annotations

from swiftbn import initializers, ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Adagrad(Optimizer):
    """a ← a + g², w ← w - lr·g / √(a + ε) (Duchi et al. 2011, JMLR 12).

    Args:
        learning_rate: number or schedule.
        initial_accumulator_value: the first a.
        epsilon: ε.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
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
        self.initial_accumulator_value = checked_number(self, "initial_accumulator_value", initial_accumulator_value)
        self.epsilon = checked_number(self, "epsilon", epsilon)

    def _make_slots(self, variables):
        first = initializers.Constant(self.initial_accumulator_value)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator", first)

    def update_step(self, gradient, variable, learning_rate):
        accumulator = self._accumulators[self._get_variable_index(variable)]
        accumulator.assign(accumulator + ops.square(gradient))
        variable.assign(variable - ops.divide(learning_rate * gradient, ops.sqrt(accumulator + self.epsilon)))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
