"""Convolution over one, two or three axes."""

from __future__ import annotations

from swiftbn._checks import positive_integer
from swiftbn.layers._arguments import only
from swiftbn.layers._convolution import ConvolutionLayer
from swiftbn.ops.convolution import convolve


class _Conv(ConvolutionLayer):
    def __init__(self, filters, *arguments, groups, **kwargs):
        kind = type(self).__name__
        filters = positive_integer(kind, "filters", filters)
        groups = positive_integer(kind, "groups", groups)
        if filters % groups:
            raise ValueError(
                f"{kind}: expected filters to be a multiple of groups. Received: filters={filters}, groups={groups}"
            )
        for name in ("lora_rank", "lora_alpha"):
            only(kind, **{name: (kwargs.pop(name, None), None)})
        super().__init__(*arguments, paddings=("causal",) if self.rank == 1 else (), **kwargs)
        self.filters = filters
        self.groups = groups

    def _build(self, channels):
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected the number of channels to be a multiple of "
                f"groups={self.groups}. Received: {channels} channels"
            )
        self._add_kernel((*self.kernel_size, channels // self.groups, self.filters))

    def call(self, inputs):
        return self._complete(convolve(type(self).__name__, inputs, self.kernel, **self._windows()))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self._window_config(),
            "groups": self.groups,
            **self._kernel_config(),
        }


class Conv1D(_Conv):
    """y[n,p,o] = activation(Σ_{i,c} x[n, p·s + i·d, c] · kernel[i,c,o] + bias[o]).

    Shapes: x (N, L, C) or, channels first, (N, C, L); kernel (K, C / groups, filters); bias (filters,).

    Args:
        padding: "valid", "same", or "causal": zeros in front only, so that nothing later is seen.
        The others are those of `Conv2D`, with one number where it has two.
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
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
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
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            groups=groups,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class Conv2D(_Conv):
    """y[n,h,w,o] = activation(Σ_{i,j,c} x[n, h·s+i·d, w·s+j·d, c] · kernel[i,j,c,o] + bias[o]).

    Shapes: x (N, H, W, C) or, channels first, (N, C, H, W); kernel (KH, KW, C / groups, filters); bias (filters,).

    Args:
        filters: number of output channels, >= 1.
        kernel_size: (KH, KW) or one number for both.
        strides: s along height and width.
        padding: "valid", or "same" (as TensorFlow: the extra element goes to the end).
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        dilation_rate: d along height and width; only one of strides and dilation may be above 1.
        groups: number of parts of the channels; each part of the outputs sees one part of the inputs.
        The other arguments are those of `Dense`.

    Raises:
        ValueError: an argument out of its range or not supported; inputs of another rank or with another number of
            channels than built for; channels or filters that are no multiple of groups.
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
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
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
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            groups=groups,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class Conv3D(_Conv):
    """y[n,p,o] = activation(Σ_{i,c} x[n, p·s + i·d, c] · kernel[i,c,o] + bias[o]), p and i along depth, height, width.

    Shapes: x (N, D, H, W, C) or, channels first, (N, C, D, H, W); kernel (KD, KH, KW, C / groups, filters); bias
    (filters,). The arguments are those of `Conv2D`, with three numbers where it has two.
    """

    rank = 3

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1, 1),
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
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
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            groups=groups,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
