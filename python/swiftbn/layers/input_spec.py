"""What a layer expects of its input, checked before every call."""

from __future__ import annotations

import contextlib

from swiftbn import tree
from swiftbn.tensor import KerasTensor


class InputSpec:
    """Rank and extents that an input must have; None and absent entries are free.

    Args:
        shape: extents of all axes.
        ndim, min_ndim, max_ndim: the rank, or bounds of it.
        axes: extents by axis.
        dtype: name of the element type.
        built_shape: shape with which the layer was built, named in errors.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        *,
        name=None,
        built_shape=None,
    ):
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): extent for axis, extent in (axes or {}).items()}
        self.built_shape = None if built_shape is None else tuple(built_shape)
        self.name = name

    def mismatch(self, shape: tuple, dtype: str) -> str | None:
        """What is wrong with an input of this shape, None if nothing is."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"expected rank {self.ndim}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected rank at most {self.max_ndim}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected rank at least {self.min_ndim}"
        if self.dtype is not None and dtype != self.dtype:
            return f"expected dtype {self.dtype}, found dtype {dtype}"
        for axis, extent in self.axes.items():
            if extent is not None and shape[axis] not in (extent, None):
                return f"expected extent {extent} on axis {axis}"
        for axis, extent in enumerate(self.shape or ()):
            if extent is not None and shape[axis] not in (extent, None):
                return f"expected shape {self.shape}"
        return None


def origin(tensor) -> str:
    """ " from layer 'x'" for a tensor of the functional API, else nothing."""
    history = getattr(tensor, "_keras_history", None)
    return f" from layer '{history.operation.name}'" if history is not None else ""


def check_inputs(specs, inputs: list, layer) -> None:
    """Raises ValueError, naming the layer, the one before it and the shapes, for an input that does not fit."""
    specs = list(specs) if isinstance(specs, (list, tuple)) else [specs]
    what = f"layer '{layer.name}' ({type(layer).__name__})"
    if len(inputs) != len(specs):
        raise ValueError(f"{what} expects {len(specs)} input(s). Received: {len(inputs)}")
    for index, (spec, tensor) in enumerate(zip(specs, inputs, strict=False)):
        if spec is None:
            continue
        if not hasattr(tensor, "shape"):
            raise ValueError(f"{what} expects tensors. Received: {tensor!r} (of type {type(tensor).__name__})")
        problem = spec.mismatch(tuple(tensor.shape), str(tensor.dtype))
        if problem:
            built = f"; it was built for shape {spec.built_shape}" if spec.built_shape is not None else ""
            raise ValueError(
                f"Input {index} of {what} does not fit: {problem}{built}. "
                f"Received: shape {tuple(tensor.shape)}{origin(tensor)}"
            )


@contextlib.contextmanager
def naming_inputs(layer, arguments):
    """Errors inside say which layer cannot be called, on which shapes, and from which layers those come.

    Errors are left alone where there are no symbolic inputs, or where an inner layer has been named already.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        inputs = [x for x in tree.flatten(arguments) if isinstance(x, KerasTensor)]
        if not inputs or str(error).startswith("Layer '"):
            raise
        shapes = ", ".join(f"shape {x.shape}{origin(x)}" for x in inputs)
        text = f"Layer '{layer.name}' ({type(layer).__name__}) cannot be called on {shapes}: {error}"
        raise type(error)(text) from error
