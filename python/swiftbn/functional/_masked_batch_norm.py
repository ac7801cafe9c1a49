"""Batch normalization by the statistics of some of the elements: `batch_norm` and its backward form with a mask."""

from __future__ import annotations

import numpy as np

from swiftbn.functional import _arguments as check
from swiftbn.functional._axes import MergedAxes
from swiftbn.functional._statistics import affine, run


def forward(x, gamma, beta, mask, axis, epsilon, out, copy):
    """`batch_norm` of a mask that is not None."""
    view = _View("batch_norm", x, mask, axis, out, copy)
    epsilon = check.positive("batch_norm", epsilon)
    gamma, beta = view.parameter("gamma", gamma), view.parameter("beta", beta)
    mean = view.mean(view.x)
    centered = run("subtract", view.x, mean)
    centered = run("subtract", centered, view.mean(centered))
    variance = view.mean(run("multiply", centered, centered))
    inv_std = run("rsqrt", run("add", variance, np.asarray(epsilon, view.x.dtype)))
    y = affine(run("multiply", centered, inv_std), gamma, beta)
    return view.restored(y, out), view.statistics(mean), view.statistics(inv_std)


def backward(dy, x, gamma, mean, inv_std, mask, axis, out, copy):
    """`batch_norm_backward` of a mask that is not None."""
    view = _View("batch_norm_backward", x, mask, axis, out, copy)
    dy = view.gradient(dy)
    gamma, mean, inv_std = (view.parameter(n, v) for n, v in (("gamma", gamma), ("mean", mean), ("inv_std", inv_std)))
    centered = run("subtract", view.x, mean)
    centered = run("subtract", centered, view.mean(centered))
    # Padding that has no gradient has no part in anything, even if it is NaN.
    zero = np.zeros((), view.x.dtype)
    centered = run("where", run("logical_or", view.mask, run("not_equal", dy, zero)), centered, zero)
    normalized = run("multiply", centered, inv_std)
    dbeta, dgamma = view.sum(dy), view.sum(run("multiply", dy, normalized))
    # What goes through the statistics reaches the elements that they were taken over.
    shared = run("add", dbeta, run("multiply", normalized, dgamma))
    shared = run("where", view.mask, run("divide", shared, view.count), zero)
    dx = run("multiply", affine(inv_std, gamma, None), run("subtract", dy, shared))
    return view.restored(dx, out), view.statistics(dgamma), view.statistics(dbeta)


class _View:
    """x and its mask, in the shape in which they are computed with; channels on several axes are one there.

    Args:
        mask: truth values that meet x as `batch_norm` says.

    Raises:
        TypeError, ValueError: as `batch_norm`.
    """

    def __init__(self, call, x, mask, axis, out, copy):
        self.call = call
        if not copy:
            raise ValueError(f"{call}: copy=False does not go with a mask, which needs memory of its own")
        source = check.source(call, x, 2)
        self._merged = MergedAxes(call, source, axis, out=out, copy=copy) if type(axis) is tuple else None
        self._source = source
        if self._merged is None:
            axis = check.integer(call, "axis", axis)
            check.in_range(call, axis, source.ndim)
        full = _spread(call, mask, source.shape, axis)
        self.x, self.mask, self.axis = source, full, axis
        if self._merged is not None:
            self.x, self.mask, self.axis = self._merged.data(source, "x"), self._merged.data(full, "mask"), 1
            self.x, self.mask = np.ascontiguousarray(self.x), np.ascontiguousarray(self.mask)
        self.axis %= self.x.ndim
        self._others = tuple(a for a in range(self.x.ndim) if a != self.axis)
        self._zero = np.zeros((), source.dtype)
        if out is not None:
            _check_output(call, out, source)
        counts = run("sum", run("cast", self.mask, dtype=source.dtype.name), axes=self._others, keepdims=True)
        self.count = run("maximum", counts, np.ones((), source.dtype))

    def sum(self, x):
        return run("sum", x, axes=self._others, keepdims=True)

    def mean(self, x):
        """The mean of each channel over the elements where the mask is true, 0 where there are none."""
        return run("divide", self.sum(run("where", self.mask, x, self._zero)), self.count)

    def parameter(self, name: str, value):
        """An argument of the extents of the channels in the shape in which it meets x, or None."""
        if value is None:
            if name in ("mean", "inv_std"):
                raise TypeError(f"{self.call}: {name} is NoneType, expected an array of numbers")
            return None
        if self._merged is not None:
            value = self._merged.parameter(value, name)
        return check.parameter(self.call, name, value, self.x, (self.axis,))

    def gradient(self, dy):
        """dy, like x."""
        source = self._source
        dy = check.like(self.call, "dy", dy, source, source.shape, " as x has")
        return dy if self._merged is None else np.ascontiguousarray(self._merged.data(dy, "dy"))

    def restored(self, result, out):
        """A result like x, in `out` if there is one."""
        if self._merged is not None:
            result = self._merged.restored(result)
        if out is None:
            return result
        out[...] = result
        return out

    def statistics(self, value):
        value = value.reshape(-1)
        return value if self._merged is None else self._merged.statistics(value)


def _spread(call: str, mask, shape: tuple, axis) -> np.ndarray:
    """The mask as a truth value for each element of x, as the layer takes it: missing axes are the channels', then the
    last ones; for channels on several axes it meets x as NumPy broadcasts."""
    given = np.asarray(mask)
    if given.dtype.kind not in "biuf" and given.dtype.name != "bfloat16":
        raise TypeError(f"{call}: mask has dtype {given.dtype.name}, expected truth values or numbers")
    truth = given != 0
    if type(axis) is not tuple and given.ndim < len(shape):
        others = [a for a in range(len(shape)) if a != axis % len(shape)]
        truth = np.expand_dims(truth, tuple(sorted([axis % len(shape), *others[given.ndim :]])))
    try:
        return np.ascontiguousarray(np.broadcast_to(truth, shape))
    except ValueError:
        raise ValueError(
            f"{call}: mask has shape {given.shape}, expected truth values for x of shape {shape} or for its axes "
            f"without axis {axis}, the last of which may be left out"
        ) from None


def _check_output(call: str, out, x) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != x.dtype:
        kind = out.dtype.name if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(f"{call}: out is {kind}, expected an array of {x.dtype.name} as x is")
    if out.shape != x.shape or not out.flags.writeable:
        raise ValueError(f"{call}: out has shape {out.shape}, expected {x.shape} as x has, writable")
