"""Images resized and moved, with the names, arguments and pixel centres of `keras.ops.image`."""

from __future__ import annotations

import numpy as np

from swiftbn import _lazy
from swiftbn.config import standardize_data_format
from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import dtype_of, resolve, to_dtype
from swiftbn.ops.elementwise import (
    abs as absolute,
)
from swiftbn.ops.elementwise import (
    add,
    clip,
    divide,
    floor,
    floor_divide,
    greater_equal,
    less,
    logical_and,
    maximum,
    minimum,
    mod,
    multiply,
    subtract,
    where,
)
from swiftbn.ops.elementwise import round as rounded
from swiftbn.ops.indexing import getitem
from swiftbn.ops.linear import tensordot
from swiftbn.ops.reduction import max as reduce_max
from swiftbn.ops.reduction import min as reduce_min
from swiftbn.ops.shaping import expand_dims, moveaxis, pad, reshape, squeeze, take, transpose

INTERPOLATIONS = ("bicubic", "bilinear", "lanczos3", "lanczos5", "nearest")
FILL_MODES = ("constant", "mirror", "nearest", "reflect", "wrap")


def _one_of(name: str, argument: str, value, choices: tuple) -> None:
    if value not in choices:
        raise ValueError(f"{name}: expected {argument} to be one of {choices}. Received: {argument}={value!r}")


def _spatial_axes(name: str, images, data_format) -> tuple:
    """The axes of height and width, counted from the front, of one image or several."""
    rank = len(images.shape)
    if rank not in (3, 4):
        raise ValueError(f"{name}: expected images of rank 3 or 4. Received: shape {tuple(images.shape)}")
    height = rank - 3 if standardize_data_format(data_format) == "channels_last" else rank - 2
    if None in images.shape[height : height + 2]:
        raise ValueError(f"{name}: expected a known height and width. Received: shape {tuple(images.shape)}")
    return height, height + 1


