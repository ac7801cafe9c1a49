"""Joining, cutting, turning and shifting tensors, with NumPy's short names."""

from __future__ import annotations

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, normalize_axes, normalize_axis, resolve
from swiftbn.ops.shaping import _END, _cut, concatenate, flip, stack, swapaxes


def _at_least(x, rank: int):
    x = resolve(x)
    if rank >= 1 and not x.shape:
        x = call("reshape", x, shape=(1,))[0]
    if rank >= 2 and len(x.shape) == 1:
        x = call("expand_dims", x, axis=0)[0]
    if rank >= 3 and len(x.shape) == 2:
        x = call("expand_dims", x, axis=2)[0]
    return x


def _items(name: str, xs) -> list:
    if not isinstance(xs, (list, tuple)):
        return [resolve(xs)[i] for i in range(resolve(xs).shape[0])]
    if not xs:
        raise ValueError(f"{name}: expected a nonempty list of tensors. Received: {xs!r}")
    return list(xs)


@operation
def hstack(xs):
    """Tensors joined along axis 1, vectors along axis 0."""
    values = [_at_least(x, 1) for x in _items("hstack", xs)]
    return concatenate(values, axis=0 if len(values[0].shape) == 1 else 1)


@operation
def vstack(xs):
    """Tensors joined along axis 0, vectors as rows."""
    return concatenate([_at_least(x, 2) for x in _items("vstack", xs)], axis=0)


@operation
def dstack(xs):
    """Tensors joined along axis 2; vectors and matrices get one of extent 1."""
    return concatenate([_at_least(x, 3) for x in _items("dstack", xs)], axis=2)


@operation
def append(x1, x2, axis: int | None = None):
    """x2 behind x1 along an axis (None: both flattened)."""
    if axis is None:
        x1, x2 = (call("reshape", resolve(x), shape=(-1,))[0] for x in (x1, x2))
    return concatenate([x1, x2], axis=0 if axis is None else axis)


@operation
def array_split(x, indices_or_sections, axis: int = 0):
    """A list of parts along an axis: a number of them as equal as can be, or cut before each of several indices."""
    x = resolve(x)
    axis = normalize_axis(axis, len(x.shape), "array_split")
    extent = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if sections < 1:
            raise ValueError(f"array_split: expected at least 1 section. Received: {sections}")
        size, longer = divmod(extent, sections)
        bounds = [0]
        for index in range(sections):
            bounds.append(bounds[-1] + size + (index < longer))
    else:
        bounds = [0, *(int(i) for i in indices_or_sections), extent]
    return [_cut(x, axis, a, b) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _split_along(name: str, which: str, axis_of):
    def function(x, indices_or_sections):
        from swiftbn.ops.shaping import split

        x = resolve(x)
        return split(x, indices_or_sections, axis_of(name, len(x.shape)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`split` along {which}."
    return operation(function)


def _needs(rank: int, axis: int):
    def axis_of(name: str, ndim: int) -> int:
        if ndim < rank:
            raise ValueError(f"{name}: expected a tensor of at least {rank} axes. Received: {ndim}")
        return axis

    return axis_of


hsplit = _split_along(
    "hsplit", "axis 1, of vectors along axis 0", lambda name, ndim: _needs(1, min(ndim - 1, 1))(name, ndim)
)
vsplit = _split_along("vsplit", "axis 0", _needs(2, 0))
dsplit = _split_along("dsplit", "axis 2", _needs(3, 2))


@operation
def fliplr(x):
    """Axis 1 in reverse order."""
    return flip(x, axis=1)


@operation
def flipud(x):
    """Axis 0 in reverse order."""
    return flip(x, axis=0)


@operation
def roll(x, shift, axis=None):
    """x shifted along axes (None: the flattened tensor); what leaves at the end comes in at the beginning."""
    x = resolve(x)
    if axis is None:
        flat = roll(call("reshape", x, shape=(-1,))[0], shift, 0)
        return call("reshape", flat, shape=tuple(x.shape))[0]
    shifts = list(shift) if isinstance(shift, (list, tuple, np.ndarray)) else [shift]
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if len(shifts) != len(axes) and 1 not in (len(shifts), len(axes)):
        raise ValueError(f"roll: expected one shift for each axis. Received: shift={shift}, axis={axis}")
    count = max(len(shifts), len(axes))
    shifts, axes = (v * count if len(v) == 1 else v for v in (shifts, axes))
    for amount, along in zip(shifts, axes, strict=True):
        along = normalize_axis(along, len(x.shape), "roll")
        cut = -int(amount) % x.shape[along] if x.shape[along] else 0
        if cut:
            x = call("concatenate", _cut(x, along, cut, _END), _cut(x, along, 0, cut), axis=along)[0]
    return x


@operation
def rot90(array, k: int = 1, axes=(0, 1)):
    """A tensor turned by k quarters in the plane of two axes, from the first towards the second."""
    array = resolve(array)
    if len(array.shape) < 2 or len(axes) != 2:
        raise ValueError(f"rot90: expected at least 2 axes, and two of them. Received: shape {array.shape}, {axes=}")
    a, b = normalize_axes(tuple(axes), len(array.shape), "rot90")
    k = int(k) % 4
    if k == 2:
        return flip(flip(array, a), b)
    if k == 1:
        return swapaxes(flip(array, b), a, b)
    return flip(swapaxes(array, a, b), b) if k else array


@operation
def meshgrid(*x, indexing: str = "xy"):
    """Coordinates of a grid: for each vector a tensor of it along its own axis, repeated along the others."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: expected indexing to be 'xy' or 'ij'. Received: indexing={indexing!r}")
    vectors = [call("reshape", resolve(v), shape=(-1,))[0] for v in x]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    shape = [0] * len(vectors)
    for vector, axis in zip(vectors, order, strict=True):
        shape[axis] = vector.shape[0]
    grids = []
    for vector, axis in zip(vectors, order, strict=True):
        own = [-1 if a == axis else 1 for a in range(len(shape))]
        grids.append(call("broadcast_to", call("reshape", vector, shape=tuple(own))[0], shape=tuple(shape))[0])
    return grids


@operation
def select(condlist, choicelist, default=0):
    """From the first choice whose condition is true, element by element; the default where none is."""
    from swiftbn.ops.elementwise import where

    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: expected as many conditions as choices. Received: {len(condlist)} and {len(choicelist)}"
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


@operation
def vander(x, N: int | None = None, increasing: bool = False):
    """Rows of powers of each element: x^(N-1) … 1, or 1 … x^(N-1) if `increasing`."""
    from swiftbn.ops.elementwise import multiply

    x = resolve(x)
    count = x.shape[0] if N is None else int(N)
    powers = [multiply(x, 0) + 1] if count else []
    while len(powers) < count:
        powers.append(multiply(powers[-1], x))
    if not powers:
        return call("reshape", _cut(x, 0, 0, 0), shape=(x.shape[0], 0))[0]
    return stack(powers if increasing else powers[::-1], axis=-1)
