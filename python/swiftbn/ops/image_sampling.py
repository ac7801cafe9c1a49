"""Images and other tensors between their pixels, with the names, arguments and pixel centres of `keras.ops.image`."""

from __future__ import annotations

import itertools

import numpy as np

from swiftbn._checks import number, one_of
from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import dtype_of, normalize_axes, promote, resolve, to_dtype, to_float
from swiftbn.ops._homography import homography
from swiftbn.ops.elementwise import (
    abs as absolute,
)
from swiftbn.ops.elementwise import (
    add,
    clip,
    divide,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    maximum,
    multiply,
    subtract,
    where,
)
from swiftbn.ops.elementwise import round as rounded
from swiftbn.ops.image import FILL_MODES, _inside, affine_transform, sample
from swiftbn.ops.image_windows import gaussian, on_batch, smoothed
from swiftbn.ops.indexing import getitem
from swiftbn.ops.linear import tensordot
from swiftbn.ops.reduction import max as reduce_max
from swiftbn.ops.reduction import min as reduce_min
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.shaping import expand_dims, moveaxis, reshape, take

_METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), "linear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "cubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@operation
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """The elements of a tensor at places between its own: y[…] = x(coordinates[0, …], coordinates[1, …], …).

    Shapes: inputs of any shape of r axes, coordinates (r, …) → (…). Integers are rounded.

    Args:
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode, fill_value: what lies outside, as of `affine_transform`.

    Raises:
        ValueError: coordinates of another shape, an argument out of its range.
    """
    name = "map_coordinates"
    one_of(name, "fill_mode", fill_mode, FILL_MODES)
    one_of(name, "order", order, (0, 1))
    inputs, places = resolve(inputs), resolve(coordinates)
    rank = len(inputs.shape)
    if len(places.shape) < 2 or places.shape[0] != rank:
        raise ValueError(
            f"{name}: expected coordinates ({rank}, …) of at least two axes for inputs of shape {tuple(inputs.shape)}. "
            f"Received: shape {tuple(places.shape)}"
        )
    if not rank or not all(inputs.shape):
        raise ValueError(f"{name}: expected inputs of known extents >= 1. Received: shape {tuple(inputs.shape)}")
    dtype = dtype_of(inputs)
    flat = reshape(to_float(inputs), (-1,))
    # Fractions are exact where the coordinates are.
    places = to_dtype(places, "float64" if "float64" in (dtype_of(places), dtype) else "float32")
    corners = []
    for axis in range(rank):
        place = getitem(places, axis)
        low = floor(place) if order else rounded(place)
        share = to_dtype(subtract(place, low), dtype_of(flat))
        corners.append([(low, subtract(1.0, share)), (add(low, 1.0), share)] if order else [(low, None)])
    result = None
    for corner in itertools.product(*corners):
        found = _elements(flat, inputs.shape, [place for place, _ in corner], fill_mode, fill_value)
        for _, share in corner if order else ():
            found = multiply(found, share)
        result = found if result is None else add(result, found)
    return result if is_float_dtype(dtype) else to_dtype(rounded(result), dtype)


def _elements(flat, shape: tuple, places: list, fill_mode: str, fill_value):
    """Elements at whole places, which are given as floats."""
    index = valid = None
    for extent, place in zip(shape, places, strict=True):
        inner = _inside(place, extent, fill_mode)
        index = inner if index is None else add(multiply(index, extent), inner)
        if fill_mode == "constant":
            here = logical_and(greater_equal(place, 0), less(place, extent))
            valid = here if valid is None else logical_and(valid, here)
    found = take(flat, index, 0)
    return found if valid is None else where(valid, found, float(fill_value))


@operation
def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """Images moved so that what lies at four start points (x, y) comes to four end points; outside is `fill_value`.

    Shapes: images (N, H, W, C), or with channels first, or without N; points (N, 4, 2) or (4, 2).

    Args:
        interpolation: "nearest" or "bilinear".

    Raises:
        ValueError: another rank, points of other shapes.
    """
    name = "perspective_transform"
    start, end = promote(start_points, end_points, to_float=True)
    for argument, points in (("start_points", start), ("end_points", end)):
        if len(points.shape) not in (2, 3) or tuple(points.shape[-2:]) != (4, 2):
            raise ValueError(
                f"{name}: expected {argument} of shape (4, 2) or (N, 4, 2). Received: shape {tuple(points.shape)}"
            )
    if tuple(start.shape) != tuple(end.shape):
        raise ValueError(
            f"{name}: expected points of one shape. Received: start_points {tuple(start.shape)}, "
            f"end_points {tuple(end.shape)}"
        )
    return affine_transform(images, homography(start, end), interpolation, "constant", fill_value, data_format)


