"""Shapes: changing, joining, cutting, repeating tensors."""

from __future__ import annotations

import builtins

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axes, normalize_axis, promote, resolve, to_dtype

# "To the end" and "to before the beginning" of an axis, for the native slice.
_END = 2**62


def shape(x) -> tuple:
    """The extents of a tensor; None where unknown."""
    return tuple(x.shape) if hasattr(x, "shape") else resolve(x).shape


def ndim(x) -> int:
    """The number of axes of a tensor."""
    return len(shape(x))


def size(x):
    """The number of elements of a tensor, None if an extent is unknown."""
    count = 1
    for extent in shape(x):
        if extent is None:
            return None
        count *= extent
    return count


def _extents(name: str, value) -> tuple:
    items = value if isinstance(value, (list, tuple)) else (value,)
    extents = []
    for item in items:
        if item is None:
            item = -1
        if isinstance(item, bool) or not isinstance(item, (int, np.integer)):
            raise ValueError(f"{name}: expected extents to be integers. Received: {value!r}")
        extents.append(int(item))
    return tuple(extents)


@operation
def reshape(x, newshape):
    """The same elements, in the same order, in another shape; one extent may be -1 and is worked out."""
    return call("reshape", x, shape=_extents("reshape", newshape))[0]


@operation
def ravel(x):
    """The elements in one axis."""
    return call("reshape", x, shape=(-1,))[0]


@operation
def flatten(x, start_axis: int = 1):
    """The axes from `start_axis` on joined into one; the batch may be unknown."""
    return call("flatten", x, start_axis=start_axis)[0]


@operation
def expand_dims(x, axis):
    """A new axis of extent 1 at position `axis` (or several) of the result."""
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    x = resolve(x)
    rank = len(x.shape) + len(axes)
    for position in sorted(normalize_axis(a, rank, "expand_dims") for a in axes):
        x = call("expand_dims", x, axis=position)[0]
    return x


@operation
def squeeze(x, axis=None):
    """Without the axes given, whose extent must be 1; None: without all of extent 1."""
    x = resolve(x)
    if axis is None:
        axes = tuple(i for i, extent in enumerate(x.shape) if extent == 1)
    else:
        axes = normalize_axes(axis, len(x.shape), "squeeze")
    return call("squeeze", x, axes=axes)[0] if axes else x


@operation
def transpose(x, axes=None):
    """Axes in another order: axis i of the result is axis axes[i] of x; None reverses them."""
    x = resolve(x)
    rank = len(x.shape)
    order = tuple(reversed(range(rank))) if axes is None else normalize_axes(axes, rank, "transpose")
    if sorted(order) != list(range(rank)):
        raise ValueError(f"transpose: expected a permutation of {rank} axes. Received: axes={axes}")
    return call("transpose", x, axes=order)[0]


@operation
def swapaxes(x, axis1: int, axis2: int):
    """Two axes exchanged."""
    x = resolve(x)
    order = list(range(len(x.shape)))
    a, b = normalize_axis(axis1, len(order), "swapaxes"), normalize_axis(axis2, len(order), "swapaxes")
    order[a], order[b] = order[b], order[a]
    return call("transpose", x, axes=tuple(order))[0]


@operation
def moveaxis(x, source, destination):
    """Axes moved to other positions, the others kept in order."""
    x = resolve(x)
    rank = len(x.shape)
    sources = normalize_axes(source, rank, "moveaxis")
    targets = normalize_axes(destination, rank, "moveaxis")
    if len(sources) != len(targets):
        raise ValueError(f"moveaxis: expected as many sources as destinations. Received: {source}, {destination}")
    order = [axis for axis in range(rank) if axis not in sources]
    for target, origin in sorted(zip(targets, sources, strict=False)):
        order.insert(target, origin)
    return call("transpose", x, axes=tuple(order))[0]


@operation
def broadcast_to(x, shape):
    """x repeated to a shape by NumPy's broadcasting rules."""
    return call("broadcast_to", x, shape=_extents("broadcast_to", shape))[0]


@operation
def concatenate(xs, axis: int = 0):
    """Tensors joined along an axis; the other extents must agree."""
    if not isinstance(xs, (list, tuple)) or not xs:
        raise ValueError(f"concatenate: expected a nonempty list of tensors. Received: {xs!r}")
    values = promote(*xs)
    axis = normalize_axis(axis, len(values[0].shape), "concatenate")
    return call("concatenate", *values, axis=axis)[0]


@operation
def stack(x, axis: int = 0):
    """Tensors of one shape joined along a new axis."""
    if not isinstance(x, (list, tuple)) or not x:
        raise ValueError(f"stack: expected a nonempty list of tensors. Received: {x!r}")
    values = promote(*x)
    axis = normalize_axis(axis, len(values[0].shape) + 1, "stack")
    return call("concatenate", *(call("expand_dims", v, axis=axis)[0] for v in values), axis=axis)[0]


