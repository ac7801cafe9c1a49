# ruff: noqa: F401  (names are imported to be re-exported)
"""swiftbn: Keras-like neural networks for CPUs on a Swift core, batch normalization first."""

from swiftbn._load import load as _load
from swiftbn._version import __version__

_native = _load()

from swiftbn import (  # noqa: E402
    activations,
    callbacks,
    constraints,
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
from swiftbn.compiled_function import jit  # noqa: E402
from swiftbn.config import config, get_num_threads, set_num_threads  # noqa: E402
from swiftbn.gradient_tape import GradientTape  # noqa: E402
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
    "GradientTape",
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
    "jit",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "profile",
    "profiling",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "utils",
    "value_and_grad",
]

# Modules that few programs need, loaded when they are first named.
_LAZY = {
    "batch_norm": "swiftbn.batch_norm",
    "batch_norm_report": "swiftbn.batch_norm",
    "datasets": "swiftbn.datasets",
    "fold_batch_norm": "swiftbn.batch_norm",
    "profile": "swiftbn.profiling",
    "profiling": "swiftbn.profiling",
}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'swiftbn' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(_LAZY[name])
    value = module if _LAZY[name] == f"swiftbn.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_LAZY})
