"""Optimizers: how weights follow gradients."""

from swiftbn import _registry
from swiftbn.optimizers import schedules
from swiftbn.optimizers.adadelta import Adadelta
from swiftbn.optimizers.adafactor import Adafactor
from swiftbn.optimizers.adagrad import Adagrad
from swiftbn.optimizers.adam import Adam, AdamW
from swiftbn.optimizers.adamax import Adamax
from swiftbn.optimizers.base import Optimizer
from swiftbn.optimizers.ftrl import Ftrl
from swiftbn.optimizers.lamb import Lamb
from swiftbn.optimizers.lion import Lion
from swiftbn.optimizers.loss_scale_optimizer import LossScaleOptimizer
from swiftbn.optimizers.muon import Muon
from swiftbn.optimizers.nadam import Nadam
from swiftbn.optimizers.rmsprop import RMSprop
from swiftbn.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from swiftbn.optimizers.sgd import SGD

_CLASSES = (
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    RMSprop,
    SGD,
    ScheduleFreeAdamW,
)
_TABLE = _registry.by_name(_CLASSES, {"adamw": AdamW, "rmsprop": RMSprop, "schedulefreeadamw": ScheduleFreeAdamW})


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


__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
