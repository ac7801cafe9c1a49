"""Depthwise separable convolution over one or two axes."""

from __future__ import annotations

from swiftbn import constraints, initializers, ops, regularizers
from swiftbn._checks import positive_integer
from swiftbn.layers._convolution import ConvolutionLayer
from swiftbn.layers.depthwise_conv import depthwise_names


class _SeparableConv(ConvolutionLayer):
    def __init__(
        self,
        filters,
        *arguments,
        depth_multiplier,
        pointwise_initializer,
        pointwise_regularizer,
        pointwise_constraint,
        **kwargs,
    ):
        filters = positive_integer(type(self).__name__, "filters", filters)
        depth_multiplier = positive_integer(type(self).__name__, "depth_multiplier", depth_multiplier)
        super().__init__(*arguments, can_stretch=True, **kwargs)
        self.filters = filters
        self.depth_multiplier = depth_multiplier
        self.pointwise_initializer = initializers.get(
            "glorot_uniform" if pointwise_initializer is None else pointwise_initializer
        )
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.depthwise_kernel = None
        self.pointwise_kernel = None

    def _build(self, channels):
        self.depthwise_kernel = self.add_weight(
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            shape=(*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        if self.use_bias:
            self._add_bias(self.filters)

    def call(self, inputs):
        return self._complete(
            ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._windows())
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            "filters": self.filters,
            **self._window_config(),
            **depthwise_names(self._kernel_config()),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv1D(_SeparableConv):
    """A depthwise convolution of sequences (N, L, C), then a dense one of single steps.

    The arguments are those of `SeparableConv2D`, with one number where it has two.
    """

    rank = 1

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
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
            pointwise_initializer=pointwise_initializer,
            pointwise_regularizer=pointwise_regularizer,
            pointwise_constraint=pointwise_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class SeparableConv2D(_SeparableConv):
    """A depthwise convolution, then a convolution of single pixels that mixes the channels; bias and activation last.

    Shapes: x (N, H, W, C) or, channels first, (N, C, H, W); depthwise_kernel (KH, KW, C, M), pointwise_kernel
    (1, 1, C·M, filters); bias (filters,).

    Args:
        depth_multiplier: M, kernels per channel, >= 1.
        depthwise_…, pointwise_…: initializers, regularizers and constraints of the two kernels.
        The others are those of `Conv2D`; strides and dilation, which may both be above 1, are the depthwise part's.

    Raises:
        ValueError: an argument out of its range or not supported; inputs of another rank or with another number of
            channels than built for.

    Source: Chollet 2017, arXiv 1610.02357.
    """

    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
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
            pointwise_initializer=pointwise_initializer,
            pointwise_regularizer=pointwise_regularizer,
            pointwise_constraint=pointwise_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
