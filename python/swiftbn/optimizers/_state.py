"""The variables of an optimizer: made in Keras' order, named after the weights they belong to, saved and loaded."""

from __future__ import annotations

import numpy as np

from swiftbn import naming
from swiftbn.stateless_scope import StatelessScope, mapping
from swiftbn.variable import Variable


class OptimizerState:
    """Owns variables; one that becomes an attribute is the optimizer's as well."""

    name: str
    built: bool

    def __setattr__(self, attribute, value):
        if isinstance(value, Variable):
            self._track(value)
        super().__setattr__(attribute, value)

    def _track(self, variable) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}: call super().__init__() before variables become attributes")
        if not any(v is variable for v in self._variables):
            self._variables.append(variable)

    @property
    def variables(self) -> list[Variable]:
        """The state, in Keras' order: iteration, learning rate, averages, accumulated gradients, slots."""
        return list(self._variables)

    def add_variable(self, shape, initializer="zeros", dtype=None, name=None) -> Variable:
        """A variable of the optimizer."""
        with naming.name_scope(self.name, caller=self):
            variable = Variable(initializer, shape=shape, dtype=dtype, trainable=False, name=name)
        self._track(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros") -> Variable:
        """A slot of the shape and dtype of a weight, named after it."""
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            f"{reference_variable.path.replace('/', '_')}_{name or 'var'}",
        )

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

    def assign(self, variable, value) -> None:
        """Gives a weight or a slot a value."""
        variable.assign(value)

    def assign_add(self, variable, value) -> None:
        """Adds to a weight or a slot."""
        variable.assign_add(value)

    def assign_sub(self, variable, value) -> None:
        """Subtracts from a weight or a slot."""
        variable.assign_sub(value)

    def stateless_apply(self, optimizer_variables, grads, trainable_variables) -> tuple[list, list]:
        """The values that `apply` would give to variables that have given values; all of them stay as they are.

        Args:
            optimizer_variables: values in the order of `variables`.
            grads: gradients.
            trainable_variables: values in the order of the variables that the optimizer was built with.

        Returns:
            (trainable_variables, optimizer_variables).

        Raises:
            ValueError: not built, or numbers or shapes of values that do not fit.
        """
        if not self.built:
            raise ValueError(
                f"Optimizer '{self.name}': expected build(variables) to be called before stateless_apply()"
            )
        weights, own = self._trainable_variables, self.variables
        pairs = mapping(
            self, trainable_variables=(weights, trainable_variables), optimizer_variables=(own, optimizer_variables)
        )
        with StatelessScope(pairs) as scope:
            self.apply(grads)
            values = [[scope.get_current_value(v) for v in variables] for variables in (weights, own)]
        return values[0], values[1]

    def set_weights(self, weights) -> None:
        """Gives all variables values, in the order of `variables`.

        Raises:
            ValueError: not built, or another number of values or another shape; nothing is changed then.
        """
        if not self.built:
            raise ValueError(f"Optimizer '{self.name}': expected build(variables) to be called before set_weights()")
        self._assign_all([np.asarray(weight) for weight in weights], "weights")

    def save_own_variables(self, store) -> None:
        """Puts the state into a dict-like store under "0", "1", …"""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store) -> None:
        """Takes the state from a store that `save_own_variables` filled.

        Raises:
            ValueError: another number of variables or another shape; nothing is changed then.
        """
        self._assign_all([np.asarray(store[str(index)]) for index in range(len(store.keys()))], "in the file")

    def _assign_all(self, values: list, what: str) -> None:
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(f"Optimizer '{self.name}' has {len(variables)} variables. Received: {len(values)} {what}")
        for variable, value in zip(variables, values, strict=True):
            if value.shape != variable.shape:
                raise ValueError(
                    f"Optimizer '{self.name}': expected {variable.path} of shape {variable.shape}. "
                    f"Received: shape {value.shape}"
                )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