def _cut(x, axis: int, begin: int, end: int):
    rank = len(x.shape)
    begins, ends = [0] * rank, [_END] * rank
    begins[axis], ends[axis] = begin, end
    return call("slice", x, begin=begins, end=ends, strides=[1] * rank)[0]


@operation
def split(x, indices_or_sections, axis: int = 0):
    """A list of parts along an axis: a number of equal ones, or cut before each of several indices."""
    x = resolve(x)
    axis = normalize_axis(axis, len(x.shape), "split")
    extent = x.shape[axis]
    if extent is None:
        raise ValueError(f"split: expected a known extent on axis {axis}. Received: shape {x.shape}")
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if sections < 1 or extent % sections:
            raise ValueError(f"split: expected sections that divide {extent}. Received: {sections}")
        cuts = [extent // sections * i for i in range(1, sections)]
    else:
        cuts = [int(i) for i in indices_or_sections]
    bounds = [0, *cuts, extent]
    return [_cut(x, axis, a, b) for a, b in zip(bounds[:-1], bounds[1:], strict=False)]


@operation
def unstack(x, num: int | None = None, axis: int = 0):
    """A list of the tensor's parts along an axis, without that axis."""
    x = resolve(x)
    axis = normalize_axis(axis, len(x.shape), "unstack")
    count = x.shape[axis]
    if count is None or (num is not None and num != count):
        raise ValueError(f"unstack: expected extent {num} on axis {axis}. Received: shape {x.shape}")
    return [call("squeeze", _cut(x, axis, i, i + 1), axes=(axis,))[0] for i in range(count)]


@operation
def flip(x, axis=None):
    """Elements in reverse order along an axis, several, or (None) all."""
    x = resolve(x)
    return call("flip", x, axes=normalize_axes(axis, len(x.shape), "flip"))[0]


@operation
def pad(x, pad_width, mode: str = "constant", constant_values=None):
    """x with `pad_width` elements around it: a number, (before, after), or such a pair for each axis.

    Raises:
        ValueError: a mode other than "constant".
    """
    if mode != "constant":
        raise ValueError(f"pad: only mode='constant' is supported. Received: mode={mode!r}")
    x = resolve(x)
    rank = len(x.shape)
    if isinstance(pad_width, int):
        pad_width = (pad_width, pad_width)
    pairs = list(pad_width)
    if len(pairs) == 2 and builtins.all(isinstance(p, (int, np.integer)) for p in pairs):
        pairs = [pairs] * rank
    if len(pairs) != rank:
        raise ValueError(f"pad: expected {rank} pairs for shape {x.shape}. Received: pad_width={pad_width}")
    before, after = [int(p[0]) for p in pairs], [int(p[1]) for p in pairs]
    return call("pad", x, before=before, after=after, value=float(constant_values or 0))[0]


@operation
def take(x, indices, axis: int | None = None):
    """The parts of x at the indices along an axis (None: of the flattened tensor); negative ones count from the end."""
    x = resolve(x)
    if axis is None:
        x, axis = call("reshape", x, shape=(-1,))[0], 0
    axis = normalize_axis(axis, len(x.shape), "take")
    indices = resolve(indices)
    if dtype_of(indices) not in ("int32", "int64"):
        indices = to_dtype(indices, "int32")
    if isinstance(indices, np.ndarray) and indices.size and indices.min() < 0 and x.shape[axis] is not None:
        indices = np.where(indices < 0, indices + x.shape[axis], indices)
    return call("take", x, indices, axis=axis)[0]


@operation
def repeat(x, repeats: int, axis: int | None = None):
    """Each element `repeats` times in a row along an axis (None: of the flattened tensor)."""
    x = resolve(x)
    if isinstance(repeats, bool) or not isinstance(repeats, (int, np.integer)) or repeats < 0:
        raise ValueError(f"repeat: expected repeats to be an integer >= 0. Received: repeats={repeats!r}")
    if axis is None:
        x, axis = call("reshape", x, shape=(-1,))[0], 0
    axis = normalize_axis(axis, len(x.shape), "repeat")
    if x.shape[axis] is None:
        raise ValueError(f"repeat: expected a known extent on axis {axis}. Received: shape {x.shape}")
    return call("take", x, np.repeat(np.arange(x.shape[axis], dtype="int64"), repeats), axis=axis)[0]


@operation
def tile(x, repeats):
    """x laid side by side `repeats` times along each axis (the last axes if fewer are given)."""
    x = resolve(x)
    counts = list(_extents("tile", repeats))
    rank = builtins.max(len(x.shape), len(counts))
    for _ in range(rank - len(x.shape)):
        x = call("expand_dims", x, axis=0)[0]
    counts = [1] * (rank - len(counts)) + counts
    for axis, count in enumerate(counts):
        if count != 1:
            x = call("concatenate", *[x] * count, axis=axis)[0]
    return x
