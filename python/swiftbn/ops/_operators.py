"""Python's operators on tensors and variables."""

from __future__ import annotations

from swiftbn.ops import elementwise as e
from swiftbn.ops.indexing import getitem
from swiftbn.ops.linear import matmul
from swiftbn.tensor import Operators, Tensor
from swiftbn.variable import Variable


def _forward(function):
    return lambda self, other: function(self, other)


def _reflected(function):
    return lambda self, other: function(other, self)


for _name, _function in {
    "add": e.add,
    "sub": e.subtract,
    "mul": e.multiply,
    "truediv": e.divide,
    "floordiv": e.floor_divide,
    "mod": e.mod,
    "pow": e.power,
    "matmul": matmul,
    "and": e.logical_and,
    "or": e.logical_or,
    "xor": e.logical_xor,
}.items():
    setattr(Operators, f"__{_name}__", _forward(_function))
    setattr(Operators, f"__r{_name}__", _reflected(_function))

for _name, _function in {"lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal}.items():
    setattr(Operators, f"__{_name}__", _forward(_function))

Operators.__neg__ = lambda self: e.negative(self)
Operators.__pos__ = lambda self: self
Operators.__abs__ = lambda self: e.abs(self)
Operators.__invert__ = lambda self: e.logical_not(self)
Operators.__getitem__ = lambda self, key: getitem(self, key)

# A KerasTensor equals only itself, so that it can be looked up in lists of a model's inputs.
for _kind in (Tensor, Variable):
    _kind.__eq__ = _forward(e.equal)
    _kind.__ne__ = _forward(e.not_equal)
    _kind.__hash__ = lambda self: id(self)
