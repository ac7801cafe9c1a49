"""Two-dimensional convolution."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import standardize_data_format
from swiftbn.layers._arguments import known_channels, only, padding_mode, pair, positive_integer
from swiftbn.layers._kernel import KernelLayer
from swiftbn.layers.input_spec import InputSpec


class Conv2D(KernelLayer):
    """y[n,h,w,o] = activation(Σ_{i,j,c} x[n, h·s+i·d, w·s+j·d, c] · kernel[i,j,c,o] + bias[o]).

    Shapes: x (N, H, W, C) or, channels first, (N, C, H, W); kernel (KH, KW, C, filters); bias (filters,).

    Args:
        filters: number of output channels, >= 1.
        kernel_size: (KH, KW) or one number for both.
        strides: s along height and width.
        padding: "valid", or "same" (as TensorFlow: the extra element goes to the end).
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        dilation_rate: d along height and width; only one of strides and dilation may be above 1.
        groups: only 1.
        The other arguments are those of `Dense`.

    Raises:
        ValueError: an argument out of its range or not supported; inputs that are no images or have another number of
            channels than built for.
    """

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
        filters = positive_integer("Conv2D", "filters", filters)
        kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        strides = pair("Conv2D", "strides", strides)
        dilation_rate = pair("Conv2D", "dilation_rate", dilation_rate)
        only("Conv2D", groups=(groups, 1))
        only("Conv2D", lora_rank=(kwargs.pop("lora_rank", None), None))
        only("Conv2D", lora_alpha=(kwargs.pop("lora_alpha", None), None))
        if max(strides) > 1 and max(dilation_rate) > 1:
            raise ValueError(
                f"Conv2D: expected strides or dilation_rate to be 1. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        super().__init__(
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding_mode("Conv2D", padding)
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = dilation_rate
        self.groups = groups
        self.input_spec = InputSpec(ndim=4)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        channels = known_channels(self, input_shape, self._channel_axis)
        self._add_kernel((*self.kernel_size, channels, self.filters))
        self.input_spec = InputSpec(ndim=4, axes={self._channel_axis: channels}, built_shape=input_shape)

    def call(self, inputs):
        outputs = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        bias = self.bias
        if bias is not None and self.data_format == "channels_first":
            bias = ops.reshape(bias, (1, self.filters, 1, 1))
        return self._finish(outputs, bias)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            **self._kernel_config(),
        }
