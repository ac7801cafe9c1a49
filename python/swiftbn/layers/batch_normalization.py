"""Batch normalization."""

from __future__ import annotations

import math

from swiftbn import constraints, initializers, ops, regularizers
from swiftbn.dtypes import is_float_dtype
from swiftbn.layers._arguments import known_channels, number, only
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer
from swiftbn.ops._dispatch import call as native
from swiftbn.ops._dispatch import dtype_of, to_dtype


class BatchNormalization(Layer):
    """y = γ·(x - μ)/√(σ² + ε) + β per channel.

    In training μ and σ² are the mean and the biased variance of the batch over all axes but `axis`, and the moving
    statistics follow them: moving ← momentum·moving + (1 - momentum)·batch. In inference, and when `trainable` is
    False, μ and σ² are the moving statistics. Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.

    Shapes: x of any rank >= 2 with C channels on `axis`; gamma, beta, moving_mean, moving_variance (C,).

    Args:
        axis: the channel axis.
        momentum: weight of the old moving statistics, 0 … 1.
        epsilon: ε > 0.
        center, scale: whether there are β and γ.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer: functions whose values are added to the loss.
        beta_constraint, gamma_constraint: applied after each optimizer update.
        renorm, synchronized: only False.
        renorm_clipping: only None; renorm_momentum has no effect without renorm and is kept for the configuration.

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
        **kwargs,
    ):
        name = "BatchNormalization"
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"{name}: expected axis to be an integer. Received: axis={axis!r}")
        momentum = number(name, "momentum", momentum, lambda v: 0 <= v <= 1, "a number in 0 … 1")
        epsilon = number(name, "epsilon", epsilon, lambda v: math.isfinite(v) and v > 0, "a finite number > 0")
        only(
            name,
            renorm=(renorm, False),
            renorm_clipping=(renorm_clipping, None),
            synchronized=(synchronized, False),
        )
        super().__init__(**kwargs)
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self.gamma = None
        self.beta = None
        self.moving_mean = None
        self.moving_variance = None
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        channels = known_channels(self, input_shape, self.axis)
        shape = (channels,)
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )
        self.moving_mean = self.add_weight(
            shape=shape, initializer=self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape=shape, initializer=self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels}, built_shape=input_shape)

    def call(self, inputs, training=None, mask=None):
        if not is_float_dtype(dtype_of(inputs)):
            inputs = to_dtype(inputs, self.dtype)
        if training and self.trainable and 0 in inputs.shape:
            raise ValueError(
                f"BatchNormalization '{self.name}': expected a batch that is not empty in training. "
                f"Received: inputs of shape {tuple(inputs.shape)}"
            )
        parameters = [p for p in (self.gamma, self.beta) if p is not None]
        attributes = {"axis": self.axis, "epsilon": self.epsilon, "scale": self.scale, "center": self.center}
        if not (training and self.trainable):
            return native(
                "batch_norm_inference",
                inputs,
                *parameters,
                self.moving_mean,
                self.moving_variance,
                **attributes,
            )[0]
        if mask is None:
            outputs, mean, variance, _ = native("batch_norm", inputs, *parameters, **attributes)
        else:
            mean, variance = self._masked_moments(inputs, mask)
            outputs = ops.batch_normalization(
                inputs, mean, variance, self.axis, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
            )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + ops.stop_gradient(batch) * (1.0 - self.momentum))
        return outputs

    def _masked_moments(self, inputs, mask):
        """Mean and biased variance per channel over the positions where the mask (N, …) is true."""
        if len(mask.shape) != len(inputs.shape) - 1 or self.axis not in (-1, len(inputs.shape) - 1):
            raise ValueError(
                f"BatchNormalization '{self.name}': expected a mask of rank {len(inputs.shape) - 1} and channels last. "
                f"Received: mask of shape {tuple(mask.shape)}, axis={self.axis}"
            )
        axes = tuple(range(len(inputs.shape) - 1))
        weight = ops.expand_dims(to_dtype(ops.not_equal(mask, 0), dtype_of(inputs)), -1)
        count = ops.maximum(ops.sum(weight, axes, keepdims=True), 1.0)
        mean = ops.sum(inputs * weight, axes, keepdims=True) / count
        variance = ops.sum(ops.square(inputs - mean) * weight, axes, keepdims=True) / count
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))

    def reset_moving_statistics(self) -> None:
        """Gives the moving mean and variance their first values again (by their initializers).

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(f"BatchNormalization '{self.name}' is not built, so it has no moving statistics to reset")
        self.moving_mean.assign(self.moving_mean_initializer(self.moving_mean.shape, self.moving_mean.dtype))
        self.moving_variance.assign(
            self.moving_variance_initializer(self.moving_variance.shape, self.moving_variance.dtype)
        )

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }
