"""RMSprop."""

from __future__ import annotations

from swiftbn.ops._dispatch import call
from swiftbn.optimizers._checks import checked_flag, checked_number
from swiftbn.optimizers.base import Optimizer


class RMSprop(Optimizer):
    """v ← ρ·v + (1 - ρ)·g², w ← w - lr·g / √(v + ε) (Hinton 2012).

    Args:
        learning_rate: number or schedule.
        rho: ρ, 0 … 1.
        momentum: if > 0, steps accumulate, b ← momentum·b + step.
        epsilon: ε.
        centered: whether the square of the mean gradient is taken from v (Graves 2013).
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
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
        self.momentum = checked_number(self, "momentum", momentum, 0.0, 1.0, open_high=False)
        self.epsilon = checked_number(self, "epsilon", epsilon)
        self.centered = checked_flag(self, "centered", centered)

    def _make_slots(self, variables):
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum > 0 else []
        self._average_gradients = self.add_optimizer_variables(variables, "average_gradient") if self.centered else []

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        velocity = self._velocities[index]
        others = [slots[index] for slots in (self._momentums, self._average_gradients) if slots]
        new = call(
            "rmsprop",
            variable,
            gradient,
            velocity,
            learning_rate,
            *others,
            rho=self.rho,
            momentum=self.momentum,
            epsilon=self.epsilon,
            centered=self.centered,
        )
        for target, value in zip([variable, velocity, *others], new, strict=True):
            target.assign(value)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
