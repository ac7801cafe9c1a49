"""Group normalization."""

from __future__ import annotations

from swiftbn.layers._arguments import known_channels
from swiftbn.layers._normalization import AffineNormalization, as_float, is_integer, one_axis, standardize_groups
from swiftbn.layers.input_spec import InputSpec


class GroupNormalization(AffineNormalization):
    """y = γ·(x - μ)/√(σ² + ε) + β, with μ and σ² of each sample and group of channels.

    The C channels are cut into `groups` groups of C/groups channels next to each other. μ and σ² are the mean and the
    biased variance over a group's channels and all axes but the first (the samples); γ and β have one value per
    channel. Training and inference are the same. Wu & He 2018 (arXiv 1803.08494).

    Shapes: x of any rank >= 2 with the samples on axis 0 and C channels on `axis`, y like x; gamma, beta (C,).

    Args:
        groups: number of groups, a divisor of C; -1 for C groups of one channel (instance normalization).
        axis: the channel axis, not 0.
        epsilon: ε > 0.
        center, scale: whether there are β and γ.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: functions whose values are added to the loss.
        beta_constraint, gamma_constraint: applied after each optimizer update.

    Raises:
        ValueError: an argument out of its range; a number of groups that does not divide the channels; inputs of
            another shape than built for.
    """

    def __init__(
        self,
        groups=32,
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
        if not is_integer(groups) or (groups < 1 and groups != -1):
            raise ValueError(
                "GroupNormalization: expected groups to be an integer >= 1, or -1 for one per channel. "
                f"Received: groups={groups!r}"
            )
        axis = one_axis("GroupNormalization", axis)
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
        self.groups = int(groups)
        self.axis = axis
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        channels = channels_behind_samples(self, self.axis, input_shape)
        if self.groups == -1:
            self.groups = channels
        if self.groups > channels or channels % self.groups:
            raise ValueError(
                f"GroupNormalization '{self.name}': expected groups to divide the {channels} channels of inputs of "
                f"shape {tuple(input_shape)}. Received: groups={self.groups}"
            )
        self._add_gamma_and_beta((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels}, built_shape=input_shape)

    def call(self, inputs):
        x = as_float(self, inputs)
        axis = self.axis % len(x.shape)
        return self._apply_gamma_and_beta(standardize_groups(x, self.groups, axis, self.epsilon), (axis,))

    def get_config(self) -> dict:
        return {**super().get_config(), "groups": self.groups, "axis": self.axis, **self._affine_config()}


def channels_behind_samples(layer, axis: int, input_shape) -> int:
    """The known extent of the channel axis, which is not that of the samples."""
    channels = known_channels(layer, input_shape, axis)
    if axis % len(input_shape) == 0:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected a channel axis behind axis 0 (the samples) for inputs of "
            f"shape {tuple(input_shape)}. Received: axis={axis}"
        )
    return channels
