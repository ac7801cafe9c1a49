"""Optimizers: how weights follow gradients."""

from swiftbn import _lazy, _registry
from swiftbn.optimizers.adam import Adam, AdamW
from swiftbn.optimizers.base import Optimizer
from swiftbn.optimizers.rmsprop import RMSprop
from swiftbn.optimizers.sgd import SGD

_CLASSES = (
    "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion Muon Nadam RMSprop SGD ScheduleFreeAdamW"
).split()
_TABLE = _registry.Members(
    __name__,
    {
        **_registry.both_cases(_CLASSES),
        "adamw": "AdamW",
        "rmsprop": "RMSprop",
        "schedulefreeadamw": "ScheduleFreeAdamW",
    },
)


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


__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "adadelta": "Adadelta",
        "adafactor": "Adafactor",
        "adagrad": "Adagrad",
        "adamax": "Adamax",
        "ftrl": "Ftrl",
        "lamb": "Lamb",
        "lion": "Lion",
        "loss_scale_optimizer": "LossScaleOptimizer",
        "multi_optimizer": "MultiOptimizer OptimizerMap",
        "muon": "Muon",
        "nadam": "Nadam",
        "schedule_free_adamw": "ScheduleFreeAdamW",
    },
    submodules=("schedules",),
)
