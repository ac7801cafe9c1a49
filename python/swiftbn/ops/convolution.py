"""Convolutions over one, two or three axes: plain, in groups, depthwise, separable, transposed."""

from __future__ import annotations

from swiftbn._checks import integers, padding_mode
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, promote
from swiftbn.ops._windows import on_channels_last, spatial_axes


@operation
def conv(inputs, kernel, strides=1, padding: str = "valid", data_format=None, dilation_rate=1):
    """y[n,p,o] = Σ_{i,c} x[n, p·s + i·d, c] · kernel[i,c,o], for p and i along one to three axes.

    Shapes: inputs (N, L, C), (N, H, W, C) or (N, D, H, W, C), or with the channels at 1; kernel (…, C_in, C_out).
    When C is a multiple g·C_in, it is a convolution in g groups: a part of the outputs sees a part of the inputs.

    Args:
        inputs, kernel: tensors.
        strides: s, one number or one per axis.
        padding: "valid", or "same" (as TensorFlow: the extra zero goes to the end).
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        dilation_rate: d, one number or one per axis.

    Raises:
        ValueError: another rank, channels that do not fit, an argument out of its range.
    """
    return convolve("conv", inputs, kernel, strides, padding_mode("conv", padding), data_format, dilation_rate)


@operation
def depthwise_conv(inputs, kernel, strides=1, padding: str = "valid", data_format=None, dilation_rate=1):
    """y[n,p,c·M+m] = Σ_i x[n, p·s + i·d, c] · kernel[i,c,m]: each channel by itself.

    Shapes: kernel (…, C, M); the others and the arguments are those of `conv`.
    """
    padding = padding_mode("depthwise_conv", padding)
    return _depthwise("depthwise_conv", inputs, kernel, strides, padding, data_format, dilation_rate)


@operation
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding: str = "valid", data_format=None, dilation_rate=1
):
    """A depthwise convolution, then one over single pixels that mixes the channels.

    Shapes: depthwise_kernel (…, C, M), pointwise_kernel (1, …, C·M, C_out); the others are those of `conv`.
    """
    padding = padding_mode("separable_conv", padding)
    inputs, depthwise_kernel, pointwise_kernel = promote(inputs, depthwise_kernel, pointwise_kernel, to_float=True)
    if any(extent not in (1, None) for extent in pointwise_kernel.shape[:-2]):
        raise ValueError(
            f"separable_conv: expected pointwise_kernel to be of one pixel. "
            f"Received: shape {tuple(pointwise_kernel.shape)}"
        )
    mixed = _depthwise("separable_conv", inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return convolve("separable_conv", mixed, pointwise_kernel, 1, "valid", data_format, 1)


@operation
def conv_transpose(
    inputs, kernel, strides=1, padding: str = "valid", output_padding=None, data_format=None, dilation_rate=1
):
    """The transposed convolution: what `conv` with this kernel does to gradients.

    Shapes: inputs as in `conv`, kernel (…, C_out, C_in). With k = (K - 1)·d + 1 an extent L becomes
    (L - 1)·s + max(k, s) for padding "valid" and L·s for "same"; with an output padding p, (L - 1)·s + k + p and
    (L - 1)·s + k mod 2 + p.

    Args:
        output_padding: p, one number >= 0 or one per axis, or None.
        The others are those of `conv`.
    """
    name = "conv_transpose"
    x, w = promote(inputs, kernel, to_float=True)
    axes = spatial_axes(name, x)
    _check_rank(name, w, axes)
    attributes = {
        "strides": integers(name, "strides", strides, axes),
        "padding": padding_mode(name, padding),
        "dilation": integers(name, "dilation_rate", dilation_rate, axes),
    }
    if output_padding is not None:
        attributes["output_padding"] = integers(name, "output_padding", output_padding, axes, least=0)
    return on_channels_last(x, data_format, lambda x: _over_axes("transpose", axes, x, w, attributes))


def convolve(name: str, inputs, kernel, strides, padding, data_format, dilation_rate):
    """`conv` with padding "valid", "same" or "causal" (all zeros in front)."""
    x, w = promote(inputs, kernel, to_float=True)
    axes = spatial_axes(name, x)
    _check_rank(name, w, axes)
    strides = integers(name, "strides", strides, axes)
    dilation = integers(name, "dilation_rate", dilation_rate, axes)
    attributes = {"strides": strides, "padding": padding, "dilation": dilation}
    if padding == "causal":
        before = tuple((size - 1) * d for size, d in zip(w.shape, dilation, strict=False))
        attributes |= {"padding": "explicit", "pads": before + (0,) * axes}

    def run(x):
        channels, seen = x.shape[-1], w.shape[-2]
        if channels is not None and seen and channels != seen and channels % seen == 0:
            attributes["groups"] = channels // seen
        return _over_axes("", axes, x, w, attributes)

    return on_channels_last(x, data_format, run)


def _depthwise(name: str, inputs, kernel, strides, padding, data_format, dilation_rate):
    x, w = promote(inputs, kernel, to_float=True)
    axes = spatial_axes(name, x)
    _check_rank(name, w, axes)
    *sizes, channels, multiplier = w.shape
    attributes = {
        "strides": integers(name, "strides", strides, axes),
        "padding": padding,
        "dilation": integers(name, "dilation_rate", dilation_rate, axes),
        "groups": channels,
    }

    def run(x):
        if x.shape[-1] not in (channels, None):
            raise ValueError(
                f"{name}: expected inputs with {channels} channels for a kernel of shape {tuple(w.shape)}. "
                f"Received: {x.shape[-1]} channels"
            )
        flat = call("reshape", w, shape=(*sizes, 1, channels * multiplier))[0]
        return _over_axes("", axes, x, flat, attributes)

    return on_channels_last(x, data_format, run)


def _check_rank(name: str, kernel, axes: int) -> None:
    if len(kernel.shape) != axes + 2:
        raise ValueError(
            f"{name}: expected a kernel of rank {axes + 2} for inputs of that rank. "
            f"Received: kernel of shape {tuple(kernel.shape)}"
        )


def _over_axes(kind: str, axes: int, x, w, attributes: dict):
    """The native convolution of channels-last inputs; over one axis as images of height 1."""
    suffix = f"_{kind}" if kind else ""
    if axes > 1:
        return call(f"conv{axes}d{suffix}", x, w, **attributes)[0]
    wide = {**attributes, **{key: (1, *attributes[key]) for key in ("strides", "dilation")}}
    if "pads" in wide:
        before, after = wide["pads"]
        wide["pads"] = (0, before, 0, after)
    if "output_padding" in wide:
        # An extent of 1 stays 1: (1 - 1)·1 + 1 + 0, or with "same" (1 - 1)·1 + 1 mod 2 + 0.
        wide["output_padding"] = (0, *wide["output_padding"])
    x, w = call("expand_dims", x, axis=1)[0], call("expand_dims", w, axis=0)[0]
    return call("squeeze", call(f"conv2d{suffix}", x, w, **wide)[0], axes=(1,))[0]
