"""Losses: what training minimizes."""

from swiftbn import _registry
from swiftbn.losses.base import Loss, LossFunctionWrapper
from swiftbn.losses.circle import (
    Circle,
    circle,
)
from swiftbn.losses.ctc import CTC, ctc
from swiftbn.losses.focal import (
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from swiftbn.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from swiftbn.losses.losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from swiftbn.losses.overlap import (
    Dice,
    Tversky,
    dice,
    tversky,
)
from swiftbn.losses.probabilistic import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from swiftbn.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)

_CLASSES = (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
_FUNCTIONS = (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)
_TABLE = {
    **{item.__name__: item for item in _CLASSES + _FUNCTIONS},
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
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


__all__ = [item.__name__ for item in _CLASSES + _FUNCTIONS] + [
    "Loss",
    "LossFunctionWrapper",
    "deserialize",
    "get",
    "serialize",
]
