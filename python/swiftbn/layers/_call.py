"""Around a layer's call: the training mode that inner layers inherit, and the shapes that `build` is given."""

from __future__ import annotations

import functools
import inspect
import threading

from swiftbn import naming, tree

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


class outer_call:
    """Inside, calls of layers are parts of one call: none of them begins with a new list of losses."""

    def __init__(self, layer):
        self.layer = layer

    def __enter__(self) -> None:
        _local.context = CallContext(self.layer)

    def __exit__(self, *exception) -> None:
        _local.context = None


def bind(layer, signature, args, kwargs):
    """The arguments of a call by name; TypeError names the layer."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"Layer '{layer.name}' ({type(layer).__name__}): {error}") from None


def training_by_name(layer, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Arguments of a call in which `training`, and what stands behind it, is given by name."""
    names = list(layer._call_signature.parameters)
    if "training" not in names[: len(args)]:
        return args, kwargs
    bind(layer, layer._call_signature, args, kwargs)
    position = names.index("training")
    return args[:position], {**kwargs, **dict(zip(names[position:], args[position:], strict=False))}


def remembering_shapes(build):
    """A layer's `build` that opens the layer's name scope, remembers the shapes, and marks the layer as built."""

    @functools.wraps(build)
    def wrapper(self, *args, **kwargs):
        with naming.name_scope(self.name, caller=self):
            self._settle_policy(naming.current_path())
            build(self, *args, **kwargs)
            self._path = self._path or naming.current_path()
        bound = inspect.signature(build).bind(self, *args, **kwargs)
        self._build_shapes = dict(list(bound.arguments.items())[1:])
        self.built = True

    return wrapper


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
