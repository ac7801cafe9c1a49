"""Instance normalization."""

from __future__ import annotations

from swiftbn.layers._normalization import AffineNormalization, as_float, one_axis, standardize_groups
from swiftbn.layers.group_normalization import channels_behind_samples
from swiftbn.layers.input_spec import InputSpec


class InstanceNormalization(AffineNormalization):
    """y = γ·(x - μ)/√(σ² + ε) + β, with μ and σ² of each sample and channel.

    μ and σ² are the mean and the biased variance over all axes but the first (the samples) and `axis`; γ and β have one
    value per channel. It is `GroupNormalization` with as many groups as channels; training and inference are the same.
    Ulyanov, Vedaldi & Lempitsky 2016 (arXiv 1607.08022). Keras itself has no layer of this name.

    Shapes: x of any rank >= 3 with the samples on axis 0 and C channels on `axis`, y like x; gamma, beta (C,).

    Args:
        axis: the channel axis, not 0.
        epsilon: ε > 0.
        center, scale: whether there are β and γ.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: functions whose values are added to the loss.
        beta_constraint, gamma_constraint: applied after each optimizer update.

    Raises:
        ValueError: an argument out of its range; inputs of rank < 3 or of another shape than built for.
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
        axis = one_axis("InstanceNormalization", axis)
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
        self.input_spec = InputSpec(min_ndim=3)

    def build(self, input_shape):
        channels = channels_behind_samples(self, self.axis, input_shape)
        self._add_gamma_and_beta((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels}, built_shape=input_shape)

    def call(self, inputs):
        x = as_float(self, inputs)
        axis = self.axis % len(x.shape)
        return self._apply_gamma_and_beta(standardize_groups(x, x.shape[axis], axis, self.epsilon), (axis,))

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis, **self._affine_config()}
