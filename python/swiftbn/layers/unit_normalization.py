"""Division by the Euclidean norm."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.layers._normalization import as_float, axes_in, several_axes
from swiftbn.layers.layer import Layer

# The square of the smallest norm by which is divided.
_SMALLEST = 1e-24


class UnitNormalization(Layer):
    """y = x/max(√(Σ x²), 10⁻¹²), the sum over `axis`: vectors of Euclidean norm 1.

    Zeros stay zeros. The layer has no weights; training and inference are the same. The names and arguments are those
    of Keras' layer; the function is the projection to the unit sphere.

    Shapes: x of any rank >= 1, y like x.

    Args:
        axis: the axis, or several as a list or tuple, over which is summed.

    Raises:
        TypeError: an axis that is not an integer or a list or tuple of integers.
        ValueError: an empty list of axes; an axis that the inputs do not have.
    """

    def __init__(self, axis=-1, **kwargs):
        axis = several_axes("UnitNormalization", axis)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = axis
        self.built = True

    def call(self, inputs):
        x = as_float(self, inputs)
        squares = ops.sum(ops.square(x), axes_in(self, self.axis, x.shape), keepdims=True)
        return ops.multiply(x, ops.rsqrt(ops.maximum(squares, _SMALLEST)))

    def compute_output_shape(self, input_shape):
        axes_in(self, self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis}
