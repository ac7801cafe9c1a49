"""Layer normalization."""

from __future__ import annotations

from swiftbn.layers._arguments import only
from swiftbn.layers._normalization import (
    AffineNormalization,
    as_float,
    axes_in,
    known_extents,
    several_axes,
    standardize,
)
from swiftbn.layers.input_spec import InputSpec


class LayerNormalization(AffineNormalization):
    """y = γ·(x - μ)/√(σ² + ε) + β, with μ and σ² of each sample alone.

    μ and σ² are the mean and the biased variance over `axis`, for each place of the other axes; γ and β have one value
    for each place of `axis`. Training and inference are the same. Ba, Kiros & Hinton 2016 (arXiv 1607.06450).

    Shapes: x of any rank >= 1, y like x; gamma and beta have the extents of x on `axis`, in ascending order of the
    axes.

    Args:
        axis: the axis, or several as a list or tuple, over which is normalized; their extents have to be known.
        epsilon: ε > 0.
        center, scale: whether there are β and γ.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: functions whose values are added to the loss.
        beta_constraint, gamma_constraint: applied after each optimizer update.

    Raises:
        TypeError: an axis that is not an integer or a list or tuple of integers.
        ValueError: another argument out of its range; an axis that the inputs do not have; `rms_scaling=True`, which
            Keras has deprecated (see `RMSNormalization`); inputs of another shape than built for.
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        only("LayerNormalization", rms_scaling=(kwargs.pop("rms_scaling", False), False))
        axis = several_axes("LayerNormalization", axis)
        super().__init__(
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
        )
        self.axis = axis

    def build(self, input_shape):
        extents = known_extents(self, self.axis, input_shape)
        self._add_gamma_and_beta(extents)
        axes = axes_in(self, self.axis, input_shape)
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes=dict(zip(axes, extents, strict=True)), built_shape=input_shape
        )

    def call(self, inputs):
        x = as_float(self, inputs)
        axes = axes_in(self, self.axis, x.shape)
        return self._apply_gamma_and_beta(standardize(x, axes, self.epsilon), axes)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis, **self._affine_config(), "rms_scaling": False}
