"""The state of a model as nested dicts by the names on the paths of its variables, as Keras arranges it."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import one_of


class StateTree:
    """The part of a model that gives and takes all of its state at once."""

    def get_state_tree(self, value_format="backend_tensor") -> dict:
        """The values of all variables: weights, other variables, the optimizer's and those of metrics.

        Args:
            value_format: "backend_tensor" or "numpy_array"; both give arrays, which are copies.

        Returns:
            A dict with "trainable_variables", "non_trainable_variables", "optimizer_variables" and
            "metrics_variables", each nested by the parts of the variables' paths.

        Raises:
            ValueError: another format, or two variables of one path.
        """
        one_of("get_state_tree", "value_format", value_format, ("backend_tensor", "numpy_array"))
        return {kind: _nested(variables) for kind, variables in self._state().items()}

    def set_state_tree(self, state_tree: dict) -> None:
        """Gives variables the values of a tree that `get_state_tree` returned, or of a part of it.

        Raises:
            ValueError: an unknown kind of variables or path, or a value of another shape; nothing is changed then.
        """
        state, found = self._state(), []
        for kind, tree in state_tree.items():
            if kind not in state:
                raise ValueError(f"set_state_tree: expected keys among {', '.join(state)}. Received: {kind!r}")
            by_path = {variable.path: variable for variable in state[kind]}
            for path, value in _flat(tree):
                if path not in by_path:
                    raise ValueError(f"set_state_tree: model '{self.name}' has no variable {path} in {kind}")
                value = np.asarray(value)
                if value.shape != by_path[path].shape:
                    raise ValueError(
                        f"set_state_tree: expected {path} of shape {by_path[path].shape}. Received: shape {value.shape}"
                    )
                found.append((by_path[path], value))
        for variable, value in found:
            variable.assign(value)

    def _state(self) -> dict:
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": [] if self.optimizer is None else self.optimizer.variables,
            "metrics_variables": self.metrics_variables,
        }


def _nested(variables) -> dict:
    nested: dict = {}
    for variable in variables:
        *outer, name = variable.path.split("/")
        place = nested
        for part in outer:
            place = place.setdefault(part, {})
        if name in place:
            raise ValueError(f"get_state_tree: expected unique paths of variables. Received: {variable.path} twice")
        place[name] = np.array(variable.numpy())
    return nested


def _flat(tree: dict, before: str = ""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}/")
        else:
            yield before + name, value
