"""Losses: what training minimizes."""

from swiftbn import _lazy, _registry
from swiftbn.losses.base import Loss, LossFunctionWrapper
from swiftbn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
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
    "BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy "
    "CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence "
    "LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
    "SparseCategoricalCrossentropy SquaredHinge Tversky"
).split()
_FUNCTIONS = (
    "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
    "categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity ctc dice hinge huber "
    "kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error "
    "mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge tversky"
).split()
_TABLE = _registry.Members(
    __name__,
    {
        **{name: name for name in _CLASSES + _FUNCTIONS},
        "bce": "binary_crossentropy",
        "BCE": "binary_crossentropy",
        "kld": "kl_divergence",
        "KLD": "kl_divergence",
        "mae": "mean_absolute_error",
        "MAE": "mean_absolute_error",
        "mape": "mean_absolute_percentage_error",
        "MAPE": "mean_absolute_percentage_error",
        "mse": "mean_squared_error",
        "MSE": "mean_squared_error",
        "msle": "mean_squared_logarithmic_error",
        "MSLE": "mean_squared_logarithmic_error",
    },
)


def is_own(function) -> bool:
    """Whether it is one of the functions of this package."""
    name = getattr(function, "__name__", None)
    return name in _FUNCTIONS and _TABLE[name] is function


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


__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "focal": "BinaryFocalCrossentropy CategoricalFocalCrossentropy binary_focal_crossentropy "
        "categorical_focal_crossentropy",
        "margin": "CategoricalHinge Hinge SquaredHinge categorical_hinge hinge squared_hinge",
        "overlap": "Dice Tversky dice tversky",
        "probabilistic": "CategoricalGeneralizedCrossEntropy KLDivergence Poisson "
        "categorical_generalized_cross_entropy kl_divergence poisson",
        "sequences": "CTC ctc",
        "similarity": "Circle circle",
    },
)
