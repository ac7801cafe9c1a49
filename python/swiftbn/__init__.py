# ruff: noqa: F401  (names are imported to be re-exported)
"""swiftbn: Keras-like neural networks for CPUs on a Swift core, batch normalization first."""

from swiftbn._load import load as _load
from swiftbn._version import __version__

_native = _load()

from swiftbn import (  # noqa: E402
    activations,
    batch_norm,
    callbacks,
    constraints,
    datasets,
    functional,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from swiftbn.batch_norm import batch_norm_report, fold_batch_norm  # noqa: E402
from swiftbn.config import config, get_num_threads, set_num_threads  # noqa: E402
from swiftbn.initializers import Initializer  # noqa: E402
from swiftbn.layers import Input, InputSpec, Layer  # noqa: E402
from swiftbn.losses import Loss  # noqa: E402
from swiftbn.metrics import Metric  # noqa: E402
from swiftbn.models import Model, Sequential  # noqa: E402
from swiftbn.optimizers import Optimizer  # noqa: E402
from swiftbn.regularizers import Regularizer  # noqa: E402
from swiftbn.tensor import KerasTensor, Tensor  # noqa: E402
from swiftbn.transforms import grad, value_and_grad  # noqa: E402
from swiftbn.variable import Variable  # noqa: E402

__all__ = [
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "__version__",
    "activations",
    "batch_norm",
    "batch_norm_report",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "fold_batch_norm",
    "functional",
    "get_num_threads",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "utils",
    "value_and_grad",
]
