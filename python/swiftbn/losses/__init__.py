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
_FUNCTIONS = (binary_crossentropy, categorical_crossentropy, mean_squared_error, sparse_categorical_crossentropy)
_TABLE = {
    **{item.__name__: item for item in _CLASSES + _FUNCTIONS},
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
}


def get(identifier):
    """The loss of a name, configuration, function or object; None for None.

    Names in snake case are functions (one value per sample), names of classes objects, as in Keras.

    Raises:
        ValueError: an unknown name.
    """
    return _registry.get(identifier, _TABLE, "loss")


def serialize(loss):
    """The configuration of a loss."""
    return _registry.serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(name, custom_objects, get)


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
