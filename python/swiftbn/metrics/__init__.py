"""Metrics: what is measured while training and evaluating. Their states are variables, updated inside the step."""

from swiftbn import _lazy, _registry
from swiftbn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from swiftbn.metrics.base import Mean, MeanMetricWrapper, Metric, Sum

_CLASSES = (
    "AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy "
    "CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge "
    "IoU KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanSquaredError "
    "MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision PrecisionAtRecall "
    "R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy "
    "SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum "
    "TopKCategoricalAccuracy TrueNegatives TruePositives"
).split()
_TABLE = _registry.Members(
    __name__,
    {
        **_registry.both_cases(_CLASSES),
        "bce": "BinaryCrossentropy",
        "BCE": "BinaryCrossentropy",
        "mse": "MeanSquaredError",
        "MSE": "MeanSquaredError",
        "mae": "MeanAbsoluteError",
        "MAE": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError",
        "MAPE": "MeanAbsolutePercentageError",
        "msle": "MeanSquaredLogarithmicError",
        "MSLE": "MeanSquaredLogarithmicError",
        "kld": "KLDivergence",
        "KLD": "KLDivergence",
        "rmse": "RootMeanSquaredError",
        "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
        "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    },
)


def get(identifier):
    """The metric of a name, configuration, function or object; None for None.

    Raises:
        ValueError: an unknown name.
    """
    return _registry.get(identifier, _TABLE, "metric")


def serialize(metric):
    """The configuration of a metric."""
    return _registry.serialize(metric)


def deserialize(config, custom_objects=None):
    """The metric that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)


__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        ".losses": "binary_crossentropy binary_focal_crossentropy categorical_crossentropy "
        "categorical_focal_crossentropy categorical_hinge hinge huber kl_divergence log_cosh mean_absolute_error "
        "mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson "
        "sparse_categorical_crossentropy squared_hinge",
        "auc": "AUC",
        "confusion": "FalseNegatives FalsePositives Precision Recall TrueNegatives TruePositives",
        "correlation": "ConcordanceCorrelation PearsonCorrelation concordance_correlation pearson_correlation",
        "f_score": "F1Score FBetaScore",
        "iou": "BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU",
        "margin": "CategoricalHinge Hinge SquaredHinge",
        "operating_points": "PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity",
        "probabilistic": "BinaryCrossentropy CategoricalCrossentropy KLDivergence Poisson "
        "SparseCategoricalCrossentropy",
        "r2_score": "R2Score",
        "regression": "CosineSimilarity LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
        "MeanSquaredLogarithmicError RootMeanSquaredError",
    },
)
