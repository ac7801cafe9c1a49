"""Symbolic tensors: `Tensor`, a value inside a trace, and `KerasTensor`, an argument of the functional API."""

from __future__ import annotations

from swiftbn import naming
from swiftbn._operators import Operators, equality
from swiftbn.dtypes import standardize_dtype


class Symbolic(Operators):
    """A tensor without numbers: what asks for them says so."""

    # What to do in their place.
    _advice = ""

    def __hash__(self) -> int:
        return id(self)

    def _no_value(self, what: str):
        return TypeError(f"{what} needs numbers, but {self!r} is symbolic: {self._advice}")

    def __array__(self, *args, **kwargs):
        raise self._no_value("Conversion to a NumPy array")

    def __bool__(self):
        raise self._no_value("bool()")

    def __float__(self):
        raise self._no_value("float()")

    def __int__(self):
        raise self._no_value("int()")

    def numpy(self):
        raise self._no_value("numpy()")


@equality
class Tensor(Symbolic):
    """A value of a computation that is being described; it holds no numbers.

    Attributes:
        shape: tuple of extents, None where unknown.
        dtype: name of the element type.
    """

    __slots__ = ("_trace", "_index", "shape", "dtype", "_keras_mask")
    _advice = (
        "inside fit, a layer's call or a differentiated function use swiftbn.ops, and where()/multiplication instead "
        "of Python's if"
    )

    def __init__(self, trace, index: int):
        self._trace = trace
        self._index = index
        self.shape, self.dtype = trace.graph.type(index)
        # What layers know about which positions count; see `masking`.
        self._keras_mask = None

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape}, dtype={self.dtype}>"

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"{self!r} has no length")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))


class KerasTensor(Symbolic):
    """What `Input` and layers called on it return: shape and dtype, and which operation made it.

    Attributes:
        shape: tuple of extents, None where unknown.
        dtype: name of the element type.
        name: unique name.
    """

    _advice = "it can only be given to layers and swiftbn.ops"

    def __init__(self, shape, dtype: str = "float32", name: str | None = None):
        self.shape = tuple(shape)
        self.dtype = standardize_dtype(dtype)
        self.name = name or naming.auto_name("keras_tensor")
        # (operation, index of its node, index among the node's outputs)
        self._keras_history = None
        self._keras_mask = None

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __iter__(self):
        raise self._no_value("Iteration")


def is_symbolic(structure) -> bool:
    """Whether a KerasTensor is in (nested lists, tuples, dicts of) the arguments."""
    if isinstance(structure, KerasTensor):
        return True
    if isinstance(structure, (list, tuple)):
        return any(is_symbolic(item) for item in structure)
    if isinstance(structure, dict):
        return any(is_symbolic(item) for item in structure.values())
    return False
