"""Reading and writing at positions that are data: along an axis, in rows, in blocks, by segments."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.dtypes import is_float_dtype, to_host_array
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, resolve, to_dtype
from swiftbn.ops.elementwise import add, floor_divide, less, mod, multiply, where
from swiftbn.tensor import Tensor
from swiftbn.variable import Variable


def _positions(name: str, indices, extent: int):
    """int64 positions; negative ones count from the end."""
    indices = resolve(indices)
    if is_float_dtype(dtype_of(indices)) or dtype_of(indices) == "bool":
        raise TypeError(f"{name}: expected indices to be integers. Received: dtype {dtype_of(indices)}")
    indices = to_dtype(indices, "int64")
    if isinstance(indices, np.ndarray):
        return indices if not indices.size or indices.min() >= 0 else np.where(indices < 0, indices + extent, indices)
    return where(less(indices, 0), add(indices, extent), indices)


@operation
def take_along_axis(x, indices, axis: int | None = None):
    """x[.., indices[.., k, ..], ..] along an axis (None: of the flattened tensor); the other axes broadcast.

    Raises:
        ValueError: an index out of range.
    """
    x, indices = resolve(x), resolve(indices)
    if axis is None:
        x, axis = call("reshape", x, shape=(-1,))[0], 0
        indices = call("reshape", indices, shape=(-1,))[0]
    rank = len(x.shape)
    axis = normalize_axis(axis, rank, "take_along_axis")
    if len(indices.shape) != rank:
        raise ValueError(
            f"take_along_axis: expected indices of rank {rank} as x has. Received: shape {tuple(indices.shape)}"
        )
    picks = _positions("take_along_axis", indices, x.shape[axis])
    others = [a for a in range(rank) if a != axis]
    if any(x.shape[a] != picks.shape[a] for a in others):
        shape = list(np.broadcast_shapes(*(tuple(t.shape[a] for a in others) for t in (x, picks))))
        extents = [tuple(shape[:axis]) + (t.shape[axis],) + tuple(shape[axis:]) for t in (x, picks)]
        x, picks = (call("broadcast_to", t, shape=e)[0] for t, e in zip((x, picks), extents, strict=True))
    return call("take_along_axis", x, picks, axis=axis)[0]


def _scattered(x, rows, updates, kind: str):
    """Native `scatter`; dtypes that the core does not combine go through wider ones."""
    dtype = dtype_of(x)
    wide = {"bool": "int32", "uint8": "int32", "uint32": "int64"}.get(dtype, dtype)
    return to_dtype(call("scatter", to_dtype(x, wide), rows, to_dtype(updates, wide), kind=kind)[0], dtype)


def scatter_add(indices, values, length: int):
    """A vector of `length` sums of the values at each index."""
    values = resolve(values)
    return _scattered(np.zeros(length, dtype_of(values)), to_dtype(indices, "int64"), values, "add")


def _flat_rows(name: str, indices, shape: tuple):
    """Row numbers of multi-indices (.., k) in an array of shape (k extents.., rest..), and k."""
    indices = resolve(indices)
    depth = indices.shape[-1] if indices.shape else None
    if depth is None or depth > len(shape):
        raise ValueError(
            f"{name}: expected indices whose last axis numbers at most {len(shape)} axes of shape {shape}. "
            f"Received: indices of shape {tuple(indices.shape)}"
        )
    extents = shape[:depth]
    picks = _positions(name, indices, np.array(extents, "int64") if depth else np.array(0, "int64"))
    strides = np.array([math.prod(extents[i + 1 :]) for i in range(depth)], "int64")
    if isinstance(picks, np.ndarray):
        inside = (picks >= 0) & (picks < np.array(extents, "int64"))
        if not inside.all():
            raise ValueError(f"{name}: expected indices within shape {shape}. Received: {picks[~inside.all(-1)][0]}")
    elif depth > 1:
        from swiftbn.ops.elementwise import greater_equal, logical_and

        inside = logical_and(greater_equal(picks, 0), less(picks, np.array(extents, "int64")))
        message = f"{name}: an index is out of range for shape {shape}"
        inside = call("require", inside, message=message)[0]
    rows = None
    for axis in range(depth):
        part = call(
            "slice",
            picks,
            begin=[0] * (len(picks.shape) - 1) + [axis],
            end=[2**62] * (len(picks.shape) - 1) + [axis + 1],
            strides=[1] * len(picks.shape),
        )[0]
        part = multiply(part, int(strides[axis]))
        rows = part if rows is None else add(rows, part)
    count = math.prod(picks.shape[:-1])
    if rows is None:
        return np.zeros(count, "int64"), depth
    return call("reshape", rows, shape=(count,))[0], depth


_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


def _scatter(name: str, inputs, indices, updates, reduction):
    shape = tuple(inputs.shape)
    rows, depth = _flat_rows(name, indices, shape)
    whole = (math.prod(shape[:depth]), *shape[depth:])
    updates = call("reshape", updates, shape=(rows.shape[0], *shape[depth:]))[0]
    result = _scattered(call("reshape", inputs, shape=whole)[0], rows, updates, _REDUCTIONS[reduction])
    return call("reshape", result, shape=shape)[0]


@operation
def scatter(indices, values, shape):
    """Zeros of a shape with values added at indices, whose last axis holds the numbers of an element or a part.

    Raises:
        ValueError: an index out of range.
    """
    values = resolve(values)
    shape = tuple(int(extent) for extent in shape)
    return _scatter("scatter", np.zeros(shape, dtype_of(values)), indices, values, "add")


@operation
def scatter_update(inputs, indices, updates, reduction=None):
    """inputs with updates at indices, whose last axis holds the numbers of an element or a part.

    `reduction` None replaces (the last of several wins), "add", "max", "min" and "mul" combine.

    Raises:
        ValueError: an index out of range, or another `reduction`.
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"scatter_update: expected reduction to be None, 'add', 'max', 'min' or 'mul'. Received: {reduction=}"
        )
    inputs = resolve(inputs)
    updates = to_dtype(updates, dtype_of(inputs))
    return _scatter("scatter_update", inputs, indices, updates, reduction)


