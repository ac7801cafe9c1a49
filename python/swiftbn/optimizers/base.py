"""The base class of optimizers."""

from __future__ import annotations

import numpy as np

from swiftbn import naming, ops
from swiftbn.config import floatx
from swiftbn.optimizers import _gradients
from swiftbn.optimizers._checks import checked_number
from swiftbn.optimizers.schedules import LearningRateSchedule
from swiftbn.trace import current_trace
from swiftbn.variable import Variable


class Optimizer:
    """Updates variables from their gradients, inside the compiled step.

    A subclass makes its slots in `build` (with `add_optimizer_variables`) and updates one variable in
    `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: a number or a `LearningRateSchedule`.
        weight_decay: before each update every weight shrinks by learning_rate·weight_decay of itself.
        clipnorm: longest gradient of a variable; clipvalue: largest element of a gradient; global_clipnorm: longest
            vector of all gradients together. At most one of the three; 0 clips nothing.
        use_ema, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps: only their defaults.
        name: for messages and variables' paths.

    Raises:
        ValueError: a number out of range, or an argument that is not supported.
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
        unsupported = {
            "use_ema": (use_ema, False),
            "ema_overwrite_frequency": (ema_overwrite_frequency, None),
            "loss_scale_factor": (loss_scale_factor, None),
            "gradient_accumulation_steps": (gradient_accumulation_steps, None),
        }
        for argument, (value, only) in unsupported.items():
            if value not in (only, None):
                raise ValueError(f"{kind}: only {argument}={only} is supported. Received: {argument}={value!r}")
        clipping = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for argument, value in {"weight_decay": weight_decay, **clipping}.items():
            setattr(self, argument, None if value is None else checked_number(self, argument, value))
        if sum(value is not None for value in clipping.values()) > 1:
            raise ValueError(f"{kind}: expected at most one of {', '.join(clipping)}. Received: {clipping}")
        self.name = name or naming.auto_name(kind)
        self.ema_momentum = ema_momentum
        self.built = False
        self._excluded: set[int] = set()
        self._index: dict[int, int] = {}
        self._trainable_variables: list[Variable] = []
        self._variables: list[Variable] = []
        with naming.name_scope(self.name, caller=self):
            self._iterations = Variable(np.array(0, "int64"), dtype="int64", trainable=False, name="iteration")
            self._variables.append(self._iterations)
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
                self._variables.append(self._learning_rate)

    # State

    @property
    def iterations(self) -> Variable:
        """Number of updates so far."""
        return self._iterations

    @property
    def variables(self) -> list[Variable]:
        """The state, in Keras' order: iteration, learning rate, slots."""
        return list(self._variables)

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
            unknown = [v.path for v in variables if id(v) not in self._index]
            if unknown:
                raise ValueError(
                    f"Optimizer '{self.name}' was built for other variables. Received: {', '.join(unknown)}; "
                    "compile the model again after changing what is trainable"
                )
            return
        self._trainable_variables = variables
        self._index = {id(variable): index for index, variable in enumerate(variables)}
        with naming.name_scope(self.name, caller=self):
            self._make_slots(variables)
        self.built = True

    def _make_slots(self, variables) -> None:
        """Makes the variables that hold the optimizer's memory of each weight."""

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros") -> Variable:
        """A slot of the shape and dtype of a weight, named after it."""
        slot = Variable(
            initializer,
            shape=reference_variable.shape,
            dtype=reference_variable.dtype,
            trainable=False,
            name=f"{reference_variable.path.replace('/', '_')}_{name}",
        )
        self._variables.append(slot)
        return slot

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Slots for each variable: a list for one name, a tuple of lists for several, made weight by weight.

        There is one initializer for all, or one for each name.
        """
        single = isinstance(name, str)
        names = [name] if single else list(name)
        several = isinstance(initializer, (list, tuple))
        initializers = list(initializer) if several else [initializer] * len(names)
        if len(initializers) != len(names):
            raise ValueError(
                f"add_optimizer_variables: expected {len(names)} initializers. Received: {len(initializers)}"
            )
        slots: tuple = tuple([] for _ in names)
        for variable in trainable_variables:
            for place, each, first in zip(slots, names, initializers, strict=True):
                place.append(self.add_variable_from_reference(variable, each, first))
        return slots[0] if single else slots

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Weights that `weight_decay` leaves alone, by object; to be called before the optimizer is built."""
        if self.built:
            raise ValueError(
                f"Optimizer '{self.name}' is built; expected exclude_from_weight_decay() to be called before"
            )
        if var_names is not None:
            raise ValueError("exclude_from_weight_decay: only var_list is supported. Received: var_names")
        self._excluded = {id(variable) for variable in var_list or []}

    def _get_variable_index(self, variable) -> int:
        return self._index[id(variable)]

    # Updates

    def apply(self, grads, trainable_variables=None) -> None:
        """Updates variables from their gradients, then applies constraints and counts the step.

        Variables without a gradient (None) stay as they are, with a warning.

        Raises:
            ValueError: numbers or shapes of gradients that do not fit, or no gradient at all; nothing is changed then.
        """
        grads = list(grads)
        if not grads:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"Optimizer '{self.name}': expected variables, or build(variables) to be called before. "
                    f"Received: {len(grads)} gradients alone"
                )
            trainable_variables = self._trainable_variables
        trainable_variables = list(trainable_variables)
        if len(grads) != len(trainable_variables):
            raise ValueError(
                f"Optimizer '{self.name}': expected {len(trainable_variables)} gradients. Received: {len(grads)}"
            )
        self.build(trainable_variables)
        grads, trainable_variables = _gradients.checked(self, grads, trainable_variables)
        grads = _gradients.clipped(self, grads)
        rate = self.learning_rate
        for variable in trainable_variables:
            if self.weight_decay and id(variable) not in self._excluded and not self._decays_in_update:
                factor = ops.subtract(1.0, ops.multiply(ops.cast(rate, variable.dtype), self.weight_decay))
                variable.assign(ops.multiply(variable, factor))
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, ops.cast(rate, variable.dtype))
        for variable in trainable_variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        self._iterations.assign(ops.add(self._iterations, np.array(1, "int64")))

    def apply_gradients(self, grads_and_vars) -> None:
        """The same from pairs (gradient, variable)."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)

    _decays_in_update = False

    def update_step(self, gradient, variable, learning_rate) -> None:
        raise NotImplementedError(f"{type(self).__name__} has to define update_step()")

    def _step_number(self, dtype: str):
        """The number of this update, counted from 1."""
        return ops.add(ops.cast(self._iterations, dtype), 1.0)

    # Configuration

    def save_own_variables(self, store) -> None:
        """Puts the state into a dict-like store under "0", "1", …"""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store) -> None:
        """Takes the state from a store that `save_own_variables` filled.

        Raises:
            ValueError: another number of variables or another shape; nothing is changed then.
        """
        variables = self.variables
        if len(store.keys()) != len(variables):
            raise ValueError(
                f"Optimizer '{self.name}' has {len(variables)} variables. Received: {len(store.keys())} in the file"
            )
        values = [np.asarray(store[str(index)]) for index in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if value.shape != variable.shape:
                raise ValueError(
                    f"Optimizer '{self.name}': expected {variable.path} of shape {variable.shape}. "
                    f"Received: shape {value.shape}"
                )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": serialize_keras_object(rate)
            if isinstance(rate, LearningRateSchedule)
            else (float(rate) if current_trace() is None else float(rate._view)),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": False,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": None,
            "loss_scale_factor": None,
            "gradient_accumulation_steps": None,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            from swiftbn.saving import deserialize_keras_object

            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects=custom_objects)
        return cls(**config)
