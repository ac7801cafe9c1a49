"""Functions of `swiftbn.ops` in functional models, as the dictionaries that Keras 3 writes for its own."""

from __future__ import annotations

import functools
import inspect

import numpy as np

from swiftbn import ops
from swiftbn.operation import FunctionOperation, Node

# Parameters that are given in the call; Keras keeps the others in the operation's configuration.
_CALL_PARAMETERS = frozenset(
    "x x1 x2 xs condition inputs kernel target output indices variable fill_value constant_values key "
    "images transform start stop volumes image1 image2 coordinates start_points end_points a b".split()
)
# Modules of Keras' operation classes where it is not keras.src.ops.numpy.
_MODULES = {
    "nn": "adaptive_average_pool adaptive_max_pool average_pool binary_crossentropy categorical_crossentropy celu conv "
    "ctc_decode ctc_loss depth_to_space dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid "
    "hard_silu hard_tanh leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot relu relu6 "
    "selu sigmoid silu soft_shrink softmax softplus softsign sparse_categorical_crossentropy sparse_plus "
    "space_to_depth sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold",
    "math": "erf extract_sequences logdet logsumexp rsqrt",
    "core": "cast convert_to_tensor stop_gradient unstack",
    "linalg": "cholesky cholesky_inverse det eigh inv lstsq lu_factor matrix_rank norm pinv qr solve "
    "solve_triangular svd",
    "image": "affine_transform crop_images elastic_transform extract_patches extract_patches_3d gaussian_blur "
    "hsv_to_rgb map_coordinates pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv sobel_edges ssim",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}
_CLASS_NAMES = {
    "getitem": "GetItem",
    "abs": "Absolute",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "extract_patches_3d": "ExtractPatches",
    "hsv_to_rgb": "HSVToRGB",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "ssim": "SSIM",
    "svd": "SVD",
}


# Functions that are given more in a call than others of these names are.
_CALLS = {
    "ctc_decode": "inputs sequence_lengths",
    "ctc_loss": "target output target_length output_length",
    "dot_product_attention": "query key value bias mask scale",
}


def _class_name(function_name: str) -> str:
    return _CLASS_NAMES.get(function_name) or "".join(part.capitalize() for part in function_name.split("_"))


@functools.cache
def _functions() -> dict:
    """Functions of `swiftbn.ops` that can be part of a model, by the names of Keras' classes."""
    functions = [getattr(module, name) for module in (ops, ops.image) for name in dir(module)]
    found = {_class_name(f.__name__): f.__wrapped__ for f in functions if hasattr(f, "__wrapped__") and callable(f)}
    found["Abs"] = found["Absolute"]
    # With three sizes it takes volumes.
    found["ExtractPatches"] = ops.image.extract_patches.__wrapped__
    return found


def _call_parameters(function) -> list:
    """Names of what a call of the function is given, in order."""
    if function.__name__ in _CALLS:
        return _CALLS[function.__name__].split()
    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters if p.name in _CALL_PARAMETERS or p.kind is p.VAR_POSITIONAL]
    # What lies outside of images is configured.
    return [name for name in names if name != "fill_value"] if {"images", "coordinates"} & {*names} else names


def operation_config(operation: FunctionOperation, node: Node) -> tuple[dict, list]:
    """The configuration of a function called by a node, and the arguments of the call."""
    function = operation.function
    signature = inspect.signature(function)
    args, kwargs = operation.arguments(node.args, node.kwargs)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    given = _call_parameters(function)
    call = []
    for name in given:
        several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        call.extend(bound.arguments[name] if several else [bound.arguments[name]])
    rest = {name: plain(value) for name, value in bound.arguments.items() if name not in given}
    module = _MODULE_OF.get(function.__name__, "numpy")
    class_name = _class_name(function.__name__)
    config = {
        "module": f"keras.src.ops.{module}",
        "class_name": class_name,
        "config": {"name": operation.name, **rest},
        "registered_name": class_name,
    }
    return config, call


def is_operation_config(data: dict) -> bool:
    return str(data.get("module")).startswith("keras.src.ops.")


def operation_from_config(data: dict) -> FunctionOperation:
    """An operation from what `operation_config`, or Keras, wrote.

    Raises:
        ValueError: a function, or an argument of one, that is not supported.
    """
    function = _functions().get(data["class_name"])
    if function is None:
        raise ValueError(f"Unknown operation {data['module']}.{data['class_name']}: swiftbn.ops does not have it")
    config = dict(data["config"])
    name = config.pop("name", None)
    parameters = inspect.signature(function).parameters
    unknown = {key: value for key, value in config.items() if key not in parameters and value not in (None, False)}
    if unknown:
        raise ValueError(f"{data['class_name']}: arguments that are not supported. Received: {unknown}")
    attributes = {key: value for key, value in config.items() if key in parameters}
    return FunctionOperation(function, name, attributes)


def call_arguments(operation: FunctionOperation, args: list) -> tuple[list, dict]:
    """The arguments of a call by position and by name, from a list without those that are in the configuration."""
    parameters = inspect.signature(operation.function).parameters
    names = _call_parameters(operation.function)
    if any(parameters[name].kind is inspect.Parameter.VAR_POSITIONAL for name in names):
        return args, {}
    found = dict(zip(names, args, strict=False))
    if isinstance(found.get("key"), list):
        # JSON has no tuples, and x[a, b] is not x[[a, b]].
        found["key"] = tuple(found["key"])
    return [], found


def plain(value):
    """Tuples (as lists), slices, arrays and the like as Keras writes them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, slice):
        parts = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": {key: plain(part) for key, part in parts.items()}}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}
    if isinstance(value, np.generic):
        return value.item()
    return value


def restored(value):
    """The reverse of `plain`."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if kind == "__slice__":
        return slice(*(restored(config[key]) for key in ("start", "stop", "step")))
    if kind == "__ellipsis__":
        return Ellipsis
    if kind in ("__numpy__", "__tensor__"):
        return np.array(config["value"], dtype=config["dtype"])
    return {key: restored(item) for key, item in value.items()}
