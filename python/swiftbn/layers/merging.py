"""Layers that join several tensors, and the same as functions."""

from __future__ import annotations

import functools

from swiftbn import ops
from swiftbn.layers._merge import Merge, give_mask, wide_mask


class Add(Merge):
    """Sum of a list of tensors, whose shapes broadcast."""

    def _merge_function(self, inputs):
        return functools.reduce(ops.add, inputs)


class Subtract(Merge):
    """The first of two tensors less the second; shapes broadcast."""

    least = most = 2

    def _merge_function(self, inputs):
        return ops.subtract(*inputs)


class Multiply(Merge):
    """Product of a list of tensors, whose shapes broadcast.

    What a mask leaves out counts as 1, and where all inputs have masks that leave out an element, it becomes 0.
    """

    def _merge_function(self, inputs):
        masks = [wide_mask(x) for x in inputs]
        factors = [x if mask is None else ops.where(mask, x, 1) for x, mask in zip(inputs, masks, strict=True)]
        output = functools.reduce(ops.multiply, factors)
        if any(mask is None for mask in masks):
            return output
        either = functools.reduce(ops.logical_or, masks)
        output = ops.where(either, output, 0)
        give_mask(output, either, inputs)
        return output


class Average(Merge):
    """Mean of a list of tensors, whose shapes broadcast."""

    def _merge_function(self, inputs):
        return ops.divide(functools.reduce(ops.add, inputs), len(inputs))


class Maximum(Merge):
    """The largest of a list of tensors, element by element; shapes broadcast. What a mask leaves out has no part."""

    def _merge_function(self, inputs):
        return self._merge_masked(ops.maximum, inputs)


class Minimum(Merge):
    """The smallest of a list of tensors, element by element; shapes broadcast. What a mask leaves out has no part."""

    def _merge_function(self, inputs):
        return self._merge_masked(ops.minimum, inputs)


class Concatenate(Merge):
    """A list of tensors joined along an axis; their other extents agree.

    Args:
        axis: an integer.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"Concatenate: expected axis to be an integer. Received: axis={axis!r}")
        self.axis = axis

    def call(self, inputs):
        self._check_list(inputs, "tensors")
        return ops.concatenate(inputs, axis=self.axis)

    def _check_shapes(self, shapes) -> tuple:
        nested = isinstance(shapes, (list, tuple)) and all(isinstance(shape, (list, tuple)) for shape in shapes)
        self._check_list(shapes if nested else None, "tensors")
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"Concatenate '{self.name}': expected -{rank} <= axis < {rank}. Received: axis={self.axis} for inputs "
                f"of shape {tuple(shapes[0])}"
            )
        axis = self.axis % rank
        result = list(shapes[0])
        for shape in shapes[1:]:
            if len(shape) != rank:
                raise self._unfit(shapes, "one rank")
            for a, (x, y) in enumerate(zip(result, shape, strict=True)):
                if a == axis:
                    result[a] = None if x is None or y is None else x + y
                elif x is not None and y is not None and x != y:
                    raise self._unfit(shapes, f"equal extents but on axis {axis}")
                else:
                    result[a] = y if x is None else x
        return tuple(result)

    def compute_mask(self, inputs, mask=None):
        """The masks side by side; a position counts if one of its channels does. No mask counts everywhere."""
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if all(m is None for m in mask):
            return None
        masks = []
        for x, m in zip(inputs, mask, strict=True):
            if m is None:
                m = ops.ones_like(x, dtype="bool")
            elif len(m.shape) < len(x.shape):
                m = ops.logical_or(ops.expand_dims(m, -1), ops.zeros_like(x, dtype="bool"))
            masks.append(m)
        return ops.any(ops.concatenate(masks, axis=self.axis), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis}


def add(inputs, **kwargs):
    """Sum of a list of tensors, by an `Add` layer."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first of two tensors less the second, by a `Subtract` layer."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """Product of a list of tensors, by a `Multiply` layer."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """Mean of a list of tensors, by an `Average` layer."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The largest of a list of tensors, by a `Maximum` layer."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of a list of tensors, by a `Minimum` layer."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """A list of tensors joined along an axis, by a `Concatenate` layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)
