"""ScheduleFreeAdamW."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.optimizers._checks import checked_count, checked_number
from swiftbn.optimizers.base import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """Adam's steps on z, whose mean is x; weights are between the two, so that no schedule is needed.

    v ← v + (g² - v)(1 - β₂), z ← z - α·g / (√(v / (1 - β₂ᵗ)) + ε) with α = lr·min(t / warmup_steps, 1),
    x ← (1 - 1/t)·x + z/t, w = (1 - β₁)·z + β₁·x. Defazio et al. 2024 (arXiv 2405.15682), as Keras weights the mean.

    Args:
        learning_rate: number or schedule.
        beta_1: β₁, 0 … 1 without 0.
        beta_2: β₂, 0 … 1 without 1.
        epsilon: ε.
        warmup_steps: number of updates until the full learning rate.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
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
        self.beta_1 = checked_number(self, "beta_1", beta_1, 0.0, 1.0, open_high=False)
        self.beta_2 = checked_number(self, "beta_2", beta_2, 0.0, 1.0)
        self.epsilon = checked_number(self, "epsilon", epsilon)
        self.warmup_steps = checked_count(self, "warmup_steps", warmup_steps, 0) or 0
        if not beta_1:
            raise ValueError(f"ScheduleFreeAdamW: expected beta_1 to be a number > 0. Received: beta_1={beta_1!r}")

    def _make_slots(self, variables):
        self._momentums, self._velocities = [], []
        for variable in variables:

            def first(shape, dtype, variable=variable):
                return variable._view.copy()

            self._momentums.append(self.add_variable_from_reference(variable, "momentum", first))
            self._velocities.append(self.add_variable_from_reference(variable, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        index, step = self._get_variable_index(variable), self._step_number(variable.dtype)
        z, velocity = self._momentums[index], self._velocities[index]
        if self.warmup_steps:
            learning_rate = ops.multiply(learning_rate, ops.minimum(ops.divide(step, float(self.warmup_steps)), 1.0))
        mean = ops.divide(ops.subtract(variable, ops.multiply(z, 1 - self.beta_1)), self.beta_1)
        velocity.assign(velocity + (ops.square(gradient) - velocity) * (1 - self.beta_2))
        spread = ops.sqrt(velocity / (1.0 - ops.power(self.beta_2, step))) + self.epsilon
        z.assign(z - ops.divide(ops.multiply(learning_rate, gradient), spread))
        share = ops.divide(1.0, step)
        mean = ops.add(ops.multiply(mean, ops.subtract(1.0, share)), ops.multiply(z, share))
        variable.assign(ops.add(ops.multiply(z, 1 - self.beta_1), ops.multiply(mean, self.beta_1)))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
