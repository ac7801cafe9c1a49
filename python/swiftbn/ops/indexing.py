"""x[key]: what Python's indexing of a tensor means."""

from __future__ import annotations

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, resolve
from swiftbn.ops.shaping import _END, take


@operation
def getitem(x, key):
    """x[key] for integers, slices, None and Ellipsis; an array of integers picks along the first axis."""
    x = resolve(x)
    keys = key if isinstance(key, tuple) else (key,)
    if len(keys) == 1 and not isinstance(keys[0], (int, np.integer, slice, type(None), type(Ellipsis))):
        return take(x, keys[0], axis=0)
    used = sum(1 for k in keys if k is not None and k is not Ellipsis)
    if used > len(x.shape):
        raise IndexError(f"Expected at most {len(x.shape)} indices for shape {x.shape}. Received: {len(keys)}")
    if sum(1 for k in keys if k is Ellipsis) > 1:
        raise IndexError("Expected at most one Ellipsis among the indices")
    if Ellipsis not in keys:
        keys = (*keys, Ellipsis)
    begin, end, strides, drop, new = [], [], [], [], []
    position = 0
    for k in keys:
        axis = len(begin)
        if k is None:
            new.append(position)
            position += 1
        elif k is Ellipsis:
            for _ in range(len(x.shape) - used):
                begin, end, strides = [*begin, 0], [*end, _END], [*strides, 1]
                position += 1
        elif isinstance(k, (int, np.integer)) and not isinstance(k, bool):
            index = _index(int(k), x.shape[axis], axis)
            begin, end, strides = [*begin, index], [*end, index + 1], [*strides, 1]
            drop.append(axis)
        elif isinstance(k, slice):
            bounds = _slice_bounds(k, x.shape[axis])
            begin, end, strides = [*begin, bounds[0]], [*end, bounds[1]], [*strides, bounds[2]]
            position += 1
        else:
            raise IndexError(f"Expected integers, slices, None or Ellipsis as indices. Received: {k!r}")
    whole = all(b == 0 and e >= _END and s == 1 for b, e, s in zip(begin, end, strides, strict=False))
    if not whole:
        x = call("slice", x, begin=begin, end=end, strides=strides)[0]
    if drop:
        x = call("squeeze", x, axes=drop)[0]
    for axis in new:
        x = call("expand_dims", x, axis=axis)[0]
    return x


get_item = getitem


def _index(index: int, extent: int | None, axis: int) -> int:
    if extent is None:
        if index < 0:
            raise IndexError(f"Expected an index >= 0 on axis {axis} of unknown extent. Received: {index}")
        return index
    if not -extent <= index < extent:
        raise IndexError(f"Expected -{extent} <= index < {extent} on axis {axis}. Received: {index}")
    return index % extent


def _slice_bounds(key: slice, extent: int | None) -> tuple:
    if extent is not None:
        start, stop, step = key.indices(extent)
        return start, (-_END if step < 0 and stop < 0 else stop), step
    start, stop, step = key.start or 0, _END if key.stop is None else key.stop, key.step or 1
    if start < 0 or stop < 0 or step < 1:
        raise IndexError(f"Expected bounds counted from the front on an axis of unknown extent. Received: {key}")
    return start, stop, step
