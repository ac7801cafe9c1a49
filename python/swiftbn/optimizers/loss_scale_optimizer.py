"""LossScaleOptimizer."""

from __future__ import annotations

import numpy as np

from swiftbn import initializers, ops
from swiftbn.optimizers import _gradients
from swiftbn.optimizers._checks import checked_count, checked_number
from swiftbn.optimizers._conditions import update_if
from swiftbn.optimizers.base import Optimizer


class LossScaleOptimizer(Optimizer):
    """Another optimizer on gradients of a scaled loss; the scale follows from the gradients (Micikevicius et al. 2018).

    A step with an infinite or undefined gradient changes nothing and halves the scale; after `dynamic_growth_steps`
    steps in a row without one the scale is doubled.

    Args:
        inner_optimizer: the optimizer.
        initial_scale: the first scale.
        dynamic_growth_steps: see above.
        name: for messages and variables' paths.
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None):
        if not isinstance(inner_optimizer, Optimizer) or isinstance(inner_optimizer, LossScaleOptimizer):
            raise ValueError(
                "LossScaleOptimizer: expected inner_optimizer to be another optimizer. "
                f"Received: inner_optimizer={inner_optimizer!r}"
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = checked_number(self, "initial_scale", initial_scale)
        self.dynamic_growth_steps = checked_count(self, "dynamic_growth_steps", dynamic_growth_steps, 1)
        if not self.initial_scale or dynamic_growth_steps is None:
            raise ValueError(
                "LossScaleOptimizer: expected initial_scale > 0 and dynamic_growth_steps to be an integer. "
                f"Received: {initial_scale=}, {dynamic_growth_steps=}"
            )
        # Otherwise gradients would be divided twice.
        inner_optimizer.loss_scale_factor = None

    def _make_slots(self, variables):
        self.step_counter = self.add_variable((), "zeros", "int64", "step_counter")
        self.dynamic_scale = self.add_variable(
            (), initializers.Constant(self.initial_scale), "float32", "dynamic_scale"
        )
        self.inner_optimizer.build(variables)

    @property
    def variables(self) -> list:
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self):
        """The inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss):
        """The loss whose gradients `apply` takes: times the present scale."""
        scale = self.dynamic_scale if self.built else self.initial_scale
        return ops.multiply(loss, ops.cast(scale, loss.dtype))

    def apply(self, grads, trainable_variables=None) -> None:
        """As the inner optimizer's, for gradients of a scaled loss."""
        grads = list(grads)
        if not grads:
            return
        grads, variables = _gradients.matched(self, grads, trainable_variables)
        self.build(variables)
        grads, variables = _gradients.checked(self, grads, variables)
        finite = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in grads]))
        grads = [ops.divide(g, ops.cast(self.dynamic_scale, g.dtype)) for g in grads]
        inner = self.inner_optimizer
        update_if(finite, lambda: inner.apply(grads, variables), [*variables, *inner.variables])
        full = ops.equal(self.step_counter, self.dynamic_growth_steps - 1)
        counts = ops.logical_and(finite, ops.logical_not(full))
        scale, one = self.dynamic_scale, np.array(1, "int64")
        self.dynamic_scale.assign(ops.where(finite, ops.where(full, scale * 2.0, scale), scale * 0.5))
        self.step_counter.assign(ops.where(counts, self.step_counter + one, 0))

    def finalize_variable_values(self, var_list) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        inner = deserialize_keras_object(config.pop("inner_optimizer"), custom_objects=custom_objects)
        return cls(inner, **config)
