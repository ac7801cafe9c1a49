"""Checks of the arguments of the functional normalizations: each error names the call, the argument and both values."""

from __future__ import annotations

import math

import numpy as np


def array(call: str, name: str, value) -> np.ndarray:
    """The value as an array of float32 or float64 in C order.

    Raises:
        TypeError: it is no array, or one of another dtype.
    """
    if not isinstance(value, np.ndarray) and not hasattr(value, "__array__"):
        raise TypeError(f"{call}: {name} is {type(value).__name__}, expected an array of numbers")
    value = np.asarray(value, order="C")
    if value.dtype not in (np.float32, np.float64) or not value.dtype.isnative:
        dtype = value.dtype.name if value.dtype.isnative else value.dtype.str
        raise TypeError(f"{call}: {name} has dtype {dtype}, expected float32 or float64")
    return value


def source(call: str, x, rank: int) -> np.ndarray:
    """x as an array that is not empty and has at least so many axes."""
    x = array(call, "x", x)
    if x.ndim < rank:
        raise ValueError(f"{call}: x has shape {x.shape}, expected rank >= {rank}")
    if x.size == 0:
        raise ValueError(f"{call}: x has shape {x.shape}, expected at least one value")
    return x


def like(call: str, name: str, value, x: np.ndarray, shape: tuple, meaning: str) -> np.ndarray:
    """The value as an array in C order of the dtype of x and of a shape, whose meaning the error tells."""
    if not isinstance(value, np.ndarray) and not hasattr(value, "__array__"):
        raise TypeError(f"{call}: {name} is {type(value).__name__}, expected an array of numbers")
    value = np.asarray(value, order="C")
    if value.dtype != x.dtype:
        raise TypeError(f"{call}: {name} has dtype {value.dtype.name}, expected {x.dtype.name} as x has")
    if value.shape != shape:
        raise ValueError(f"{call}: {name} has shape {value.shape}, expected {shape}{meaning}")
    return value


def parameter(call: str, name: str, value, x: np.ndarray, axes: tuple) -> np.ndarray | None:
    """gamma or beta in the shape in which it meets x, or None."""
    if value is None:
        return None
    extents = tuple(x.shape[a] for a in axes)
    which = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
    value = like(call, name, value, x, extents, f", the extents of x on {which}")
    return value.reshape([extent if i in axes else 1 for i, extent in enumerate(x.shape)])


def integer(call: str, name: str, value, expected: str = "int") -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{call}: {name} is {type(value).__name__}, expected {expected}")
    return int(value)


def in_range(call: str, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"{call}: axis {axis} is out of range for rank {rank}, expected {-rank} <= axis < {rank}")
    return axis % rank


def axes(call: str, axis, rank: int) -> tuple:
    """One or several axes, counted from the front, in ascending order."""
    expected = "int or a tuple of int"
    if isinstance(axis, (list, tuple)):
        if not axis:
            raise ValueError(f"{call}: axis is {axis}, expected at least one axis")
        found = [in_range(call, integer(call, "axis", a, expected), rank) for a in axis]
        if len(set(found)) != len(found):
            raise ValueError(f"{call}: axis is {axis}, expected different axes of rank {rank}")
        return tuple(sorted(found))
    return (in_range(call, integer(call, "axis", axis, expected), rank),)


def channel_axis(call: str, axis, rank: int) -> int:
    """An axis behind that of the samples, counted from the front."""
    found = in_range(call, integer(call, "axis", axis), rank)
    if found == 0:
        raise ValueError(f"{call}: axis {axis} is that of the samples for rank {rank}, expected one behind it")
    return found


def group_count(call: str, groups, channels: int) -> int:
    groups = integer(call, "groups", groups)
    if groups < 1 or channels % groups:
        raise ValueError(f"{call}: groups is {groups}, expected a divisor >= 1 of the {channels} channels")
    return groups


def positive(call: str, epsilon) -> float:
    """epsilon as a float that is finite and > 0."""
    good = isinstance(epsilon, (int, float, np.integer, np.floating)) and not isinstance(epsilon, bool)
    if not good:
        raise TypeError(f"{call}: epsilon is {type(epsilon).__name__}, expected a number")
    epsilon = float(epsilon)
    if not math.isfinite(epsilon) or epsilon <= 0:
        raise ValueError(f"{call}: epsilon is {epsilon}, expected a finite number > 0")
    return epsilon
