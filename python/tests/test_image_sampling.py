"""Images sampled at coordinates: interpolation, perspective, elastic bending, scaling."""

import os

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import ops
from swiftbn.ops.image_sampling import displacements

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
image = ops.image
RANDOM = np.random.default_rng(19)
X = RANDOM.uniform(size=(2, 7, 6, 3))
BYTES = (X * 255).astype("uint8")


def first(x):
    return np.moveaxis(x, -1, 1).copy()


def reference_coordinates(x, places, order, mode, fill):
    """Of two axes, element by element, with what lies outside by np.pad."""
    modes = {"nearest": "edge", "mirror": "reflect", "reflect": "symmetric", "wrap": "wrap"}
    if mode == "constant":
        wide = np.pad(x, 30, constant_values=fill)
    else:
        wide = np.pad(x, 30, mode=modes[mode])
    y = np.zeros(places.shape[1:])
    for index in np.ndindex(y.shape):
        r, c = places[(slice(None), *index)] + 30
        if order == 0:
            y[index] = wide[int(np.round(r)), int(np.round(c))]
            continue
        i, j = int(np.floor(r)), int(np.floor(c))
        a, b = r - i, c - j
        y[index] = (1 - a) * ((1 - b) * wide[i, j] + b * wide[i, j + 1]) + a * (
            (1 - b) * wide[i + 1, j] + b * wide[i + 1, j + 1]
        )
    return y


