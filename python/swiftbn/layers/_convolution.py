"""What all convolution layers share: windows over one to three axes, the place of the channels, the bias behind."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import integers, padding_mode
from swiftbn.config import standardize_data_format
from swiftbn.layers._arguments import known_channels
from swiftbn.layers._kernel import KernelLayer
from swiftbn.layers.input_spec import InputSpec


class ConvolutionLayer(KernelLayer):
    """A kernel that slides over `rank` axes. Subclasses make their weights in `_build(channels)`.

    Args:
        kernel_size, strides, padding, data_format, dilation_rate: as in `Conv2D`.
        paddings: what `padding` may be besides "valid" and "same".
        kernel_arguments: those of `KernelLayer`, in order.
        can_stretch: whether strides and dilation may both be above 1.
    """

    rank = 0

    def __init__(
        self,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        *kernel_arguments,
        paddings=(),
        can_stretch=False,
        **kwargs,
    ):
        kind = type(self).__name__
        kernel_size = integers(kind, "kernel_size", kernel_size, self.rank)
        strides = integers(kind, "strides", strides, self.rank)
        dilation_rate = integers(kind, "dilation_rate", dilation_rate, self.rank)
        padding = padding_mode(kind, padding, *paddings)
        if max(strides) > 1 and max(dilation_rate) > 1 and not can_stretch:
            raise ValueError(
                f"{kind}: expected strides or dilation_rate to be 1. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        super().__init__(*kernel_arguments, **kwargs)
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = dilation_rate
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        channels = known_channels(self, input_shape, self._channel_axis)
        self._build(channels)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels}, built_shape=input_shape)

    def _build(self, channels: int) -> None:
        raise NotImplementedError

    def _windows(self) -> dict:
        """The arguments that the functions of `ops` share."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def _complete(self, outputs):
        """Bias and activation."""
        bias = self.bias
        if bias is not None and self.data_format == "channels_first":
            bias = ops.reshape(bias, (1, -1, *(1,) * self.rank))
        return self._finish(outputs, bias)

    def _window_config(self) -> dict:
        return {"kernel_size": self.kernel_size, **self._windows()}
