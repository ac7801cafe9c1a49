"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, promote, to_dtype
from swiftbn.ops.elementwise import multiply


def _product(a, b, **transposes):
    dtype = dtype_of(a)
    if is_float_dtype(dtype):
        return call("matmul", a, b, **transposes)[0]
    result = call("matmul", to_dtype(a, "float64"), to_dtype(b, "float64"), **transposes)[0]
    return to_dtype(result, "int32" if dtype == "bool" else dtype)


@operation
def matmul(x1, x2):
    """Matrix product over the last two axes; leading axes broadcast, a vector counts as a row (x1) or column (x2)."""
    a, b = promote(x1, x2)
    if not a.shape or not b.shape:
        raise ValueError(f"matmul: expected rank >= 1. Received: shapes {tuple(a.shape)} and {tuple(b.shape)}")
    row, column = len(a.shape) == 1, len(b.shape) == 1
    if row:
        a = call("expand_dims", a, axis=0)[0]
    if column:
        b = call("expand_dims", b, axis=1)[0]
    result = _product(a, b)
    rank = len(result.shape)
    dropped = [axis for axis, is_vector in ((rank - 2, row), (rank - 1, column)) if is_vector]
    return call("squeeze", result, axes=dropped)[0] if dropped else result


@operation
def dot(x1, x2):
    """Sum product over the last axis of x1 and the last but one of x2 (the only one of a vector)."""
    a, b = promote(x1, x2)
    if not a.shape or not b.shape:
        return multiply(a, b)
    if len(b.shape) <= 2:
        return _fold_matmul(a, b)
    return tensordot(a, b, axes=([len(a.shape) - 1], [len(b.shape) - 2]))


def _fold_matmul(a, b):
    # (…, K)·(K, N) as one product of matrices rather than many.
    if len(a.shape) <= 2 or len(b.shape) != 2:
        return matmul(a, b)
    flat = call("reshape", a, shape=(-1, a.shape[-1]))[0]
    leading = a.shape[:-1]
    if sum(extent is None for extent in leading) > 1:
        return matmul(a, b)
    shape = tuple(-1 if extent is None else extent for extent in leading) + (b.shape[-1],)
    return call("reshape", _product(flat, b), shape=shape)[0]


@operation
def tensordot(x1, x2, axes=2):
    """Sum product over several axes: the last `axes` of x1 with the first of x2, or two lists of axes."""
    a, b = promote(x1, x2)
    rank_a, rank_b = len(a.shape), len(b.shape)
    if isinstance(axes, int):
        over_a, over_b = list(range(rank_a - axes, rank_a)), list(range(axes))
    else:
        over_a, over_b = ([part] if isinstance(part, int) else list(part) for part in axes)
    over_a = [normalize_axis(axis, rank_a, "tensordot") for axis in over_a]
    over_b = [normalize_axis(axis, rank_b, "tensordot") for axis in over_b]
    free_a = [axis for axis in range(rank_a) if axis not in over_a]
    free_b = [axis for axis in range(rank_b) if axis not in over_b]
    inner = [a.shape[axis] for axis in over_a]
    if inner != [b.shape[axis] for axis in over_b] or None in inner:
        raise ValueError(f"tensordot: axes {axes} do not fit shapes {tuple(a.shape)} and {tuple(b.shape)}")
    outer = [a.shape[axis] for axis in free_a] + [b.shape[axis] for axis in free_b]
    count = 1
    for extent in inner:
        count *= extent
    left = call("reshape", call("transpose", a, axes=free_a + over_a)[0], shape=(-1, count))[0]
    right = call("reshape", call("transpose", b, axes=over_b + free_b)[0], shape=(count, -1))[0]
    shape = tuple(-1 if extent is None else extent for extent in outer)
    return call("reshape", _product(left, right), shape=shape)[0]


@operation
def outer(x1, x2):
    """All products of elements of x1 (rows) and x2 (columns), both flattened."""
    a, b = promote(x1, x2)
    return multiply(call("reshape", a, shape=(-1, 1))[0], call("reshape", b, shape=(1, -1))[0])


@operation
def vdot(x1, x2):
    """Sum of products of the flattened tensors."""
    a, b = promote(x1, x2)
    return matmul(call("reshape", a, shape=(-1,))[0], call("reshape", b, shape=(-1,))[0])
