"""Normalizing over any axes with the batch normalization kernels: the places of the other axes are their channels."""

from __future__ import annotations

import math

import numpy as np

from swiftbn._load import load

_native = load()


def run(operation: str, *arrays, **attributes) -> np.ndarray:
    """A native operation on arrays in C order of one dtype: what `swiftbn.ops` does, without its time for looking."""
    return _native.execute(operation, arrays, attributes)[0]


class Arrangement:
    """How arrays of a shape become matrices whose one axis is reduced and whose other one is kept.

    Args:
        shape: the extents.
        reduced: the axes over which is normalized, in ascending order.
    """

    def __init__(self, shape: tuple, reduced: tuple):
        kept = tuple(i for i in range(len(shape)) if i not in reduced)
        self.kept_first = kept == tuple(range(len(kept)))
        self.order = kept + reduced if self.kept_first else reduced + kept
        self.moves = self.order != tuple(range(len(shape)))
        self.moved = tuple(shape[i] for i in self.order)
        self.statistics = tuple(shape[i] for i in kept)
        self.wide = tuple(1 if i in reduced else extent for i, extent in enumerate(shape))
        self.reduced = reduced
        self.axis = 0 if self.kept_first else 1
        rows, columns = math.prod(self.statistics), math.prod(shape[i] for i in reduced)
        self.matrix = (rows, columns) if self.kept_first else (columns, rows)

    def to_matrix(self, x):
        return (run("transpose", x, axes=self.order) if self.moves else x).reshape(self.matrix)

    def from_matrix(self, x):
        x = x.reshape(self.moved)
        return run("transpose", x, axes=tuple(int(i) for i in np.argsort(self.order))) if self.moves else x

    def standardize(self, x, epsilon: float) -> tuple:
        """((x - mean)·inv_std, mean, inv_std)."""
        y, mean, inv_std = _native.batch_norm(self.to_matrix(x), None, None, self.axis, epsilon, None, True)
        return self.from_matrix(y), mean.reshape(self.statistics), inv_std.reshape(self.statistics)

    def center(self, x, mean):
        """x less its mean, also less what rounding left of it: exact for means far from 0."""
        centered = run("subtract", x, mean.reshape(self.wide))
        return run("subtract", centered, run("mean", centered, axes=self.reduced, keepdims=True))

    def standardize_backward(self, dy, centered, inv_std):
        """The gradient of `standardize` with respect to x, from what `center` returned."""
        inv_std = inv_std.reshape(-1)
        matrices = (self.to_matrix(dy), self.to_matrix(centered))
        mean = np.zeros_like(inv_std)
        dx = _native.batch_norm_backward(*matrices, None, mean, inv_std, self.axis, None, True)[0]
        return self.from_matrix(dx)

    def scale(self, centered, inv_std):
        """centered·inv_std."""
        return run("multiply", centered, inv_std.reshape(self.wide))


def affine(x, gamma, beta):
    """gamma·x + beta, where they are not None."""
    if gamma is not None:
        x = run("multiply", x, gamma)
    return x if beta is None else run("add", x, beta)


def sum_to(x, axes: tuple):
    """The sum over all axes but these."""
    others = tuple(i for i in range(x.ndim) if i not in axes)
    return run("sum", x, axes=others, keepdims=False) if others else x.copy()


def other_extents(x, axes: tuple) -> tuple:
    """The extents of x on all axes but these."""
    return tuple(extent for i, extent in enumerate(x.shape) if i not in axes)
