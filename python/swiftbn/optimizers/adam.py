"""Adam and AdamW."""

from __future__ import annotations

from swiftbn.ops._dispatch import call
from swiftbn.optimizers._checks import checked_flag, checked_number
from swiftbn.optimizers.base import Optimizer


class Adam(Optimizer):
    """m ← m + (g - m)(1 - β₁), v ← v + (g² - v)(1 - β₂), w ← w - α·m / (√v + ε), α = lr·√(1 - β₂ᵗ) / (1 - β₁ᵗ).

    Kingma & Ba 2015 (arXiv 1412.6980), section 2; `amsgrad` divides by the largest v so far (Reddi et al. 2018).

    Args:
        learning_rate: number or schedule.
        beta_1, beta_2: β₁ and β₂, 0 … 1 without 1.
        epsilon: ε.
        amsgrad: see above.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
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
        self.amsgrad = checked_flag(self, "amsgrad", amsgrad)

    # Decay happens inside the same pass over the weight.
    _decays_in_update = True

    def _make_slots(self, variables):
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat") if self.amsgrad else []

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        slots = [self._momentums[index], self._velocities[index]]
        hats = [self._velocity_hats[index]] if self.amsgrad else []
        decays = self.weight_decay and self._use_weight_decay(variable)
        new = call(
            "adam",
            variable,
            gradient,
            *slots,
            learning_rate,
            self._step_number(variable.dtype),
            *hats,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=float(self.weight_decay) if decays else 0.0,
            amsgrad=self.amsgrad,
        )
        for target, value in zip([variable, *slots, *hats], new, strict=True):
            target.assign(value)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with decoupled weight decay, w ← w·(1 - lr·weight_decay) before each update.

    Loshchilov & Hutter 2019 (arXiv 1711.05101), algorithm 2. Arguments as `Adam`; `weight_decay` is a number.
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
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
        if weight_decay is None:
            raise ValueError("AdamW: expected weight_decay to be a number. Received: weight_decay=None")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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
