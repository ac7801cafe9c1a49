"""swiftbn: Keras-like neural networks for CPUs on a Swift core, batch normalization first."""

import sys as _sys

from swiftbn import _lazy
from swiftbn._load import load as _load
from swiftbn._version import __version__

_native = _load()

from swiftbn.config import config, get_num_threads, set_num_threads  # noqa: E402

if hasattr(_sys.modules.get("threadpoolctl"), "register"):
    config.register_threadpoolctl()

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "_choices": "device version",
        "batch_norm": "batch_norm_report fold_batch_norm",
        "compiled_function": "jit",
        "dtype_policies": "DTypePolicy FloatDTypePolicy",
        "function": "Function",
        "gradient_tape": "GradientTape",
        "initializers": "Initializer",
        "layers": "Input InputSpec Layer",
        "losses": "Loss",
        "metrics": "Metric",
        "models": "Model Sequential",
        "naming": "name_scope",
        "operation": "Operation",
        "optimizers": "Optimizer",
        "profiling": "profile",
        "regularizers": "Regularizer",
        "rematerialization": "RematScope remat",
        "stateless_scope": "StatelessScope",
        "symbolic_scope": "SymbolicScope",
        "tensor": "KerasTensor Tensor",
        "transforms": "grad value_and_grad",
        "variable": "Variable",
    },
    submodules=(
        *("activations", "backend", "batch_norm", "callbacks", "constraints", "datasets", "distillation"),
        *(
            "dtype_policies",
            "functional",
            "initializers",
            "layers",
            "losses",
            "metrics",
            "mixed_precision",
            "models",
            "ops",
        ),
        *("optimizers", "preprocessing", "profiling", "random", "regularizers", "saving", "tree", "utils", "wrappers"),
    ),
)
__all__ += ["__version__"]
