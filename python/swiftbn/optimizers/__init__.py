"""Optimizers: how weights follow gradients."""

from swiftbn import _registry
from swiftbn.optimizers import schedules
from swiftbn.optimizers.adam import Adam, AdamW
from swiftbn.optimizers.base import Optimizer
from swiftbn.optimizers.rmsprop import RMSprop
from swiftbn.optimizers.sgd import SGD

_TABLE = _registry.by_name((Adam, AdamW, RMSprop, SGD), {"adamw": AdamW, "rmsprop": RMSprop})


def get(identifier):
    """The optimizer of a name, configuration or object.

    Raises:
        ValueError: an unknown name, or something else.
    """
    if identifier is None:
        raise ValueError("Expected an optimizer: a name, an object or a configuration. Received: None")
    return _registry.get(identifier, _TABLE, "optimizer")


def serialize(optimizer):
    """The configuration of an optimizer."""
    return _registry.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)


__all__ = ["Adam", "AdamW", "Optimizer", "RMSprop", "SGD", "deserialize", "get", "schedules", "serialize"]
