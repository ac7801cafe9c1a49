"""Muon."""

from __future__ import annotations

import math
import re

from swiftbn import ops
from swiftbn.ops._dispatch import call
from swiftbn.optimizers._checks import checked_count, checked_flag, checked_number
from swiftbn.optimizers.base import Optimizer


class Muon(Optimizer):
    """Momentum whose steps for matrices are made orthogonal by Newton-Schulz iterations; AdamW for all other variables.

    m ← momentum·m + g; s = m, or g + momentum·m (Nesterov), divided by its norm; `ns_steps` times
    s ← a·s + (b·S + c·S²)·s with S = s·sᵀ; w ← w - lr·rms_rate·√max(rows, columns)·s.
    Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon), Liu et al. 2025 (arXiv 2502.16982).

    Args:
        learning_rate: number or schedule.
        adam_beta_1, adam_beta_2, epsilon, adam_weight_decay: of AdamW.
        weight_decay: of matrices.
        exclude_layers: regular expressions; variables in whose path one is found follow AdamW.
        exclude_embeddings: whether variables with "embedding" in their path do so, too.
        muon_a, muon_b, muon_c: a, b and c.
        adam_lr_ratio: AdamW's learning rate as a multiple of this one.
        momentum: 0 … 1.
        ns_steps: number of iterations.
        nesterov: see above.
        rms_rate: see above; None: the step is lr·s.
        others: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
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
        self.adam_beta_1 = checked_number(self, "adam_beta_1", adam_beta_1, 0.0, 1.0)
        self.adam_beta_2 = checked_number(self, "adam_beta_2", adam_beta_2, 0.0, 1.0)
        optional = {"adam_weight_decay": adam_weight_decay, "rms_rate": rms_rate}
        for argument, value in optional.items():
            setattr(self, argument, None if value is None else checked_number(self, argument, value))
        self.epsilon = checked_number(self, "epsilon", epsilon)
        self.adam_lr_ratio = checked_number(self, "adam_lr_ratio", adam_lr_ratio)
        for argument, value in {"muon_a": muon_a, "muon_b": muon_b, "muon_c": muon_c}.items():
            setattr(self, argument, checked_number(self, argument, value, -math.inf))
        self.momentum = checked_number(self, "momentum", momentum, 0.0, 1.0, open_high=False)
        self.ns_steps = checked_count(self, "ns_steps", ns_steps, 0)
        if ns_steps is None:
            raise ValueError("Muon: expected ns_steps to be an integer >= 0. Received: ns_steps=None")
        self.nesterov = checked_flag(self, "nesterov", nesterov)
        self.exclude_embeddings = checked_flag(self, "exclude_embeddings", exclude_embeddings)
        self.exclude_layers = list(exclude_layers or [])

    def _follows_adamw(self, variable) -> bool:
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def _make_slots(self, variables):
        self._momentums, self._velocities = [], []
        for variable in variables:
            self._momentums.append(self.add_variable_from_reference(variable, "momentum"))
            adam = self._follows_adamw(variable)
            self._velocities.append(self.add_variable_from_reference(variable, "velocity") if adam else None)

    def _apply_weight_decay(self, variables):
        decayed = [v for v in variables if self._use_weight_decay(v)]
        for adam, amount in ((True, self.adam_weight_decay), (False, self.weight_decay)):
            if amount:
                self._decay([v for v in decayed if self._follows_adamw(v) == adam], amount)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        if velocity is None:
            momentum.assign(momentum * self.momentum + gradient)
            direction = gradient + self.momentum * momentum if self.nesterov else momentum.value
            step = self._orthogonal(direction, variable.shape)
            if self.rms_rate is not None:
                step = step * (math.sqrt(max(variable.shape)) * self.rms_rate)
            variable.assign(variable - learning_rate * step)
            return
        new = call(
            "adam",
            variable,
            gradient,
            momentum,
            velocity,
            learning_rate * self.adam_lr_ratio,
            self._step_number(variable.dtype),
            beta_1=self.adam_beta_1,
            beta_2=self.adam_beta_2,
            epsilon=self.epsilon,
            weight_decay=0.0,
            amsgrad=False,
        )
        for target, value in zip([variable, momentum, velocity], new, strict=True):
            target.assign(value)

    def _orthogonal(self, x, shape):
        """About U·Vᵀ of x = U·S·Vᵀ; the products are of the shorter side."""
        tall = shape[0] > shape[1]
        x = ops.transpose(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            square = ops.matmul(x, ops.transpose(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * square + self.muon_c * ops.matmul(square, square), x)
        return ops.transpose(x) if tall else x

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "adam_weight_decay": self.adam_weight_decay,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "exclude_embeddings": self.exclude_embeddings,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "rms_rate": self.rms_rate,
        }
