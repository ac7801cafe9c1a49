"""Batch normalization."""

from __future__ import annotations

from swiftbn import initializers, ops
from swiftbn._checks import number, one_of, positive_integer
from swiftbn.dtypes import is_float_dtype
from swiftbn.layers import _batch_statistics as statistics
from swiftbn.layers import _moving_statistics
from swiftbn.layers import _renormalization as renormalization
from swiftbn.layers._arguments import channel_axis, known_channels
from swiftbn.layers._by_batch import by_batch
from swiftbn.layers._normalization import AffineNormalization
from swiftbn.layers.input_spec import InputSpec
from swiftbn.micro_batches import current_part
from swiftbn.ops._dispatch import call as native
from swiftbn.ops._dispatch import dtype_of, to_dtype

_EXTRAS = {
    "moving_average": "exponential",
    "window": None,
    "normalize_with": "batch",
    "virtual_batch_size": None,
    "unbiased_variance": False,
    "nonfinite": "propagate",
    "single_value": "keras",
}


class BatchNormalization(AffineNormalization):
    """y = γ·(x - μ)/√(σ² + ε) + β per channel.

    In training μ and σ² are the mean and the biased variance of the batch over all axes but `axis`, and the moving
    statistics follow them: moving ← momentum·moving + (1 - momentum)·batch. In inference, and when `trainable` is
    False, μ and σ² are the moving statistics. Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.

    Shapes: x of any rank >= 2 with C channels on `axis`; gamma, beta, moving_mean, moving_variance (C,).

    Args:
        axis: the channel axis, or several: then there are statistics for each combination of their positions.
        momentum: weight of the old moving statistics, 0 … 1.
        epsilon: ε > 0.
        center, scale: whether there are β and γ.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer: functions whose values are added to the loss.
        beta_constraint, gamma_constraint: applied after each optimizer update.
        renorm: batch renormalization, Ioffe 2017 (arXiv 1702.03275); renorm_clipping: dict of rmax, rmin, dmax;
            renorm_momentum: of the statistics that it corrects towards.
        synchronized: statistics over all processes; in one process, the same as without.
        data_format: "channels_first" is axis=1, "channels_last" axis=-1.
        fused: accepted for old code; kernels are always fused.
        moving_average: "exponential"; "cumulative", the mean over all batches so far; "window", over the last `window`.
        window: number of batches.
        normalize_with: "batch"; "moving" normalizes by the moving statistics in training too, as constants.
        virtual_batch_size: in training, groups of so many samples are normalized on their own (the last may be
            smaller): ghost batch normalization, Hoffer et al. 2017 (arXiv 1705.08741). The moving statistics take in
            the groups' mean, weighted by samples.
        unbiased_variance: the moving variance takes in σ²·n/(n - 1), as PyTorch's does.
        nonfinite: what a batch whose statistics are not finite does to the moving ones: "propagate"; "skip" leaves them
            and counts in `skipped_batches`; "error" raises before anything has changed.
        single_value: a channel with one value, which has no variance: "keras" gives β; "error" raises; "moving"
            normalizes by the moving statistics and leaves them.

    Call:
        mask: truth values for the axes but the channels' (the last ones may be left out) or for all. Elements outside
            have no part in the statistics; they are normalized like the others.

    Raises:
        ValueError: an argument out of its range or not supported; inputs of another shape than built for.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        *,
        data_format=None,
        fused=None,
        moving_average="exponential",
        window=None,
        normalize_with="batch",
        virtual_batch_size=None,
        unbiased_variance=False,
        nonfinite="propagate",
        single_value="keras",
        **kwargs,
    ):
        name = "BatchNormalization"
        axis = channel_axis(name, axis, data_format)
        momentum = number(name, "momentum", momentum, lambda v: 0 <= v <= 1, "a number in 0 … 1")
        renorm_momentum = number(name, "renorm_momentum", renorm_momentum, lambda v: 0 <= v <= 1, "a number in 0 … 1")
        one_of(name, "moving_average", moving_average, _moving_statistics.KINDS)
        one_of(name, "normalize_with", normalize_with, ("batch", "moving"))
        one_of(name, "nonfinite", nonfinite, ("propagate", "skip", "error"))
        one_of(name, "single_value", single_value, ("keras", "error", "moving"))
        if (window is None) != (moving_average != "window"):
            raise ValueError(
                f"{name}: expected window with moving_average='window' and only then. "
                f"Received: window={window!r}, moving_average={moving_average!r}"
            )
        if virtual_batch_size is not None:
            virtual_batch_size = positive_integer(name, "virtual_batch_size", virtual_batch_size)
        if renorm and (virtual_batch_size or normalize_with == "moving"):
            raise ValueError(f"{name}: renorm goes neither with virtual_batch_size nor with normalize_with='moving'")
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
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = bool(renorm)
        self.renorm_clipping = renormalization.bounds(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = bool(synchronized)
        self.moving_average = moving_average
        self.window = None if window is None else positive_integer(name, "window", window)
        self.normalize_with = normalize_with
        self.virtual_batch_size = virtual_batch_size
        self.unbiased_variance = bool(unbiased_variance)
        self.nonfinite = nonfinite
        self.single_value = single_value
        self.moving_mean = self.moving_variance = None
        self.input_spec = InputSpec(min_ndim=2)

    @classmethod
    def torch(cls, momentum=0.1, eps=1e-5, affine=True, axis=1, **kwargs):
        """PyTorch's conventions: channels on axis 1, ε = 1e-5, the unbiased variance, momentum as weight of the new."""
        momentum = number("BatchNormalization.torch", "momentum", momentum, lambda v: 0 <= v <= 1, "a number in 0 … 1")
        return cls(axis, 1.0 - momentum, eps, center=affine, scale=affine, **{"unbiased_variance": True, **kwargs})

    @classmethod
    def keras(cls, **kwargs):
        """Keras' conventions, which are the defaults."""
        return cls(**kwargs)

    def build(self, input_shape):
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        shape = tuple(known_channels(self, input_shape, axis) for axis in axes)
        if len({axis % len(input_shape) for axis in axes}) < len(axes):
            raise ValueError(
                f"BatchNormalization '{self.name}': expected different axes. "
                f"Received: axis={self.axis} for inputs of shape {tuple(input_shape)}"
            )
        self._add_gamma_and_beta(shape)
        for name, initializer in (
            ("moving_mean", self.moving_mean_initializer),
            ("moving_variance", self.moving_variance_initializer),
        ):
            setattr(self, name, self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name))
        renormalization.build(self, shape)
        _moving_statistics.build(self, shape)
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes=dict(zip(axes, shape, strict=True)), built_shape=input_shape
        )

    # Calls

    def call(self, inputs, training=None, mask=None):
        if not is_float_dtype(dtype_of(inputs)):
            inputs = to_dtype(inputs, self.dtype)
        if training and self.trainable and 0 in inputs.shape:
            raise ValueError(
                f"BatchNormalization '{self.name}': expected a batch that is not empty in training. "
                f"Received: inputs of shape {tuple(inputs.shape)}"
            )
        if not isinstance(self.axis, tuple):
            return self._normalize(inputs, self.axis, training and self.trainable, mask)
        if mask is not None:
            mask = ops.logical_or(ops.not_equal(mask, 0), ops.zeros_like(inputs, dtype="bool"))
            mask, _ = statistics.merged(mask, self.axis)
        x, order = statistics.merged(inputs, self.axis)
        y = self._normalize(x, -1, training and self.trainable, mask)
        return statistics.restored(y, inputs, order, len(self.axis))

    def _normalize(self, x, axis, training, mask):
        parameters = [ops.reshape(p, (-1,)) for p in (self.gamma, self.beta) if p is not None]
        attributes = {"axis": axis, "epsilon": self.epsilon, "scale": self.scale, "center": self.center}

        moving = ()
        if not training or self.normalize_with == "moving" or self.single_value == "moving":
            # Before the first of several micro-batches has updated them.
            moving = [ops.stop_gradient(ops.reshape(m, (-1,))) for m in (self.moving_mean, self.moving_variance)]

        def by_moving():
            return native("batch_norm_inference", x, *parameters, *moving, **attributes)[0]

        if not training:
            return by_moving()
        y, mean, variance, count = by_batch(self, x, axis, mask, parameters, attributes)
        if self.normalize_with == "moving":
            y = by_moving()
        keep = None
        if self.single_value != "keras":
            several = ops.all(count > 1.0)
            if self.single_value == "error":
                message = f"BatchNormalization '{self.name}': a channel has a single value, which has no variance"
                native("require", several, message=message)
            else:
                keep = several
                y = ops.where(several, y, by_moving())
        if self.nonfinite != "propagate":
            finite = ops.all(ops.logical_and(ops.isfinite(mean), ops.isfinite(variance)))
            if self.nonfinite == "error":
                message = f"BatchNormalization '{self.name}': the mean or the variance of the batch is not finite"
                native("require", finite, message=message)
            else:
                keep = finite if keep is None else ops.logical_and(keep, finite)
        part = current_part()
        if part is None or part.is_first:
            _moving_statistics.update(self, mean, variance, keep)
        return y

    def reset_moving_statistics(self) -> None:
        """Moving statistics, and what belongs to them, as after `build`.

        Raises:
            ValueError: a layer that has not been built.
        """
        if not self.built:
            raise ValueError(f"BatchNormalization '{self.name}' is not built, so it has no moving statistics to reset")
        _moving_statistics.reset(self)

    def get_config(self) -> dict:
        # What Keras does not know is left out where it has no effect, so that its files stay readable there.
        extras = {name: getattr(self, name) for name in _EXTRAS if getattr(self, name) != _EXTRAS[name]}
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            **self._affine_config(),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            **extras,
        }
