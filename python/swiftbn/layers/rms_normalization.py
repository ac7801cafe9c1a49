"""Root mean square normalization."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.layers._normalization import as_float, axes_in, known_extents, positive_epsilon, several_axes, wide_shape
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class RMSNormalization(Layer):
    """y = scale·x/√(mean(x²) + ε), the mean over `axis`, for each place of the other axes.

    `scale` has one value for each place of `axis`, also where these are not the last axes (there Keras lets it meet
    whatever axes come last). Training and inference are the same. Zhang & Sennrich 2019 (arXiv 1910.07467).

    Shapes: x of any rank >= 1, y like x; scale has the extents of x on `axis`, in ascending order of the axes.

    Args:
        axis: the axis, or several as a list or tuple, over which is normalized; their extents have to be known.
        epsilon: ε > 0.

    Raises:
        TypeError: an axis that is not an integer or a list or tuple of integers.
        ValueError: another argument out of its range; an axis that the inputs do not have; inputs of another shape
            than built for.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        axis = several_axes("RMSNormalization", axis)
        epsilon = positive_epsilon("RMSNormalization", epsilon)
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.scale = None

    def build(self, input_shape):
        extents = known_extents(self, self.axis, input_shape)
        self.scale = self.add_weight(shape=extents, initializer="ones", name="scale")
        axes = axes_in(self, self.axis, input_shape)
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes=dict(zip(axes, extents, strict=True)), built_shape=input_shape
        )

    def call(self, x):
        x = as_float(self, x)
        axes = axes_in(self, self.axis, x.shape)
        inverse = ops.rsqrt(ops.add(ops.mean(ops.square(x), axes, keepdims=True), self.epsilon))
        return ops.multiply(ops.multiply(x, inverse), ops.reshape(self.scale, wide_shape(x.shape, axes)))

    def compute_output_shape(self, input_shape):
        axes_in(self, self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
