"""Losses: what training minimizes."""

from swiftbn import _registry
from swiftbn.losses.base import Loss, LossFunctionWrapper
from swiftbn.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from swiftbn.losses.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

_CLASSES = (BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy)
_TABLE = _registry.by_name(_CLASSES, {"mse": MeanSquaredError, "MSE": MeanSquaredError})


def get(identifier):
    """The loss of a name, configuration, function or object; None for None.

    Raises:
        ValueError: an unknown name.
    """
    return _registry.get(identifier, _TABLE, "loss")


def serialize(loss):
    """The configuration of a loss."""
    return _registry.serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss that `serialize` described."""
    return _registry.deserialize(name, get, custom_objects)


__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunctionWrapper",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_crossentropy",
]