def _starts(name: str, start_indices, rank: int) -> list:
    """The starts, integers where they are known."""
    if isinstance(start_indices, (Tensor, Variable)):
        from swiftbn.ops.shaping import unstack

        starts = unstack(start_indices)
    else:
        starts = list(start_indices)
    if len(starts) != rank:
        raise ValueError(f"{name}: expected {rank} start_indices. Received: {len(starts)}")
    return [s if isinstance(s, (Tensor, Variable)) else int(to_host_array(s)) for s in starts]


@operation
def slice(inputs, start_indices, shape):
    """The block of a shape that begins at `start_indices`, which may be tensors.

    Raises:
        ValueError: a block that does not lie inside.
    """
    x, extents = resolve(inputs), [int(extent) for extent in shape]
    starts = _starts("slice", start_indices, len(x.shape))
    known = [isinstance(s, int) for s in starts]
    for axis, (start, extent) in enumerate(zip(starts, extents, strict=True)):
        if known[axis] and (start < 0 or extent < 0 or start + extent > x.shape[axis]):
            raise ValueError(
                f"slice: expected a block inside shape {tuple(x.shape)}. "
                f"Received: start_indices={starts}, shape={tuple(extents)}"
            )
    begin = [s if k else 0 for s, k in zip(starts, known, strict=True)]
    end = [s + e if k else 2**62 for s, e, k in zip(starts, extents, known, strict=True)]
    x = call("slice", x, begin=begin, end=end, strides=[1] * len(begin))[0]
    for axis, (start, extent) in enumerate(zip(starts, extents, strict=True)):
        if not known[axis]:
            x = call("take", x, add(to_dtype(start, "int64"), np.arange(extent, dtype="int64")), axis=axis)[0]
    return x


@operation
def slice_update(inputs, start_indices, updates):
    """inputs with the block that begins at `start_indices`, which may be tensors, replaced by updates.

    Raises:
        ValueError: a block that does not lie inside.
    """
    x = resolve(inputs)
    updates = to_dtype(updates, dtype_of(x))
    starts = _starts("slice_update", start_indices, len(x.shape))
    grids = np.indices(tuple(updates.shape), "int64")
    picks = [
        add(grid, start if isinstance(start, int) else to_dtype(start, "int64"))
        for grid, start in zip(grids, starts, strict=True)
    ]
    from swiftbn.ops.shaping import stack

    if not picks:
        return updates
    return _scatter("slice_update", x, stack(picks, axis=-1), updates, None)


def _segments(name: str, kind: str, empty, summary: str):
    def function(data, segment_ids, num_segments: int | None = None, sorted: bool = False):
        data, ids = resolve(data), resolve(segment_ids)
        if len(ids.shape) != 1:
            raise ValueError(f"{name}: expected segment_ids of one axis. Received: shape {tuple(ids.shape)}")
        if num_segments is None:
            if isinstance(ids, Tensor):
                raise ValueError(
                    f"{name}: without num_segments the number of segments depends on segment_ids, and inside fit, a "
                    "layer's call or a differentiated function shapes must not. Received: num_segments=None"
                )
            from swiftbn.ops.reduction import max

            num_segments = int(max(ids)) + 1 if ids.size else 0
        dtype = dtype_of(data)
        first = empty(dtype) if callable(empty) else empty
        start = np.full((int(num_segments), *data.shape[1:]), first, dtype)
        return _scattered(start, to_dtype(ids, "int64"), data, kind)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary} of the rows of data with the same number in `segment_ids`.

    `sorted` (whether the ids ascend) changes nothing. Empty segments get what an empty {name[8:]} is.

    Raises:
        ValueError: an id outside 0 … num_segments - 1; or `num_segments` missing where the ids are symbolic.
    """
    return operation(function)


def _lowest(dtype: str):
    return -np.inf if is_float_dtype(dtype) else (0 if dtype == "bool" else np.iinfo(dtype).min)


def _highest(dtype: str):
    return np.inf if is_float_dtype(dtype) else (1 if dtype == "bool" else np.iinfo(dtype).max)


segment_sum = _segments("segment_sum", "add", 0, "Sums")
segment_prod = _segments("segment_prod", "multiply", 1, "Products")
segment_max = _segments("segment_max", "max", _lowest, "Largest elements")
segment_min = _segments("segment_min", "min", _highest, "Smallest elements")


@operation
def unravel_index(indices, shape):
    """A tuple of the numbers along each axis of elements that are numbered row by row in a shape."""
    shape = tuple(int(extent) for extent in shape)
    rest = _positions("unravel_index", indices, math.prod(shape))
    dtype = dtype_of(resolve(indices))
    found = []
    for extent in reversed(shape):
        found.append(to_dtype(mod(rest, extent), dtype))
        rest = floor_divide(rest, extent)
    return tuple(reversed(found))
