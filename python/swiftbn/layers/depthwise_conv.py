"""Depthwise convolution over one or two axes."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import positive_integer
from swiftbn.layers._convolution import ConvolutionLayer


def depthwise_names(config: dict) -> dict:
    """A configuration in which the kernel is called `depthwise`, as Keras' are."""
    return {
        (key.replace("kernel_", "depthwise_") if key.startswith("kernel_") else key): value
        for key, value in config.items()
    }


class _DepthwiseConv(ConvolutionLayer):
    def __init__(self, *arguments, depth_multiplier, **kwargs):
        depth_multiplier = positive_integer(type(self).__name__, "depth_multiplier", depth_multiplier)
        super().__init__(*arguments, can_stretch=True, **kwargs)
        self.depth_multiplier = depth_multiplier

    def _build(self, channels):
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self._add_kernel(shape, bias=channels * self.depth_multiplier)

    def call(self, inputs):
        return self._complete(ops.depthwise_conv(inputs, self.kernel, **self._windows()))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            **self._window_config(),
            **depthwise_names(self._kernel_config()),
        }


class DepthwiseConv1D(_DepthwiseConv):
    """Each channel of a sequence (N, L, C) convolved by itself, with a kernel (K, C, depth_multiplier).

    The arguments are those of `DepthwiseConv2D`, with one number where it has two.
    """

    rank = 1

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            depthwise_constraint,
            bias_constraint,
            depth_multiplier=depth_multiplier,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class DepthwiseConv2D(_DepthwiseConv):
    """y[n,h,w,c·M+m] = activation(Σ_{i,j} x[n, h·s+i·d, w·s+j·d, c] · kernel[i,j,c,m] + bias[c·M+m]).

    Shapes: x (N, H, W, C) or, channels first, (N, C, H, W); kernel (KH, KW, C, M); bias (C·M,).

    Args:
        depth_multiplier: M, kernels per channel, >= 1.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: those of the kernel.
        The others are those of `Conv2D`; strides and dilation may both be above 1.

    Raises:
        ValueError: an argument out of its range or not supported; inputs of another rank or with another number of
            channels than built for.
    """

    rank = 2

    def __init__(
        self,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=(1, 1),
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            depthwise_constraint,
            bias_constraint,
            depth_multiplier=depth_multiplier,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
