"""Around a layer's call: the training mode that inner layers inherit, and the shapes that `build` is given."""

from __future__ import annotations

import inspect
import threading

from swiftbn import tree

_local = threading.local()


class CallContext:
    """The outermost layer call in progress on this thread and the training mode of the innermost."""

    def __init__(self, entry):
        self.entry = entry
        self.training = None


def current_context() -> CallContext | None:
    return getattr(_local, "context", None)


class call_context:
    """Inside, `layer` is being called; `training` None is taken from the enclosing call, then from `default`."""

    def __init__(self, layer, training, default):
        self.layer = layer
        self.training = training
        self.default = default

    def __enter__(self):
        context = current_context()
        self.is_entry = context is None
        if context is None:
            context = _local.context = CallContext(self.layer)
            self.layer._clear_losses()
        self.previous = context.training
        if self.training is None:
            self.training = context.training if context.training is not None else self.default
        context.training = self.training
        return self.training

    def __exit__(self, *exception):
        if self.is_entry:
            _local.context = None
        else:
            _local.context.training = self.previous


def is_tensor_structure(value) -> bool:
    """A tensor, or nested lists, tuples and dicts of tensors."""
    if tree.is_nested(value):
        leaves = tree.flatten(value)
        return bool(leaves) and all(hasattr(leaf, "shape") and hasattr(leaf, "dtype") for leaf in leaves)
    return hasattr(value, "shape") and hasattr(value, "dtype")


def shape_structure(value):
    return tree.map_structure(lambda leaf: tuple(leaf.shape), value)


def map_shapes(function, shapes):
    """`function` of every shape (a tuple of integers and None) in nested lists, tuples and dicts."""
    if isinstance(shapes, dict):
        return {name: map_shapes(function, shape) for name, shape in shapes.items()}
    if isinstance(shapes, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in shapes):
        return type(shapes)(map_shapes(function, shape) for shape in shapes)
    return function(tuple(shapes))


def build_arguments(layer, arguments: dict) -> dict:
    """Arguments for `layer.build` from those of its call.

    A build with one argument is given the shape of the call's first tensor; one with several arguments `a_shape`,
    `b_shape` the shapes of the call's `a` and `b`.
    """
    shapes = {
        f"{name}_shape": shape_structure(value)
        for name, value in arguments.items()
        if name != "mask" and is_tensor_structure(value)
    }
    parameters = [
        parameter
        for parameter in inspect.signature(layer.build).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    names = [parameter.name for parameter in parameters]
    if len(names) <= 1:
        first = next(iter(shapes.values()), None)
        return {names[0]: first} if names else {}
    known = {f"{name}_shape" for name in layer._call_signature.parameters}
    unknown = [
        parameter.name
        for parameter in parameters
        if parameter.name not in known
        or (parameter.default is parameter.empty and parameter.name.removesuffix("_shape") not in arguments)
    ]
    if unknown:
        raise ValueError(
            f"{type(layer).__name__}.build: expected argument names to be those of call() with '_shape' behind. "
            f"Received: {', '.join(unknown)}"
        )
    return {name: shapes[name] for name in names if name in shapes}
