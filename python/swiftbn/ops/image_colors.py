"""Colours of images in other systems, with the names, arguments and formulas of `keras.ops.image`."""

from __future__ import annotations

import numpy as np

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
    equal,
    greater,
    less,
    maximum,
    minimum,
    mod,
    multiply,
    subtract,
    where,
)
from swiftbn.ops.shaping import concatenate, split


def _checked(name: str, images, data_format, channels: tuple) -> tuple:
    """The images and the axis of their channels, of which there have to be one of `channels`."""
    images = resolve(images)
    rank = len(images.shape)
    if rank not in (3, 4):
        raise ValueError(f"{name}: expected images of rank 3 or 4. Received: shape {tuple(images.shape)}")
    axis = rank - 1 if standardize_data_format(data_format) == "channels_last" else rank - 3
    if images.shape[axis] not in channels:
        expected = " or ".join(map(str, channels))
        raise ValueError(
            f"{name}: expected images with {expected} channels on axis {axis}. Received: shape {tuple(images.shape)}"
        )
    return images, axis


def _checked_colors(name: str, images, data_format) -> tuple:
    images, axis = _checked(name, images, data_format, (3,))
    if not is_float_dtype(dtype_of(images)):
        raise ValueError(f"{name}: expected images of a float dtype. Received: dtype {dtype_of(images)}")
    return images, axis


@operation
def rgb_to_grayscale(images, data_format=None):
    """0.2989·red + 0.5870·green + 0.1140·blue; images of one channel stay as they are. Integers are cut to integers.

    Shapes: (N, H, W, 3) → (N, H, W, 1), or with channels first, or without N.

    Raises:
        ValueError: another rank, or neither 3 channels nor 1.
    """
    images, axis = _checked("rgb_to_grayscale", images, data_format, (3, 1))
    if images.shape[axis] == 1:
        return images
    dtype = dtype_of(images)
    red, green, blue = split(to_dtype(images, dtype if is_float_dtype(dtype) else "float32"), 3, axis=axis)
    gray = add(add(multiply(red, 0.2989), multiply(green, 0.5870)), multiply(blue, 0.1140))
    return to_dtype(gray, dtype)


@operation
def rgb_to_hsv(images, data_format=None):
    """Hue, saturation and value, each in 0 … 1, of red, green and blue in 0 … 1.

    With v the largest of the three and d = v - the smallest one: saturation d/v; hue (g - b)/6d where v is red,
    2/6 + (b - r)/6d where it is green, 4/6 + (r - g)/6d where it is blue, modulo 1; both are 0 where the divisor is.

    Shapes: (N, H, W, 3) → the same, or with channels first, or without N.

    Raises:
        ValueError: another rank or number of channels, integers.
    """
    images, axis = _checked_colors("rgb_to_hsv", images, data_format)
    tiny = float(np.finfo("float64" if dtype_of(images) == "float64" else "float32").eps)
    images = where(less(absolute(images), tiny), 0.0, images)
    r, g, b = split(images, 3, axis=axis)
    value = maximum(maximum(r, g), b)
    spread = subtract(value, minimum(minimum(r, g), b))
    colored = greater(spread, 0)
    lit = greater(value, 0)
    saturation = where(lit, divide(spread, where(lit, value, 1.0)), 0.0)
    unit = divide(1.0, multiply(6.0, where(colored, spread, 1.0)))
    hue = where(
        equal(value, g),
        add(multiply(unit, subtract(b, r)), 2.0 / 6.0),
        add(multiply(unit, subtract(r, g)), 4.0 / 6.0),
    )
    hue = where(equal(value, r), multiply(unit, subtract(g, b)), hue)
    hue = where(colored, hue, 0.0)
    hue = where(less(hue, 0), add(hue, 1.0), hue)
    return concatenate([hue, saturation, value], axis=axis)


@operation
def hsv_to_rgb(images, data_format=None):
    """Red, green and blue of hue h, saturation s and value v: v·(1 - s + s·c), c being |6h - 3| - 1, 2 - |6h - 2| and
    2 - |6h - 4|, cut to 0 … 1.

    Shapes and errors are those of `rgb_to_hsv`.
    """
    images, axis = _checked_colors("hsv_to_rgb", images, data_format)
    hue, saturation, value = split(images, 3, axis=axis)
    h = multiply(mod(hue, 1.0), 6.0)
    shares = (
        subtract(absolute(subtract(h, 3.0)), 1.0),
        subtract(2.0, absolute(subtract(h, 2.0))),
        subtract(2.0, absolute(subtract(h, 4.0))),
    )
    rest = subtract(1.0, saturation)
    planes = [multiply(value, add(rest, multiply(saturation, clip(share, 0.0, 1.0)))) for share in shares]
    return concatenate(planes, axis=axis)
