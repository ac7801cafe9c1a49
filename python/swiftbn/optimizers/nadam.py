"""Nadam."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.base import Optimizer


class Nadam(Optimizer):
    """Adam with Nesterov's momentum, whose share uₜ = β₁·(1 - 0.96ᵗ / 2) grows (Dozat 2016, ICLR workshop).

    m ← m + (g - m)(1 - β₁), v ← v + (g² - v)(1 - β₂), U ← U·uₜ,
    w ← w - lr·(uₜ₊₁·m / (1 - U·uₜ₊₁) + (1 - uₜ)·g / (1 - U)) / (√(v / (1 - β₂ᵗ)) + ε).

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
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        self._u_product = self.add_variable((), "ones", variables[0].dtype if variables else None, "variable")

    def _u(self, step):
        return self.beta_1 * (1.0 - 0.5 * ops.power(0.96, step))

    def _backend_update_step(self, grads, variables, learning_rate):
        self._u_product.assign(self._u_product * self._u(self._step_number(self._u_product.dtype)))
        super()._backend_update_step(grads, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        index, step = self._get_variable_index(variable), self._step_number(variable.dtype)
        momentum, velocity = self._momentums[index], self._velocities[index]
        now, following = self._u(step), self._u(ops.add(step, 1.0))
        product = ops.cast(self._u_product, variable.dtype)
        momentum.assign(momentum + (gradient - momentum) * (1 - self.beta_1))
        velocity.assign(velocity + (ops.square(gradient) - velocity) * (1 - self.beta_2))
        ahead = following * momentum / (1.0 - product * following) + (1.0 - now) * gradient / (1.0 - product)
        spread = ops.sqrt(velocity / (1.0 - ops.power(self.beta_2, step))) + self.epsilon
        variable.assign(variable - ops.divide(ops.multiply(ahead, learning_rate), spread))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