@operation
def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Images of another height and width; pixel i of n lies at (i + 1/2)/n.

    Shapes: (N, H, W, C) → (N, *size, C), or with channels first, or without N. Integers are rounded.

    Args:
        size: (height, width).
        interpolation: "nearest", "bilinear", "bicubic" (a = -1/2), "lanczos3" or "lanczos5".
        antialias: whether the filter gets wider where images get smaller; not for "nearest".
        crop_to_aspect_ratio: whether the middle is cut out first, as large as the new aspect ratio allows.
        pad_to_aspect_ratio: whether borders of `fill_value` are added first, for the new aspect ratio.
        fill_mode: only "constant".
    """
    _one_of("resize", "interpolation", interpolation, INTERPOLATIONS)
    _one_of("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio. Received: both")
    if not isinstance(size, (list, tuple)) or len(size) != 2 or not all(_is_extent(extent) for extent in size):
        raise ValueError(f"resize: expected size to be two integers >= 1. Received: size={size!r}")
    images = resolve(images)
    axes = _spatial_axes("resize", images, data_format)
    if 0 in (images.shape[axis] for axis in axes):
        raise ValueError(f"resize: expected images of at least one pixel. Received: shape {tuple(images.shape)}")
    if crop_to_aspect_ratio:
        images = centre(images, axes, aspect_window(images, axes, size))
    elif pad_to_aspect_ratio:
        images = _padded(images, axes, size, fill_value)
    if interpolation == "nearest":
        for axis, extent in zip(axes, size, strict=True):
            images = _nearest(images, axis, int(extent))
        return images
    x = images if is_float_dtype(dtype_of(images)) else to_dtype(images, "float32")
    for axis, extent in zip(axes, size, strict=True):
        if extent != x.shape[axis]:
            x = _filtered(x, axis, int(extent), interpolation, bool(antialias))
    if x is images or is_float_dtype(dtype_of(images)):
        return x
    if interpolation not in ("bilinear", "nearest"):
        whole = to_dtype(images, "float32")
        x = clip(x, reduce_min(whole), reduce_max(whole))
    return to_dtype(rounded(x), dtype_of(images))


def _is_extent(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1


def aspect_window(images, axes: tuple, size) -> tuple:
    """Height and width of the largest window with the aspect ratio of `size`."""
    height, width = (images.shape[axis] for axis in axes)
    wanted_height, wanted_width = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    return max(min(height, wanted_height), 1), max(min(width, wanted_width), 1)


def centre(images, axes: tuple, window: tuple):
    """The middle of images, `window` high and wide."""
    key = [slice(None)] * len(images.shape)
    for axis, extent in zip(axes, window, strict=True):
        start = (images.shape[axis] - extent) // 2
        key[axis] = slice(start, start + extent)
    return getitem(images, tuple(key))


def _padded(images, axes: tuple, size, fill_value):
    height, width = (images.shape[axis] for axis in axes)
    wanted = max(height, int(width * size[0] / size[1])), max(width, int(height * size[1] / size[0]))
    borders = [(0, 0)] * len(images.shape)
    for axis, extent in zip(axes, wanted, strict=True):
        before = (extent - images.shape[axis]) // 2
        borders[axis] = (before, before)
    return pad(images, borders, constant_values=fill_value)


def _nearest(x, axis: int, extent: int):
    old = x.shape[axis]
    return x if old == extent else take(x, np.floor((np.arange(extent) + 0.5) * old / extent).astype("int32"), axis)


def _filtered(x, axis: int, extent: int, interpolation: str, antialias: bool):
    old = x.shape[axis]
    centers = (np.arange(extent) + 0.5) * (old / extent) - 0.5
    if interpolation == "bilinear" and not (antialias and extent < old):
        low = np.clip(np.floor(centers), 0, old - 1).astype("int32")
        high = np.minimum(low + 1, old - 1)
        shape = [1] * len(x.shape)
        shape[axis] = extent
        share = np.clip(centers - low, 0, 1).astype(dtype_of(x)).reshape(shape)
        first = take(x, low, axis)
        return add(first, multiply(subtract(take(x, high, axis), first), share))
    weights = _weights(centers, old, max(old / extent, 1.0) if antialias else 1.0, interpolation)
    return moveaxis(tensordot(x, weights.astype(dtype_of(x)), axes=([axis], [0])), len(x.shape) - 1, axis)


def _weights(centers: np.ndarray, old: int, width: float, interpolation: str) -> np.ndarray:
    """How much of each old place (rows) is in each new one (columns)."""
    x = np.abs(centers[None, :] - np.arange(old)[:, None]) / width
    if interpolation == "bilinear":
        weights = np.maximum(1 - x, 0)
    elif interpolation == "bicubic":
        far = ((-0.5 * x + 2.5) * x - 4) * x + 2
        weights = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, far, 0))
    else:
        radius = int(interpolation[-1])
        weights = np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)
    return weights / weights.sum(axis=0, keepdims=True)


@operation
def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None):
    """Images moved: pixel (x, y) is the one at ((a0·x + a1·y + a2)/k, (b0·x + b1·y + b2)/k), k = c0·x + c1·y + 1.

    Shapes: images (N, H, W, C), or with channels first, or without N; transform (N, 8) or (8,) of
    [a0, a1, a2, b0, b1, b2, c0, c1].

    Args:
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest" (the border), "reflect" (d c b a | a b c d),
            "mirror" (d c b | a b c d) or "wrap".
    """
    _one_of("affine_transform", "interpolation", interpolation, ("bilinear", "nearest"))
    _one_of("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    images, transform = resolve(images), resolve(transform)
    axes = _spatial_axes("affine_transform", images, data_format)
    single = len(images.shape) == 3
    rank = len(transform.shape)
    if rank not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            f"affine_transform: expected transform of shape (8,) or (N, 8). Received: shape {tuple(transform.shape)}"
        )
    if single:
        images = expand_dims(images, 0)
    first = axes[-1] == len(images.shape) - 1 - single
    if first:
        images = transpose(images, (0, 2, 3, 1))
    dtype = dtype_of(images)
    working = dtype if is_float_dtype(dtype) else "float32"
    x = to_dtype(images, working)
    matrix = to_dtype(transform, working)
    rows, columns = _coordinates(matrix if rank == 2 else expand_dims(matrix, 0), x.shape[1], x.shape[2])
    y = sample(x, rows, columns, interpolation, fill_mode, fill_value)
    if dtype != working:
        y = to_dtype(rounded(y), dtype)
    if first:
        y = transpose(y, (0, 3, 1, 2))
    return squeeze(y, 0) if single else y


def _coordinates(matrix, height: int, width: int) -> tuple:
    """Rows and columns, each (N, H, W), from which pixels are taken."""
    dtype = dtype_of(matrix)
    x = np.arange(width, dtype=dtype)[None, None, :]
    y = np.arange(height, dtype=dtype)[None, :, None]
    a0, a1, a2, b0, b1, b2, c0, c1 = (reshape(getitem(matrix, (slice(None), i)), (-1, 1, 1)) for i in range(8))
    columns = add(add(multiply(a0, x), multiply(a1, y)), a2)
    rows = add(add(multiply(b0, x), multiply(b1, y)), b2)
    if isinstance(matrix, np.ndarray) and not matrix[:, 6:].any():
        return rows, columns
    k = add(add(multiply(c0, x), multiply(c1, y)), 1.0)
    return divide(rows, k), divide(columns, k)


def sample(images, rows, columns, interpolation: str, fill_mode: str, fill_value):
    """Pixels of (N, H, W, C) images at rows and columns (N or 1, H', W'), which lie between pixels in general."""
    count, height, width, channels = images.shape
    if None in images.shape:
        raise ValueError(f"affine_transform: expected images of a known shape. Received: shape {images.shape}")
    if not count * height * width:
        return images
    flat = reshape(images, (count * height * width, channels))
    offsets = (np.arange(count, dtype="int32") * (height * width))[:, None, None]

    def pixels(row, column):
        """Those at whole rows and columns, as floats."""
        index = add(multiply(_inside(row, height, fill_mode), width), _inside(column, width, fill_mode))
        found = take(flat, add(index, offsets), 0)
        if fill_mode != "constant":
            return found
        valid = logical_and(
            logical_and(greater_equal(row, 0), less(row, height)),
            logical_and(greater_equal(column, 0), less(column, width)),
        )
        return where(expand_dims(valid, -1), found, float(fill_value))

    if interpolation == "nearest":
        return pixels(floor(add(rows, 0.5)), floor(add(columns, 0.5)))
    top, left = floor(rows), floor(columns)
    below, right = expand_dims(subtract(rows, top), -1), expand_dims(subtract(columns, left), -1)

    def line(row):
        first = pixels(row, left)
        return add(first, multiply(subtract(pixels(row, add(left, 1.0)), first), right))

    upper = line(top)
    return add(upper, multiply(subtract(line(add(top, 1.0)), upper), below))


def _inside(places, extent: int, fill_mode: str):
    """Whole numbers, given as floats, as int32 in 0 … extent - 1."""
    index = to_dtype(clip(places, -(2.0**24), 2.0**24), "int32")
    if fill_mode == "wrap":
        return mod(index, extent)
    if fill_mode == "reflect":
        return floor_divide(subtract(_mirrored(add(multiply(index, 2), 1), 2 * extent + 1), 1), 2)
    if fill_mode == "mirror":
        return _mirrored(index, extent)
    return minimum(maximum(index, 0), extent - 1)


def _mirrored(index, extent: int):
    period = extent - 1
    return absolute(subtract(mod(add(index, period), 2 * period), period)) if period else multiply(index, 0)


# The other functions, by the modules beside this one that define them.
__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        ".image_colors": "hsv_to_rgb rgb_to_grayscale rgb_to_hsv",
        ".image_sampling": "elastic_transform map_coordinates perspective_transform scale_and_translate",
        ".image_windows": "crop_images extract_patches extract_patches_3d gaussian_blur pad_images sobel_edges ssim",
    },
)
