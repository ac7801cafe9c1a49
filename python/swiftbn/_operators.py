"""Python's operators on tensors and variables."""

from __future__ import annotations

# Not its members: `swiftbn.ops` is loaded with the first operator that is used.
import swiftbn


class Operators:
    """Arithmetic, comparison and indexing for tensors and variables."""

    # NumPy arrays on the left leave the operation to the symbolic operand on the right.
    __array_priority__ = 1000

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int | None:
        """Number of elements, None when an extent is unknown."""
        count = 1
        for extent in self.shape:
            if extent is None:
                return None
            count *= extent
        return count

    def __neg__(self):
        return swiftbn.ops.negative(self)

    def __pos__(self):
        return self

    def __abs__(self):
        return swiftbn.ops.abs(self)

    def __invert__(self):
        return swiftbn.ops.logical_not(self)

    def __getitem__(self, key):
        return swiftbn.ops.getitem(self, key)


def _forward(name):
    return lambda self, other: getattr(swiftbn.ops, name)(self, other)


def _reflected(name):
    return lambda self, other: getattr(swiftbn.ops, name)(other, self)


for _operator, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}.items():
    setattr(Operators, f"__{_operator}__", _forward(_name))
    setattr(Operators, f"__r{_operator}__", _reflected(_name))

for _operator, _name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
    setattr(Operators, f"__{_operator}__", _forward(_name))


def equality(cls):
    """Gives a class `==` and `!=` element by element, and a hash by identity.

    A KerasTensor has none of it: it equals only itself, so that it can be looked up in lists of a model's inputs.
    """
    cls.__eq__ = _forward("equal")
    cls.__ne__ = _forward("not_equal")
    cls.__hash__ = lambda self: id(self)
    return cls
