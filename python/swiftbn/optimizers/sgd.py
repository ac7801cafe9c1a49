"""Gradient descent."""

from __future__ import annotations

from swiftbn.ops._dispatch import call
from swiftbn.optimizers._checks import checked_flag, checked_number
from swiftbn.optimizers.base import Optimizer


class SGD(Optimizer):
    """w ← w - lr·g; with momentum v ← momentum·v - lr·g and w ← w + v, or w ← w + momentum·v - lr·g (Nesterov 1983).

    Args:
        learning_rate: number or schedule.
        momentum: 0 … 1.
        nesterov: whether to look ahead along the momentum.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.0,
        nesterov=False,
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
        self.momentum = checked_number(self, "momentum", momentum, 0.0, 1.0, open_high=False)
        self.nesterov = checked_flag(self, "nesterov", nesterov)
        self.momentums = []

    def _make_slots(self, variables):
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        slots = [self.momentums[self._get_variable_index(variable)]] if self.momentum else []
        new = call("sgd", variable, gradient, learning_rate, *slots, momentum=self.momentum, nesterov=self.nesterov)
        for target, value in zip([variable, *slots], new, strict=True):
            target.assign(value)

    def get_config(self) -> dict:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
