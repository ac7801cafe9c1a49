"""A layer that does nothing."""

from __future__ import annotations

from swiftbn.layers._call import map_shapes
from swiftbn.layers._shapes import SameShape


class Identity(SameShape):
    """Its input, or nested inputs, as they are."""

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return map_shapes(tuple, input_shape)

    def get_config(self) -> dict:
        return super().get_config()
