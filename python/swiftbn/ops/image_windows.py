"""Images cut, padded, blurred and compared, with the names and arguments of `keras.ops.image`."""

from __future__ import annotations

import math

import numpy as np

from swiftbn._checks import integer, integers, is_number, number, padding_mode, positive_integer
from swiftbn.config import standardize_data_format
from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import dtype_of, promote, resolve, to_dtype, to_float
from swiftbn.ops._patches import joined, patches
from swiftbn.ops.convolution import depthwise_conv
from swiftbn.ops.elementwise import add, divide, exp, multiply, square, subtract
from swiftbn.ops.elementwise import round as rounded
from swiftbn.ops.image import _spatial_axes
from swiftbn.ops.indexing import getitem
from swiftbn.ops.reduction import mean
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.shaping import broadcast_to, expand_dims, moveaxis, pad, reshape, squeeze, stack, take


def _borders(name: str, kind: str, given: dict, target: str, wanted, extent: int, sign: int) -> tuple:
    """(before, after), of which, and of the extent that is wanted, two are given."""
    for key, value in (*given.items(), (target, wanted)):
        if value is not None:
            integer(name, key, value, 0)
    (first, before), (second, after) = given.items()
    if [before, after, wanted].count(None) != 1:
        raise ValueError(
            f"{name}: expected two of {first}, {second} and {target}. "
            f"Received: {first}={before}, {second}={after}, {target}={wanted}"
        )
    if wanted is not None:
        rest = sign * (wanted - extent) - (after if before is None else before)
        missing = first if before is None else second
        if rest < 0:
            raise ValueError(f"{name}: expected a {kind} >= 0. Received: {target}={wanted}, that is {missing}={rest}")
        before, after = (rest, after) if before is None else (before, rest)
    if sign < 0 and before + after > extent:
        raise ValueError(
            f"{name}: expected at most {extent} pixels to be cut. Received: {first}={before}, {second}={after}"
        )
    return before, after