@pytest.mark.parametrize("mode", ["constant", "nearest", "mirror", "reflect", "wrap"])
@pytest.mark.parametrize("order", [0, 1])
def test_coordinates(mode, order):
    x = X[0, ..., 0]
    places = RANDOM.uniform(-9, 15, size=(2, 4, 5))
    function = lambda a, p: image.map_coordinates(a, p, order, mode, 2.0)  # noqa: E731
    expected = reference_coordinates(x, places, order, mode, 2.0)
    np.testing.assert_allclose(function(x, places), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(traced(function, x, places), expected, rtol=1e-9, atol=1e-10)
    if order:
        check_gradient(function, x, places)
    whole = image.map_coordinates(BYTES[0, ..., 0], places, order, mode, 9)
    assert whole.dtype == "uint8"
    wanted = reference_coordinates(BYTES[0, ..., 0].astype("float64"), places, order, mode, 9)
    assert np.abs(whole - wanted).max() <= 0.5 + 1e-3


def test_coordinates_of_other_ranks():
    line = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(image.map_coordinates(line, np.array([[0.5, 1.5, 2.5]]), 1), [2.5, 6.5, 4.5])
    cube = RANDOM.normal(size=(3, 4, 2))
    places = np.array([[0, 2, 1], [3, 0, 2], [1, 0, 1]], "int32")
    np.testing.assert_array_equal(image.map_coordinates(cube, places, 0), cube[tuple(places)])


def test_perspective():
    corners = np.array([[0, 0], [5, 0], [0, 6], [5, 6.0]])
    moved = corners + RANDOM.uniform(-1, 1, size=(2, 4, 2))
    starts = np.stack([corners, corners])
    found = image.perspective_transform(X, starts, moved, fill_value=0.5)
    rows = []
    for start, end in zip(starts, moved, strict=True):
        a = np.zeros((8, 8))
        for i, ((u, v), (x, y)) in enumerate(zip(start, end, strict=True)):
            a[2 * i] = [x, y, 1, 0, 0, 0, -u * x, -u * y]
            a[2 * i + 1] = [0, 0, 0, x, y, 1, -v * x, -v * y]
        rows.append(np.linalg.solve(a, start.ravel()))
    np.testing.assert_allclose(found, image.affine_transform(X, np.array(rows), fill_value=0.5), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(image.perspective_transform(X, starts, starts), X, atol=1e-9)
    np.testing.assert_allclose(
        image.perspective_transform(X[1], corners, moved[1], fill_value=0.5), found[1], atol=1e-9
    )
    check_gradient(lambda p: image.perspective_transform(X[:1], starts[:1], p), moved[:1], tolerance=1e-5)


def test_elastic():
    for interpolation in ("bilinear", "nearest"):

        def function(x, data_format=None, interpolation=interpolation):
            return image.elastic_transform(x, 6.0, 1.5, interpolation, seed=3, data_format=data_format)

        y = function(X)
        assert y.shape == X.shape and not np.allclose(y, X) and np.array_equal(function(X), y)
        np.testing.assert_allclose(np.moveaxis(function(first(X), "channels_first"), 1, -1), y, rtol=1e-12)
        assert y.min() >= X.min() and y.max() <= X.max() and function(X[1]).shape == X[1].shape
        assert function(BYTES).dtype == "uint8" and np.array_equal(traced(function, X), y)
    # A slope shows how far pixels moved: alpha times blurred noise of standard deviation sigma.
    slope = np.broadcast_to(np.arange(60.0)[None, :, None, None], (20, 60, 50, 1))
    moves = (image.elastic_transform(slope, 2.0, 1.5, seed=5) - slope)[:, 15:-15, 10:-10]
    weights = np.exp(-0.5 * ((np.arange(9) - 4) / 1.5) ** 2)
    expected = 2.0 * 1.5 * np.square(weights / weights.sum()).sum()
    assert abs(moves.mean()) < 0.05 and abs(moves.std() / expected - 1) < 0.06
    np.testing.assert_array_equal(image.elastic_transform(X, 0.0, seed=1), X)


def test_displacements_end_where_the_kernel_does():
    near, far = (displacements((2, 9, 8), 2.0, np.array(1.2), reach, "float64", 3) for reach in (3, 8))
    np.testing.assert_allclose(near, far, rtol=1e-9, atol=1e-14)
    assert np.abs(displacements((2, 9, 8), 2.0, np.array(0.0), 3, "float64", 3)).max() == 0


@pytest.mark.parametrize("method", ["linear", "cubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [True, False])
def test_scale_and_translate(method, antialias):
    names = {"linear": "bilinear", "cubic": "bicubic"}
    scale = np.array([5 / 7, 9 / 6])
    found = image.scale_and_translate(X, (2, 5, 9, 3), scale, np.zeros(2), (1, 2), method, antialias)
    expected = image.resize(X, (5, 9), names.get(method, method), antialias=antialias)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    moved = image.scale_and_translate(X, X.shape, np.ones(2), np.array([2.0, -1.0]), (1, 2), method, antialias)
    np.testing.assert_allclose(moved[:, 2:, :-1], X[:, :-2, 1:], atol=1e-12)
    assert not moved[:, :2].any() and not moved[:, :, -1].any()
    check_gradient(
        lambda x, s, t: image.scale_and_translate(x, (1, 5, 9, 3), s, t, (1, 2), method, antialias),
        X[:1],
        scale,
        np.array([0.3, 0.2]),
        tolerance=1e-5,
    )
    whole = image.scale_and_translate(BYTES, (2, 5, 9, 3), scale, np.zeros(2), (1, 2), method, antialias)
    assert whole.dtype == "uint8" and np.abs(whole - np.clip(found * 255, 0, 255)).max() < 4


@pytest.mark.interop
def test_sampling_as_keras():
    keras = pytest.importorskip("keras")
    x = X[0, ..., 0].astype("float32")
    inner = RANDOM.uniform(0, [[[5.9]], [[4.9]]], size=(2, 3, 4)).astype("float32")
    for order in (0, 1):
        for mode in ("constant", "nearest", "mirror", "reflect", "wrap"):
            found = image.map_coordinates(x, inner, order, mode, 2.0)
            expected = keras.ops.image.map_coordinates(x, inner, order, mode, 2.0)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    for method in ("linear", "bicubic", "lanczos3"):
        arguments = ((2, 5, 9, 3), np.float32([0.7, 1.6]), np.float32([0.4, -0.3]), (1, 2), method)
        found = image.scale_and_translate(X.astype("float32"), *arguments)
        expected = keras.ops.image.scale_and_translate(X.astype("float32"), *arguments)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
