"""MultiOptimizer and OptimizerMap: several optimizers, each for a part of the weights."""

from __future__ import annotations

import re
from collections.abc import MutableMapping

import numpy as np

from swiftbn import naming, ops
from swiftbn.optimizers import _gradients
from swiftbn.optimizers.base import Optimizer
from swiftbn.optimizers.loss_scale_optimizer import LossScaleOptimizer


class OptimizerMap(MutableMapping):
    """Optimizers by the paths of variables.

    A key is a path, or a regular expression that matches whole paths, such as "encoder/.*"; a key that is the path
    itself comes first.

    Args:
        default_optimizer: the optimizer of all other variables.
        optimizer_map: dict to begin with.

    Raises:
        TypeError: a default that is no optimizer, a map that is no dict.
        ValueError: (assigning) keys that are no strings or are there already, values that are no optimizers;
            (looking up) several expressions match.
    """

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"OptimizerMap: expected an optimizer. Received: default_optimizer={default_optimizer!r}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"OptimizerMap: expected a dict. Received: optimizer_map={optimizer_map!r}")
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self):
        return self._default_optimizer

    def __getitem__(self, key):
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"OptimizerMap: expected one key to match {key}. Received: {', '.join(matching)}")
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key, optimizer):
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: expected keys to be strings. Received: {key!r}")
        if key in self._optimizer_map:
            raise ValueError(f"OptimizerMap: expected a new key. Received: {key!r}, which has an optimizer already")
        self._optimizer_map[key] = _checked(optimizer, f"for {key!r}")

    def __delitem__(self, key):
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self):
        return iter(self._optimizer_map)

    def __call__(self, variable):
        return self[variable.path]

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {
            "default_optimizer": serialize_keras_object(self._default_optimizer),
            "optimizer_map": serialize_keras_object(self._optimizer_map),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        return cls(**{name: deserialize_keras_object(value, custom_objects) for name, value in config.items()})


class MultiOptimizer(Optimizer):
    """Updates each variable by the optimizer that a map has for it; all of them in the one compiled step.

    Learning rates, clipping, moving averages … are those of the optimizers, and each clips only its own gradients. The
    MultiOptimizer has no learning rate, so callbacks that change one do not work with it.

    Args:
        optimizer_map: an `OptimizerMap`, or a function of a variable that returns its optimizer.
        loss_scale_factor: that of all optimizers, whose own are replaced.
        name: for messages and variables' paths.

    Raises:
        ValueError: no map; (when it is built) something else than an optimizer for a variable.

    Example:
        >>> embeddings = {".*/embeddings": swiftbn.optimizers.SGD(0.1)}
        >>> model.compile(MultiOptimizer(OptimizerMap(swiftbn.optimizers.Adam(), embeddings)), "mse")
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        if not callable(optimizer_map):
            raise ValueError(
                "MultiOptimizer: expected optimizer_map to be an OptimizerMap or a function of a variable. "
                f"Received: optimizer_map={optimizer_map!r}"
            )
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_map = optimizer_map
        self._inner_optimizers: list[Optimizer] = []
        self._owners: list[Optimizer] = []
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._add(optimizer)

    def _add(self, optimizer) -> None:
        if not any(optimizer is other for other in self._inner_optimizers):
            optimizer.loss_scale_factor = self.loss_scale_factor
            self._inner_optimizers.append(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, those of a function as far as variables have asked for them."""
        return self._inner_optimizers

    def build(self, variables) -> None:
        """Takes the variables to train and gives each to its optimizer."""
        variables = list(variables)
        if not self.built:
            owners = [_checked(self._optimizer_map(v), f"for variable {v.path}") for v in variables]
            for owner in owners:
                self._add(owner)
            self._owners = owners
            for optimizer, indices in self._parts(range(len(variables))):
                with naming.name_scope(optimizer.name, caller=optimizer):
                    optimizer.build([variables[index] for index in indices])
        super().build(variables)

    def _parts(self, indices) -> list[tuple]:
        """Pairs (optimizer, places in the list of those of the variables that are its own)."""
        own = [
            (optimizer, [place for place, index in enumerate(indices) if self._owners[index] is optimizer])
            for optimizer in self._inner_optimizers
        ]
        return [(optimizer, places) for optimizer, places in own if places]

    @property
    def variables(self) -> list:
        """Its own, then those of each optimizer."""
        return [*self._variables, *(v for optimizer in self._inner_optimizers for v in optimizer.variables)]

    @property
    def iterations(self):
        return self._iterations

    @property
    def learning_rate(self):
        raise AttributeError(_NO_LEARNING_RATE)

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(_NO_LEARNING_RATE)

    @property
    def loss_scale_factor(self):
        """What losses are multiplied by; assigning it gives it to all optimizers."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value):
        self._loss_scale_factor = value
        for optimizer in self.__dict__.get("_inner_optimizers", ()):
            optimizer.loss_scale_factor = value

    def apply(self, grads, trainable_variables=None) -> None:
        """Updates each variable by its optimizer, and counts the step."""
        grads = list(grads)
        if not grads:
            return
        grads, variables = _gradients.matched(self, grads, trainable_variables)
        self.build(variables)
        self._check_variables_are_known(variables)
        grads, variables = _gradients.checked(self, grads, variables)
        for optimizer, places in self._parts([self._get_variable_index(v) for v in variables]):
            optimizer.apply([grads[place] for place in places], [variables[place] for place in places])
        self._iterations.assign(ops.add(self._iterations, np.array(1, "int64")))

    def finalize_variable_values(self, var_list) -> None:
        var_list = list(var_list)
        if self.built:
            self._check_variables_are_known(var_list)
            for optimizer, places in self._parts([self._get_variable_index(v) for v in var_list]):
                optimizer.finalize_variable_values([var_list[place] for place in places])

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {
            "optimizer_map": serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        optimizer_map = deserialize_keras_object(config["optimizer_map"], custom_objects=custom_objects)
        return cls(**{**config, "optimizer_map": optimizer_map})


_NO_LEARNING_RATE = "A MultiOptimizer has no learning rate; its `optimizers` have one each"


def _checked(optimizer, what: str) -> Optimizer:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            "Expected an optimizer, and neither a LossScaleOptimizer nor a MultiOptimizer, "
            f"{what}. Received: {optimizer!r}"
        )
    return optimizer
