"""What weights are forced to be after every update of the optimizer."""

from __future__ import annotations

from swiftbn import _registry, ops
from swiftbn._checks import finite, integer
from swiftbn.config import epsilon


class Constraint:
    """A function of a weight that returns its new value; subclasses define `__call__`."""

    def __call__(self, w):
        raise NotImplementedError(f"{type(self).__name__} has to define __call__(w)")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


def _axes(constraint: str, axis):
    """One or several integers."""
    if isinstance(axis, (list, tuple)):
        return [integer(constraint, "axis", item) for item in axis]
    return integer(constraint, "axis", axis)


def _norms(w, axis):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Vectors along `axis` longer than `max_value` are shortened to it."""

    def __init__(self, max_value=2, axis=0):
        self.max_value = finite("MaxNorm", "max_value", max_value, low=0)
        self.axis = _axes("MaxNorm", axis)

    def __call__(self, w):
        norms = _norms(w, self.axis)
        wanted = ops.clip(norms, 0, self.max_value)
        return ops.multiply(w, ops.divide(wanted, ops.add(norms, epsilon())))

    def get_config(self) -> dict:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, w):
        return ops.relu(w)


class UnitNorm(Constraint):
    """Vectors along `axis` get length 1."""

    def __init__(self, axis=0):
        self.axis = _axes("UnitNorm", axis)

    def __call__(self, w):
        return ops.divide(w, ops.add(_norms(w, self.axis), epsilon()))

    def get_config(self) -> dict:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Lengths of vectors along `axis` go, at `rate`, into min_value … max_value."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = finite("MinMaxNorm", "min_value", min_value, low=0)
        self.max_value = finite("MinMaxNorm", "max_value", max_value, low=min_value)
        self.rate = finite("MinMaxNorm", "rate", rate, low=0, high=1)
        self.axis = _axes("MinMaxNorm", axis)

    def __call__(self, w):
        norms = _norms(w, self.axis)
        clipped = ops.clip(norms, self.min_value, self.max_value)
        wanted = ops.add(ops.multiply(clipped, self.rate), ops.multiply(norms, 1 - self.rate))
        return ops.multiply(w, ops.divide(wanted, ops.add(norms, epsilon())))

    def get_config(self) -> dict:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
_TABLE = _registry.by_name((MaxNorm, MinMaxNorm, NonNeg, UnitNorm))


def get(identifier):
    """The constraint of a name, configuration, function or object.

    Raises:
        ValueError: an unknown name.
    """
    return _registry.get(identifier, _TABLE, "constraint")


def serialize(constraint):
    """The configuration of a constraint."""
    return _registry.serialize(constraint)


def deserialize(config, custom_objects=None):
    """The constraint that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)
