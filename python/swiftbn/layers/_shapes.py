"""What layers that only move elements share: tuples of integers as arguments, and places of the spatial axes."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import integers
from swiftbn.config import standardize_data_format
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


def pairs(layer: str, name: str, value, count: int) -> tuple:
    """`count` pairs (before, after) of integers >= 0; an integer stands for an equal pair, alone for all."""
    if isinstance(value, (int, np.integer)):
        value = (value,) * count
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise ValueError(
            f"{layer}: expected {name} to be an integer >= 0, or {count} integers or pairs of them. "
            f"Received: {name}={value!r}"
        )
    return tuple(integers(layer, f"{name}[{i}]", item, 2, least=0) for i, item in enumerate(value))


class SameShape(Layer):
    """A layer whose output has the shape of its input, element for element, so that masks stay what they are."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Spatial(Layer):
    """A layer of inputs with a batch axis, `dimensions` spatial ones, and channels before or behind these."""

    dimensions = 2

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.dimensions + 2)

    @property
    def _spatial_axes(self) -> tuple:
        first = 2 if self.data_format == "channels_first" else 1
        return tuple(range(first, first + self.dimensions))

    def _per_axis(self, spatial, other) -> list:
        """A value for each axis of the input: those of the spatial axes in order, `other` for the rest."""
        values = [other] * (self.dimensions + 2)
        for axis, value in zip(self._spatial_axes, spatial, strict=True):
            values[axis] = value
        return values

    def _resized(self, input_shape, function) -> tuple:
        """The shape with `function(extent, index)` for each spatial extent that is known."""
        shape = list(input_shape)
        for index, axis in enumerate(self._spatial_axes):
            if shape[axis] is not None:
                shape[axis] = function(shape[axis], index)
        return tuple(shape)
