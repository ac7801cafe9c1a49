"""What the normalization layers share: normalizing over axes, γ and β, checks of axes."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import constraints, initializers, ops, regularizers
from swiftbn._checks import number
from swiftbn.dtypes import is_float_dtype
from swiftbn.layers.layer import Layer
from swiftbn.ops._dispatch import call as native
from swiftbn.ops._dispatch import dtype_of, resolve, to_dtype


def is_integer(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def one_axis(layer: str, axis) -> int:
    """The axis as an integer.

    Raises:
        ValueError: it is none.
    """
    if not is_integer(axis):
        raise ValueError(f"{layer}: expected axis to be an integer. Received: axis={axis!r}")
    return int(axis)


def several_axes(layer: str, axis):
    """The axis as an integer, or several as a list.

    Raises:
        TypeError: neither an integer nor a list or tuple of integers.
        ValueError: an empty list.
    """
    if is_integer(axis):
        return int(axis)
    if not isinstance(axis, (list, tuple)) or not all(is_integer(a) for a in axis):
        raise TypeError(
            f"{layer}: expected axis to be an integer or a list or tuple of integers. Received: axis={axis!r}"
        )
    if not axis:
        raise ValueError(f"{layer}: expected at least one axis. Received: axis={axis!r}")
    return [int(a) for a in axis]


def axes_in(layer, axis, input_shape) -> tuple:
    """The layer's axes counted from the front, in ascending order.

    Raises:
        ValueError: an axis out of range for the shape, or given twice.
    """
    rank = len(input_shape)
    axes = axis if isinstance(axis, list) else [axis]
    who = f"{type(layer).__name__} '{layer.name}'"
    for a in axes:
        if not -rank <= a < rank:
            raise ValueError(
                f"{who}: expected -{rank} <= axis < {rank} for inputs of shape {tuple(input_shape)}. "
                f"Received: axis={axis}"
            )
    found = tuple(sorted(a % rank for a in axes))
    if len(set(found)) != len(found):
        raise ValueError(f"{who}: expected different axes for rank {rank}. Received: axis={axis}")
    return found


def known_extents(layer, axis, input_shape) -> tuple:
    """The extents of the layer's axes, in ascending order of the axes.

    Raises:
        ValueError: as `axes_in`, and for an extent that is unknown.
    """
    extents = tuple(input_shape[a] for a in axes_in(layer, axis, input_shape))
    if None in extents:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected known extents on axis {axis}. "
            f"Received: input shape {tuple(input_shape)}"
        )
    return extents


def wide_shape(shape, axes) -> tuple:
    """The extents on the axes and 1 elsewhere: the shape in which a parameter meets the inputs."""
    return tuple(extent if i in axes else 1 for i, extent in enumerate(shape))


def as_float(layer, inputs):
    """The inputs, integers in the layer's dtype."""
    return inputs if is_float_dtype(dtype_of(inputs)) else to_dtype(inputs, layer.dtype)


def standardize(x, axes: tuple, epsilon: float):
    """(x - μ)/√(σ² + ε), with mean and biased variance over `axes` (ascending), for each place of the other axes.

    The batch normalization kernel does it, whose statistics are exact for means far from 0: the places of the other
    axes are its channels. Where more than one extent is unknown, so that the way back cannot be written as a reshape,
    it is composed of reductions.
    """
    x = resolve(x)
    shape = tuple(x.shape)
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    if shape.count(None) > 1:
        return _scaled(x, lambda values: ops.mean(values, axes, keepdims=True), epsilon)
    attributes = {"epsilon": epsilon, "scale": False, "center": False}
    if not kept or kept == tuple(range(len(kept))):
        rows = _product(shape[i] for i in kept)
        values = _product(shape[i] for i in axes)
        y = native("batch_norm", ops.reshape(x, (1, rows, values)), axis=1, **attributes)[0]
        return ops.reshape(y, shape)
    order = axes + kept
    if order != tuple(range(len(shape))):
        x = ops.transpose(x, order)
    moved = tuple(shape[i] for i in order)
    columns = (_product(moved[: len(axes)]), _product(moved[len(axes) :]))
    y = native("batch_norm", ops.reshape(x, columns), axis=1, **attributes)[0]
    y = ops.reshape(y, moved)
    return y if order == tuple(range(len(shape))) else ops.transpose(y, tuple(int(i) for i in np.argsort(order)))


def _product(extents) -> int:
    """The product, -1 (to be worked out) if an extent is unknown."""
    extents = tuple(extents)
    return -1 if None in extents else math.prod(extents)


def standardize_groups(x, groups: int, axis: int, epsilon: float):
    """(x - μ)/√(σ² + ε), with the statistics of each sample (axis 0) over each group of channels next to each other."""
    shape = tuple(x.shape)
    size = shape[axis] // groups
    if shape.count(None) > 1:
        return _standardize_groups_of_unknown_extents(x, groups, axis, epsilon)
    split = (*shape[:axis], groups, size, *shape[axis + 1 :])
    reduced = tuple(i for i in range(1, len(split)) if i != axis)
    return ops.reshape(standardize(ops.reshape(x, split), reduced, epsilon), shape)


def _standardize_groups_of_unknown_extents(x, groups: int, axis: int, epsilon: float):
    shape = tuple(x.shape)
    size = shape[axis] // groups
    others = tuple(i for i in range(1, len(shape)) if i != axis)
    wide = (-1, *wide_shape(shape, (axis,))[1:])

    def mean(values):
        """Of each group, written to each of its channels."""
        values = ops.mean(values, others, keepdims=True) if others else values
        values = ops.mean(ops.reshape(values, (-1, groups, size)), 2, keepdims=True)
        return ops.reshape(values * np.ones((1, 1, size), dtype_of(x)), wide)

    return _scaled(x, mean, epsilon)


def _scaled(x, mean, epsilon: float):
    """(x - μ)/√(σ² + ε) by a function for means, in passes: what rounding left of the mean is taken away, too."""
    centered = x - mean(x)
    centered = centered - mean(centered)
    return centered * ops.rsqrt(mean(ops.square(centered)) + epsilon)


class AffineNormalization(Layer):
    """Base of layers that normalize and then apply γ and β.

    Args:
        epsilon: ε > 0.
        center, scale: whether there are β and γ.
        the others: as for those layers.

    Raises:
        ValueError: an epsilon that is no finite number > 0; unknown arguments.
    """

    def __init__(
        self,
        epsilon,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
        **kwargs,
    ):
        epsilon = positive_epsilon(type(self).__name__, epsilon)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.epsilon = epsilon
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = None
        self.beta = None

    def _add_gamma_and_beta(self, shape: tuple) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def _apply_gamma_and_beta(self, x, axes: tuple):
        wide = wide_shape(x.shape, axes)
        if self.gamma is not None:
            x = ops.multiply(x, ops.reshape(self.gamma, wide))
        if self.beta is not None:
            x = ops.add(x, ops.reshape(self.beta, wide))
        return x

    def compute_output_shape(self, input_shape):
        axes_in(self, self.axis, input_shape)
        return tuple(input_shape)

    def _affine_config(self) -> dict:
        return {
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def positive_epsilon(layer: str, epsilon) -> float:
    return number(layer, "epsilon", epsilon, lambda v: math.isfinite(v) and v > 0, "a finite number > 0")
