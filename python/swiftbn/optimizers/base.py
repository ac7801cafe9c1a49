"""The base class of optimizers."""

from __future__ import annotations

import re

import numpy as np

from swiftbn import naming, ops
from swiftbn.config import floatx
from swiftbn.optimizers import _gradients
from swiftbn.optimizers._checks import checked_count, checked_flag, checked_number
from swiftbn.optimizers._conditions import is_due, update_if
from swiftbn.optimizers._schedule import LearningRateSchedule
from swiftbn.optimizers._state import OptimizerState
from swiftbn.trace import current_trace
from swiftbn.variable import Variable


class Optimizer(OptimizerState):
    """Updates variables from their gradients, inside the compiled step.

    A subclass makes its slots in `build` (with `add_optimizer_variables`, after calling the base class' `build`) and
    updates one variable in `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        weight_decay: before each update every weight shrinks by learning_rate·weight_decay of itself.
        clipnorm: longest gradient of a variable; clipvalue: largest element of a gradient; global_clipnorm: longest
            vector of all gradients together. At most one of the three; 0 clips nothing.
        use_ema: whether a moving average of each weight is kept, a ← ema_momentum·a + (1 - ema_momentum)·w, and becomes
            the weight every `ema_overwrite_frequency` updates, and by `finalize_variable_values` (as `fit` ends).
        loss_scale_factor: what `scale_loss` multiplies the loss by, and `apply` divides gradients by.
        gradient_accumulation_steps: number ≥ 2 of steps whose mean gradient makes one update. `iterations` counts
            updates; schedules see the number of steps.
        name: for messages and variables' paths.

    Raises:
        ValueError: a number out of range, or a learning rate that is a function of the user's.
    """

    def __init__(
        self,
        learning_rate,
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
        kind = type(self).__name__
        self._variables: list[Variable] = []
        clipping = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for argument, value in {"weight_decay": weight_decay, **clipping}.items():
            setattr(self, argument, None if value is None else checked_number(self, argument, value))
        if sum(value is not None for value in clipping.values()) > 1:
            raise ValueError(f"{kind}: expected at most one of {', '.join(clipping)}. Received: {clipping}")
        self.use_ema = checked_flag(self, "use_ema", use_ema)
        self.ema_momentum = checked_number(self, "ema_momentum", ema_momentum, 0.0, 1.0, open_high=False)
        self.ema_overwrite_frequency = checked_count(self, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        if loss_scale_factor is not None and not checked_number(self, "loss_scale_factor", loss_scale_factor) > 0:
            raise ValueError(f"{kind}: expected loss_scale_factor to be a number > 0. Received: {loss_scale_factor=}")
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = checked_count(
            self, "gradient_accumulation_steps", gradient_accumulation_steps, 2
        )
        self.name = name or naming.auto_name(kind)
        self.built = False
        self._excluded: set[int] = set()
        self._excluded_names: re.Pattern | None = None
        self._index: dict[int, int] = {}
        self._trainable_variables: list[Variable] = []
        with naming.name_scope(self.name, caller=self):
            self._iterations = Variable(np.array(0, "int64"), dtype="int64", trainable=False, name="iteration")
            if isinstance(learning_rate, LearningRateSchedule):
                self._learning_rate = learning_rate
            elif callable(learning_rate):
                raise ValueError(
                    f"{kind}: expected learning_rate to be a number or a LearningRateSchedule. "
                    f"Received: learning_rate={learning_rate!r}"
                )
            else:
                rate = checked_number(self, "learning_rate", learning_rate)
                self._learning_rate = Variable(
                    np.array(rate, floatx()), dtype=floatx(), trainable=False, name="learning_rate"
                )

    # State

    @property
    def iterations(self):
        """Number of updates so far."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self):
        """The present learning rate; assigning a number takes effect at once."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations.value)
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(self._learning_rate, LearningRateSchedule):
            raise TypeError(
                f"{type(self).__name__} was made with a LearningRateSchedule, so its learning rate cannot be set"
            )
        if isinstance(value, (np.ndarray, Variable)) and value.shape == ():
            value = float(value)
        self._learning_rate.assign(np.array(checked_number(self, "learning_rate", value), floatx()))

    def build(self, variables) -> None:
        """Takes the variables to train; later calls check that they are the same."""
        variables = list(variables)
        if self.built:
            self._check_variables_are_known(variables)
            return
        self._trainable_variables = variables
        self._index = {id(variable): index for index, variable in enumerate(variables)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated_gradients = self.add_optimizer_variables(variables, "gradient_accumulator")
        with naming.name_scope(self.name, caller=self):
            self._make_slots(variables)
        self.built = True

    def _make_slots(self, variables) -> None:
        """Makes the variables that hold the optimizer's memory of each weight."""

    def _check_variables_are_known(self, variables) -> None:
        unknown = [v.path for v in variables if id(v) not in self._index]
        if unknown:
            raise ValueError(
                f"Optimizer '{self.name}' was built for other variables. Received: {', '.join(unknown)}; "
                "compile the model again after changing what is trainable"
            )

    def _get_variable_index(self, variable) -> int:
        return self._index[id(variable)]

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Weights that `weight_decay` leaves alone; to be called before the optimizer is built.

        Args:
            var_list: the variables themselves.
            var_names: regular expressions, of which one is found in a variable's name.
        """
        if self.built:
            raise ValueError(
                f"Optimizer '{self.name}' is built; expected exclude_from_weight_decay() to be called before"
            )
        if isinstance(var_names, str) or not all(isinstance(name, str) for name in var_names or []):
            raise ValueError(f"exclude_from_weight_decay: expected var_names to be a list of strings. {var_names=}")
        self._excluded = {id(variable) for variable in var_list or []}
        self._excluded_names = re.compile("|".join(var_names)) if var_names else None

    def _use_weight_decay(self, variable) -> bool:
        if id(variable) in self._excluded:
            return False
        return self._excluded_names is None or self._excluded_names.search(variable.name) is None

    # Updates

    def scale_loss(self, loss):
        """The loss whose gradients `apply` takes: times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else ops.multiply(loss, self.loss_scale_factor)

    def apply(self, grads, trainable_variables=None) -> None:
        """Updates variables from their gradients, then applies constraints and counts the step.

        Variables without a gradient (None) stay as they are, with a warning.

        Raises:
            ValueError: numbers or shapes of gradients that do not fit, or no gradient at all; nothing is changed then.
        """
        grads = list(grads)
        if not grads:
            return
        grads, variables = _gradients.matched(self, grads, trainable_variables)
        if not self.built:
            with naming.name_scope(self.name, caller=self):
                self.build(variables)
        self._check_variables_are_known(variables)
        grads, given = _gradients.checked(self, grads, variables)
        grads, variables = _gradients.overwritten(self, grads, given)
        if self.loss_scale_factor is not None:
            grads = [ops.divide(g, self.loss_scale_factor) for g in grads]
        if variables and self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        elif variables:
            self._update(grads, variables)
        if self.use_ema:
            self._average()
        for variable in given:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        self._iterations.assign(ops.add(self._iterations, np.array(1, "int64")))

    def apply_gradients(self, grads_and_vars):
        """The same from pairs (gradient, variable); returns the counter of steps."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self._iterations

    def _update(self, grads, variables) -> None:
        grads = _gradients.clipped(self, grads)
        self._apply_weight_decay(variables)
        self._backend_update_step(grads, variables, self.learning_rate)

    def _apply_weight_decay(self, variables) -> None:
        if self.weight_decay and not self._decays_in_update:
            self._decay([v for v in variables if self._use_weight_decay(v)], self.weight_decay)

    def _decay(self, variables, amount: float) -> None:
        rate = self.learning_rate
        for variable in variables:
            factor = ops.subtract(1.0, ops.multiply(ops.cast(rate, variable.dtype), amount))
            variable.assign(ops.multiply(variable, factor))

    def _backend_update_step(self, grads, variables, learning_rate) -> None:
        for gradient, variable in zip(grads, variables, strict=True):
            self.update_step(gradient, variable, ops.cast(learning_rate, variable.dtype))

    _decays_in_update = False

    def update_step(self, gradient, variable, learning_rate) -> None:
        raise NotImplementedError(f"{type(self).__name__} has to define update_step()")

    def _step_number(self, dtype: str):
        """The number of this update, counted from 1."""
        return ops.add(ops.cast(self.iterations, dtype), 1.0)

    def _accumulate(self, grads, variables) -> None:
        """Adds gradients up; every `gradient_accumulation_steps`-th step updates by their mean and begins anew."""
        steps = self.gradient_accumulation_steps
        due = is_due(self._iterations, steps)
        sums = {
            self._get_variable_index(v): ops.add(self._accumulated_gradients[self._get_variable_index(v)], g)
            for g, v in zip(grads, variables, strict=True)
        }
        mean = [ops.divide(total, float(steps)) for total in sums.values()]
        update_if(due, lambda: self._update(mean, variables), [*variables, *self.variables])
        for index, accumulator in enumerate(self._accumulated_gradients):
            accumulator.assign(ops.where(due, 0.0, sums.get(index, accumulator)))

    def _average(self) -> None:
        started = ops.not_equal(self.iterations, 0)
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            momentum = ops.multiply(ops.cast(started, variable.dtype), self.ema_momentum)
            average.assign(momentum * average + (1.0 - momentum) * variable)
        if self.ema_overwrite_frequency:
            due, weights = is_due(self.iterations, self.ema_overwrite_frequency), self._trainable_variables
            update_if(due, lambda: self._overwrite(weights), weights)

    def _overwrite(self, variables) -> None:
        for variable in variables:
            variable.assign(self._averages[self._get_variable_index(variable)])

    def finalize_variable_values(self, var_list) -> None:
        """At the end of training: with `use_ema` the variables take their moving averages."""
        if self.use_ema and self.built:
            var_list = list(var_list)
            self._check_variables_are_known(var_list)
            self._overwrite(var_list)

    # Configuration

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": serialize_keras_object(rate)
            if isinstance(rate, LearningRateSchedule)
            else (float(rate) if current_trace() is None else float(rate._view)),
            **{name: getattr(self, name) for name in _OPTIONS},
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            from swiftbn.saving import deserialize_keras_object

            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects=custom_objects)
        return cls(**config)


_OPTIONS = (
    "weight_decay clipnorm global_clipnorm clipvalue use_ema ema_momentum ema_overwrite_frequency loss_scale_factor "
    "gradient_accumulation_steps"
).split()