@operation
def crop_images(
    images,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images without their borders; two of top, bottom and target height are given, and of left, right, target width.

    Shapes: (N, H, W, C) → (N, target_height, target_width, C), or with channels first, or without N.

    Raises:
        ValueError: another rank, one or three of three numbers, numbers < 0 or too large.
    """
    images, (rows, columns), top, left = _with_borders("crop_images", "cropping", images, locals(), -1)
    key = [slice(None)] * len(images.shape)
    key[rows] = slice(top[0], images.shape[rows] - top[1])
    key[columns] = slice(left[0], images.shape[columns] - left[1])
    return getitem(images, tuple(key))


@operation
def pad_images(
    images,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images with zeros around; of top, bottom and target height two are given, and of left, right and target width.

    Shapes: (N, H, W, C) → (N, target_height, target_width, C), or with channels first, or without N.

    Raises:
        ValueError: another rank, one or three of three numbers, numbers < 0.
    """
    images, (rows, columns), top, left = _with_borders("pad_images", "padding", images, locals(), 1)
    borders = [(0, 0)] * len(images.shape)
    borders[rows], borders[columns] = top, left
    return pad(images, borders)


def _with_borders(name: str, kind: str, images, given: dict, sign: int) -> tuple:
    images = resolve(images)
    axes = _spatial_axes(name, images, given["data_format"])
    found = []
    for axis, sides, target in ((0, ("top", "bottom"), "target_height"), (1, ("left", "right"), "target_width")):
        pair = {f"{side}_{kind}": given[f"{side}_{kind}"] for side in sides}
        found.append(_borders(name, kind, pair, target, given[target], images.shape[axes[axis]], sign))
    return images, axes, *found


@operation
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Windows of images, each as one vector: y[n,h,w] = x[n, h·s + i·d, w·s + j·d, c] for all i, j, c in this order.

    Shapes: (N, H, W, C) → (N, H', W', size[0]·size[1]·C), or with channels first, or without N. With three sizes
    images are volumes, as for `extract_patches_3d`.

    Args:
        size: height and width of the windows, or one number for both.
        strides: s, by default `size`.
        dilation_rate: d.
        padding: "valid" or "same".

    Raises:
        ValueError: another rank, an argument out of its range.
    """
    axes = 3 if isinstance(size, (list, tuple)) and len(size) == 3 else 2
    return _extract("extract_patches", axes, images, size, strides, dilation_rate, padding, data_format)


@operation
def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Windows of volumes, each as one vector: (N, D, H, W, C) → (N, D', H', W', size[0]·size[1]·size[2]·C).

    Arguments are those of `extract_patches`.
    """
    return _extract("extract_patches_3d", 3, volumes, size, strides, dilation_rate, padding, data_format)


def _extract(name: str, axes: int, x, size, strides, dilation_rate, padding, data_format):
    x = resolve(x)
    sizes = integers(name, "size", size, axes)
    strides = sizes if strides is None else integers(name, "strides", strides, axes)
    dilations = integers(name, "dilation_rate", dilation_rate, axes)
    padding = padding_mode(name, padding)
    rank = len(x.shape)
    if rank not in (axes + 1, axes + 2):
        raise ValueError(f"{name}: expected a tensor of rank {axes + 1} or {axes + 2}. Received: shape {x.shape}")
    first = rank - axes - 1
    last = standardize_data_format(data_format) == "channels_last"
    x = x if last else moveaxis(x, first, rank - 1)
    y = patches(name, x, tuple(range(first, first + axes)), sizes, strides, dilations, padding)
    y = joined(y, first + axes, math.prod(sizes) * x.shape[-1])
    return y if last else moveaxis(y, rank - 1, first)


def on_batch(name: str, images, data_format, function):
    """A function of float images (N, H, W, C), applied to images of any layout; integers are rounded."""
    images = resolve(images)
    _spatial_axes(name, images, data_format)
    single = len(images.shape) == 3
    last = standardize_data_format(data_format) == "channels_last"
    x = expand_dims(images, 0) if single else images
    x = x if last else moveaxis(x, 1, 3)
    dtype = dtype_of(x)
    y = function(to_float(x))
    y = y if is_float_dtype(dtype) else to_dtype(rounded(y), dtype)
    y = y if last else moveaxis(y, 3, 1)
    return squeeze(y, 0) if single else y


@operation
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images smoothed by exp(-x²/2σ²), normalized over the kernel; zeros lie outside of them.

    Shapes: (N, H, W, C) → the same, or with channels first, or without N.

    Args:
        kernel_size: width and height of the kernel, in this order.
        sigma: σ along the width and the height: two numbers, or a tensor (2,).

    Raises:
        ValueError: another rank, an argument out of its range.
    """
    width, height = integers("gaussian_blur", "kernel_size", kernel_size, 2)
    if isinstance(sigma, (list, tuple)):
        for item in sigma if all(map(is_number, sigma)) else ():
            number("gaussian_blur", "sigma", item, lambda v: v > 0, "two numbers > 0")
    if len(sigma) != 2 if isinstance(sigma, (list, tuple)) else tuple(resolve(sigma).shape) != (2,):
        raise ValueError(f"gaussian_blur: expected sigma to be two numbers > 0. Received: sigma={sigma!r}")

    def blurred(x):
        spread = to_dtype(resolve(sigma), dtype_of(x))
        along_width, along_height = (gaussian(n, getitem(spread, i)) for i, n in enumerate((width, height)))
        return smoothed(x, along_height, along_width, "same")

    return on_batch("gaussian_blur", images, data_format, blurred)


def gaussian(size: int, sigma):
    """(size,) weights exp(-x²/2σ²) around the middle, of sum 1, for a scalar tensor σ."""
    places = (np.arange(size) - (size - 1) / 2).astype(dtype_of(resolve(sigma)))
    weights = exp(multiply(-0.5, square(divide(places, sigma))))
    return divide(weights, reduce_sum(weights))


def smoothed(x, along_height, along_width, padding: str):
    """Images (N, H, W, C) convolved along both axes with vectors."""
    channels = x.shape[-1]
    for axis, weights in ((0, along_height), (1, along_width)):
        count = weights.shape[0]
        if count > 1 or padding == "valid":
            shape = (count, 1, 1, 1) if axis == 0 else (1, count, 1, 1)
            kernel = broadcast_to(reshape(weights, shape), (*shape[:2], channels, 1))
            x = depthwise_conv(x, kernel, padding=padding, data_format="channels_last")
    return x


@operation
def sobel_edges(images, data_format=None):
    """How steep images are downwards and to the right, by Sobel's 3×3 kernels.

    What lies outside is mirrored at the border pixel, as in TensorFlow; other backends of Keras put zeros there.

    Shapes: (N, H, W, C) → (N, H, W, C, 2), channels first (N, C, H, W) → (N, C, H, W, 2).

    Raises:
        ValueError: another rank, fewer than two rows or columns.
    """
    images = resolve(images)
    if len(images.shape) != 4:
        raise ValueError(f"sobel_edges: expected images of rank 4. Received: shape {tuple(images.shape)}")
    rows, columns = _spatial_axes("sobel_edges", images, data_format)
    if images.shape[rows] < 2 or images.shape[columns] < 2:
        raise ValueError(f"sobel_edges: expected at least 2 rows and columns. Received: shape {tuple(images.shape)}")
    x = images
    for axis in (rows, columns):
        x = take(x, np.abs(np.r_[-1 : x.shape[axis], x.shape[axis] - 2]).astype("int32"), axis)

    def part(x, axis, begin):
        key = [slice(None)] * 4
        key[axis] = slice(begin, x.shape[axis] - 2 + begin)
        return getitem(x, tuple(key))

    def steepness(axis, other):
        smooth = add(add(part(x, other, 0), multiply(part(x, other, 1), 2)), part(x, other, 2))
        return subtract(part(smooth, axis, 2), part(smooth, axis, 0))

    return stack([steepness(rows, columns), steepness(columns, rows)], axis=-1)


@operation
def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """The structural similarity of images, the mean of (2μ₁μ₂ + c₁)(2σ₁₂ + c₂)/((μ₁² + μ₂² + c₁)(σ₁² + σ₂² + c₂)).

    The moments are those of windows weighted by a Gaussian; c = (k·max_val)².

    Shapes: images (N, H, W, C) → (N,), or with channels first; (H, W, C) → (). Integers are compared as floats.

    Args:
        max_val: the width of the images' range of values.
        filter_size, filter_sigma: extent and standard deviation of the windows.
        k1, k2: stabilize the quotients.

    Raises:
        ValueError: another rank, different shapes, images smaller than the windows.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.
    """
    size = positive_integer("ssim", "filter_size", filter_size)
    number("ssim", "filter_sigma", filter_sigma, lambda v: v > 0, "a number > 0")
    first, second = promote(image1, image2, to_float=True)
    if tuple(first.shape) != tuple(second.shape):
        raise ValueError(
            f"ssim: expected images of one shape. Received: shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    axes = _spatial_axes("ssim", first, data_format)
    if any(first.shape[axis] < size for axis in axes):
        raise ValueError(
            f"ssim: expected at least filter_size={size} rows and columns. Received: shape {tuple(first.shape)}"
        )
    single = len(first.shape) == 3
    last = standardize_data_format(data_format) == "channels_last"

    def laid_out(x):
        x = expand_dims(x, 0) if single else x
        return x if last else moveaxis(x, 1, 3)

    first, second = laid_out(first), laid_out(second)
    weights = gaussian(size, np.asarray(filter_sigma, dtype_of(first)))

    def windows(x):
        return smoothed(x, weights, weights, "valid")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mu1, mu2 = windows(first), windows(second)
    product = multiply(mu1, mu2)
    squares = add(square(mu1), square(mu2))
    covariance = subtract(windows(multiply(first, second)), product)
    variances = subtract(windows(add(square(first), square(second))), squares)
    numerator = multiply(add(multiply(2.0, product), c1), add(multiply(2.0, covariance), c2))
    found = mean(divide(numerator, multiply(add(squares, c1), add(variances, c2))), axis=(1, 2, 3))
    return squeeze(found, 0) if single else found
