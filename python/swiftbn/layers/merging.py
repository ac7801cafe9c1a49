"""Layers that join several tensors."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.layers.layer import Layer


def _check_list(layer: Layer, inputs, least: int) -> None:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected a list of at least {least} tensors. Received: {inputs!r}"
        )


class Add(Layer):
    """Sum of a list of tensors, whose shapes broadcast."""

    def call(self, inputs):
        _check_list(self, inputs, 2)
        total = inputs[0]
        for tensor in inputs[1:]:
            total = ops.add(total, tensor)
        return total

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

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis}


def add(inputs, **kwargs):
    """Sum of a list of tensors, by an `Add` layer."""
    return Add(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """A list of tensors joined along an axis, by a `Concatenate` layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)
