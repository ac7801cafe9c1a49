"""Transposed convolution over one, two or three axes."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import positive_integer
from swiftbn.layers._convolution import ConvolutionLayer


class _ConvTranspose(ConvolutionLayer):
    def __init__(self, filters, *arguments, output_padding, **kwargs):
        filters = positive_integer(type(self).__name__, "filters", filters)
        super().__init__(*arguments, **kwargs)
        self.filters = filters
        self.output_padding = None if output_padding is None else self._checked(output_padding)

    def _checked(self, value) -> tuple:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,) * self.rank
        integers = len(items) == self.rank and all(isinstance(v, int) and not isinstance(v, bool) for v in items)
        if not integers or any(not 0 <= v < stride for v, stride in zip(items, self.strides, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: expected output_padding to be integers >= 0 below strides={self.strides}. "
                f"Received: output_padding={value!r}"
            )
        return items

    def _build(self, channels):
        self._add_kernel((*self.kernel_size, self.filters, channels), bias=self.filters)

    def call(self, inputs):
        return self._complete(
            ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self._windows())
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self._window_config(),
            "output_padding": self.output_padding,
            **self._kernel_config(),
        }


class Conv1DTranspose(_ConvTranspose):
    """The transposed convolution of sequences (N, L, C) with a kernel (K, filters, C).

    The arguments are those of `Conv2DTranspose`, with one number where it has two.
    """

    rank = 1

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
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
            output_padding=output_padding,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class Conv2DTranspose(_ConvTranspose):
    """What `Conv2D` does to gradients, used forward: each pixel of x adds its multiple of the kernel to the output.

    y[n, h·s + i·d - p, w·s + j·d - p, o] is the sum of x[n,h,w,c] · kernel[i,j,o,c] over all that end there, + bias[o].

    Shapes: x (N, H, W, C) or, channels first, (N, C, H, W); kernel (KH, KW, filters, C); bias (filters,). The output's
    extents are those of `ops.conv_transpose`.

    Args:
        output_padding: elements, fewer than strides, behind the smallest output; None for Keras' extents.
        The others are those of `Conv2D`.

    Raises:
        ValueError: an argument out of its range or not supported; inputs of another rank or with another number of
            channels than built for.
    """

    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=(1, 1),
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
            output_padding=output_padding,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class Conv3DTranspose(_ConvTranspose):
    """The transposed convolution of volumes (N, D, H, W, C) with a kernel (KD, KH, KW, filters, C).

    The arguments are those of `Conv2DTranspose`, with three numbers where it has two.
    """

    rank = 3

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=(1, 1, 1),
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
            output_padding=output_padding,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
