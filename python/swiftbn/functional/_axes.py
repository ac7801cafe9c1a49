"""Several channel axes as one: arrays seen with those axes merged, results brought back."""

from __future__ import annotations

import math

import numpy as np


class MergedAxes:
    """How arrays like `x` are seen as (others…, C), with C running over all combinations of positions on `axes`.

    The view copies nothing where the memory order allows.

    Raises:
        ValueError: axes that are out of range or named twice.
    """

    def __init__(self, name: str, x, axes: tuple, *, out, copy):
        if out is not None or not copy:
            raise ValueError(f"{name}: out and copy=False go with a single axis. Received: axis={axes}")
        if not isinstance(x, np.ndarray):
            raise TypeError(f"{name}: x is {type(x).__name__}, expected an array")
        rank = x.ndim
        for axis in axes:
            if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or not -rank <= axis < rank:
                raise ValueError(f"{name}: expected -{rank} <= axis < {rank} for each axis. Received: axis={axes}")
        channels = [int(axis) % rank for axis in axes]
        if len(set(channels)) < len(channels) or not channels:
            raise ValueError(f"{name}: expected different axes, at least one. Received: axis={axes}")
        self.name = name
        self.order = [axis for axis in range(rank) if axis not in channels] + channels
        self.shape = x.shape
        self.extents = tuple(x.shape[axis] for axis in channels)
        self.moved = tuple(x.shape[axis] for axis in self.order)

    def data(self, x, argument: str):
        """An array like x as a matrix."""
        if np.shape(x) != self.shape:
            raise ValueError(f"{self.name}: {argument} has shape {np.shape(x)}, expected {self.shape} as x has")
        return np.transpose(x, self.order).reshape(-1, math.prod(self.extents))

    def parameter(self, value, argument: str):
        """A parameter of the extents of the axes as (C,)."""
        if value is None:
            return None
        if np.shape(value) != self.extents:
            raise ValueError(f"{self.name}: {argument} has shape {np.shape(value)}, expected {self.extents}")
        return np.asarray(value).reshape(-1)

    def restored(self, y):
        return np.ascontiguousarray(np.transpose(y.reshape(self.moved), np.argsort(self.order)))

    def statistics(self, value):
        return value.reshape(self.extents)
