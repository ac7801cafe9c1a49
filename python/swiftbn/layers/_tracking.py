"""State that layers find in their attributes and in containers: variables, sub-layers, seed generators, metrics."""

from __future__ import annotations

from swiftbn.random import SeedGenerator
from swiftbn.variable import Variable


def is_metric(value) -> bool:
    return all(hasattr(value, name) for name in ("update_state", "result", "reset_state", "variables"))


def find(value, kind, found: list, seen: set) -> list:
    """Appends the objects for which `kind` is true, looking into lists, tuples, sets and dicts."""
    if isinstance(value, dict):
        for item in value.values():
            find(item, kind, found, seen)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            find(item, kind, found, seen)
    elif id(value) not in seen and kind(value):
        seen.add(id(value))
        found.append(value)
    return found


def unique(items) -> list:
    """The items without those that came before (by identity)."""
    seen: set = set()
    return [item for item in items if not (id(item) in seen or seen.add(id(item)))]


class Tracking:
    """Finds state in attributes. Attributes in `_untracked` are book-keeping and are not searched."""

    _untracked = frozenset(
        (
            "_inbound_nodes",
            "_trainable_variables",
            "_non_trainable_variables",
            "_losses",
            "_input_spec",
            "_init_call",
            "_remat_mode",
        )
    )

    def __setattr__(self, name: str, value):
        if "_trainable_variables" not in self.__dict__:
            self.__dict__["_trainable_variables"] = []
            self.__dict__["_non_trainable_variables"] = []
        if isinstance(value, Variable):
            self._track_variable(value)
        if name in self.__dict__ and not isinstance(value, (bool, int, float, str)):
            # Assigned anew: it counts from now on, as if it had not been there.
            del self.__dict__[name]
        object.__setattr__(self, name, value)

    def _track_variable(self, variable: Variable) -> None:
        known = self._trainable_variables + self._non_trainable_variables
        if not any(variable is v for v in known):
            (self._trainable_variables if variable.trainable else self._non_trainable_variables).append(variable)

    def _attributes(self):
        return [value for name, value in self.__dict__.items() if name not in self._untracked]

    def _find(self, kind) -> list:
        found: list = []
        seen: set = set()
        for value in self._attributes():
            find(value, kind, found, seen)
        return found

    def _own_variables(self) -> list:
        """Trainable ones, then the others, in the order in which they were added."""
        for variable in self._find(lambda value: isinstance(value, Variable)):
            self._track_variable(variable)
        return self._trainable_variables + self._non_trainable_variables

    @property
    def _layers(self) -> list:
        from swiftbn.layers.layer import Layer

        return self._find(lambda value: isinstance(value, Layer))

    @property
    def _seed_generators(self) -> list:
        return self._find(lambda value: isinstance(value, SeedGenerator))

    @property
    def _metrics(self) -> list:
        return self._find(is_metric)