@operation
def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images whose pixels are moved by random fields: normal noise of standard deviation σ, blurred, times alpha.

    Shapes: (N, H, W, C) → the same, or with channels first, or without N.

    Args:
        alpha: how far pixels move, a number or a scalar tensor.
        sigma: σ of the noise and of the blur, a number > 0; the blur's kernel has ⌊6σ⌋ pixels, made odd.
        interpolation, fill_mode, fill_value: as of `affine_transform`.
        seed: an integer, a `SeedGenerator`, or None for the global one.

    Raises:
        ValueError: another rank, an argument out of its range.

    Source: Simard et al., "Best practices for convolutional neural networks applied to visual document analysis", 2003.
    """
    name = "elastic_transform"
    one_of(name, "interpolation", interpolation, ("bilinear", "nearest"))
    one_of(name, "fill_mode", fill_mode, FILL_MODES)
    sigma = number(name, "sigma", sigma, lambda v: v > 0, "a number > 0")

    def moved(x):
        working = "float64" if dtype_of(x) == "float64" else "float32"
        count, height, width, _ = x.shape
        spread = np.asarray(sigma, working)
        field = displacements((count, height, width), alpha, spread, int(3 * sigma), working, seed)
        rows = add(np.arange(height, dtype=working)[None, :, None], getitem(field, (..., 0)))
        columns = add(np.arange(width, dtype=working)[None, None, :], getitem(field, (..., 1)))
        y = sample(to_dtype(x, working), rows, columns, interpolation, fill_mode, fill_value)
        return to_dtype(y, dtype_of(x))

    return on_batch(name, images, data_format, moved)


def displacements(shape: tuple, alpha, sigma, reach: int, dtype: str, seed):
    """How far pixels (N, H, W) move down and to the right, (N, H, W, 2): blurred normal noise times alpha·σ.

    Args:
        alpha, sigma: numbers or scalar tensors.
        reach: the largest ⌊3σ⌋ there can be, beyond which no noise counts.
    """
    from swiftbn import random

    noise = random.normal((*shape, 2), dtype=dtype, seed=seed)
    weights = gaussian(2 * reach + 1, maximum(sigma, 1e-6))
    near = less_equal(np.abs(np.arange(-reach, reach + 1)).astype(dtype), floor(multiply(3.0, sigma)))
    weights = where(near, weights, 0.0)
    weights = divide(weights, reduce_sum(weights))
    return multiply(smoothed(multiply(noise, sigma), weights, weights, "same"), alpha)


@operation
def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """A tensor resampled along some axes: element i of an axis goes to (i + 1/2)·scale + translation - 1/2.

    What lies outside of the tensor is 0. Integers are rounded.

    Args:
        output_shape: all extents of the result.
        scale, translation: tensors with one number for each of `spatial_dims`.
        spatial_dims: the axes that change.
        method: "linear" ("bilinear", "trilinear", "triangle"), "cubic" ("bicubic", "tricubic", a = -1/2), "lanczos3" or
            "lanczos5".
        antialias: whether the filter gets wider where the scale is below 1.

    Raises:
        ValueError: shapes that do not fit, an unknown method.
    """
    name = "scale_and_translate"
    one_of(name, "method", method, tuple(_METHODS))
    images = resolve(images)
    axes = normalize_axes(tuple(spatial_dims), len(images.shape), name)
    scale, translation = promote(scale, translation, to_float=True)
    for argument, tensor in (("scale", scale), ("translation", translation)):
        if tuple(tensor.shape) != (len(axes),):
            raise ValueError(
                f"{name}: expected {argument} of shape ({len(axes)},), one number per axis in spatial_dims. "
                f"Received: shape {tuple(tensor.shape)}"
            )
    shape = tuple(output_shape)
    if len(shape) != len(images.shape) or any(
        shape[axis] != extent for axis, extent in enumerate(images.shape) if axis not in axes and extent is not None
    ):
        raise ValueError(
            f"{name}: expected output_shape to differ from {tuple(images.shape)} on the axes {axes} only. "
            f"Received: output_shape={shape}"
        )
    dtype = dtype_of(images)
    x = to_float(images)
    for index, axis in enumerate(axes):
        numbers = (to_dtype(getitem(tensor, index), dtype_of(x)) for tensor in (scale, translation))
        weights = _weights(x.shape[axis], int(shape[axis]), *numbers, _METHODS[method], bool(antialias))
        x = moveaxis(tensordot(x, weights, axes=([axis], [0])), len(shape) - 1, axis)
    if is_float_dtype(dtype):
        return x
    whole = to_float(images)
    return to_dtype(clip(rounded(x), reduce_min(whole), reduce_max(whole)), dtype)


def _weights(old: int, new: int, scale, translation, method: str, antialias: bool):
    """How much of each old place (rows) is in each new one (columns)."""
    dtype = dtype_of(scale)
    inverse = divide(1.0, scale)
    centers = subtract(multiply(subtract(np.arange(new, dtype=dtype) + 0.5, translation), inverse), 0.5)
    distance = absolute(subtract(expand_dims(centers, 0), np.arange(old, dtype=dtype)[:, None]))
    weights = _kernel(divide(distance, maximum(inverse, 1.0)) if antialias else distance, method)
    total = reduce_sum(weights, axis=0, keepdims=True)
    enough = greater(absolute(total), 1000.0 * float(np.finfo(dtype).eps))
    weights = where(enough, divide(weights, where(enough, total, 1.0)), 0.0)
    inside = logical_and(greater_equal(centers, -0.5), less_equal(centers, old - 0.5))
    return where(expand_dims(inside, 0), weights, 0.0)


def _kernel(x, method: str):
    if method == "linear":
        return maximum(subtract(1.0, x), 0.0)
    if method == "cubic":
        near = add(multiply(multiply(subtract(multiply(1.5, x), 2.5), x), x), 1.0)
        far = add(multiply(subtract(multiply(add(multiply(-0.5, x), 2.5), x), 4.0), x), 2.0)
        return where(less(x, 1.0), near, where(less(x, 2.0), far, 0.0))
    from swiftbn.ops.special import sinc

    radius = float(method[-1])
    return where(less_equal(x, radius), multiply(sinc(x), sinc(divide(x, radius))), 0.0)
