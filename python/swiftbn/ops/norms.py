"""Norms of vectors and matrices."""

from __future__ import annotations

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axes, to_dtype, to_float
from swiftbn.ops.elementwise import abs as absolute
from swiftbn.ops.elementwise import not_equal, power, sqrt, square
from swiftbn.ops.factorizations import svd
from swiftbn.ops.reduction import _reduce
from swiftbn.ops.shaping import expand_dims, moveaxis

_INF = float("inf")


@operation
def norm(x, ord=None, axis=None, keepdims: bool = False):
    """Norms of vectors (one axis) or of matrices (two axes: rows, columns).

    | ord | vectors | matrices |
    |---|---|---|
    | None | √Σx² | √Σx² |
    | "fro" | – | √Σx² |
    | "nuc" | – | sum of the singular values |
    | inf, -inf | largest, smallest of abs(x) | of the sums of abs(x) over a row |
    | 1, -1 | Σ abs(x)^ord ^ (1/ord) | of the sums of abs(x) over a column |
    | 2, -2 | Σ abs(x)^ord ^ (1/ord) | largest, smallest singular value |
    | 0 | how many elements are not 0 | – |
    | another number | Σ abs(x)^ord ^ (1/ord) | – |

    Args:
        x: tensor.
        ord: which norm.
        axis: an integer, or two; None: all axes, which have to be one or two except for `ord` None.
        keepdims: whether the axes stay with extent 1.

    Raises:
        ValueError: more than two axes, or an `ord` that the number of axes does not have.
    """
    x = to_float(x)
    axes = normalize_axes(axis, len(x.shape), "norm")
    if ord is None and (axis is None or 1 <= len(axes) <= 2):
        return sqrt(_reduce("sum", square(x), axes, keepdims))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: expected one or two axes. Received: axis={axis}, ord={ord!r}, shape {tuple(x.shape)}")


def _vector_norm(x, ord, axes: tuple, keepdims: bool):
    if isinstance(ord, str):
        raise ValueError(f"norm: expected ord to be a number for vectors. Received: ord={ord!r}")
    if ord == 2:
        return sqrt(_reduce("sum", square(x), axes, keepdims))
    if ord in (_INF, -_INF):
        return _reduce("max" if ord > 0 else "min", absolute(x), axes, keepdims)
    if ord == 0:
        return _reduce("sum", to_dtype(not_equal(x, 0), dtype_of(x)), axes, keepdims)
    if ord == 1:
        return _reduce("sum", absolute(x), axes, keepdims)
    return power(_reduce("sum", power(absolute(x), ord), axes, keepdims), 1.0 / ord)


def _matrix_norm(x, ord, axes: tuple, keepdims: bool):
    rows, columns = axes
    if ord == "fro":
        return sqrt(_reduce("sum", square(x), axes, keepdims))
    if ord in ("nuc", 2, -2):
        s = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        result = _reduce({"nuc": "sum", 2: "max", -2: "min"}[ord], s, -1, False)
        return expand_dims(result, axes) if keepdims else result
    if ord not in (1, -1, _INF, -_INF):
        raise ValueError(f"norm: expected ord to be None, 'fro', 'nuc', ±1, ±2 or ±inf. Received: ord={ord!r}")
    over, then = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = _reduce("sum", absolute(x), over, True)
    result = _reduce("max" if ord > 0 else "min", sums, then, True)
    return result if keepdims else call("squeeze", result, axes=axes)[0]
