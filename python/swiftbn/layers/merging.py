"""Layers that join several tensors."""

from __future__ import annotations

import functools

from swiftbn import ops
from swiftbn.layers.layer import Layer


def _check_list(layer: Layer, inputs, least: int) -> None:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected a list of at least {least} tensors. Received: {inputs!r}"
        )


def _check_masks(layer: Layer, inputs, mask) -> None:
    if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected mask to be a list of {len(inputs)} masks or Nones, "
            f"one for each input. Received: mask={mask!r}"
        )


class Add(Layer):
    """Sum of a list of tensors, whose shapes broadcast."""

    def call(self, inputs):
        _check_list(self, inputs, 2)
        total = inputs[0]
        for tensor in inputs[1:]:
            total = ops.add(total, tensor)
        return total

    def compute_mask(self, inputs, mask=None):
        """A position counts if it does in one of the inputs; without a mask on each of them there is none."""
        if mask is None:
            return None
        _check_masks(self, inputs, mask)
        if any(m is None for m in mask):
            return None
        return functools.reduce(ops.logical_or, mask)

    def get_config(self) -> dict:
        return super().get_config()


class Concatenate(Layer):
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
        _check_list(self, inputs, 1)
        return ops.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs, mask=None):
        """The masks side by side; a position counts if one of its channels does. No mask counts everywhere."""
        if mask is None:
            return None
        _check_masks(self, inputs, mask)
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


def concatenate(inputs, axis=-1, **kwargs):
    """A list of tensors joined along an axis, by a `Concatenate` layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)
