"""Colours, windows and edges of images against NumPy and colorsys; all image functions against real Keras."""

import colorsys
import os

import numpy as np
import pytest
from checks import check_gradient, traced

import swiftbn
from swiftbn import Input, Model, ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
image = ops.image
RANDOM = np.random.default_rng(19)
X = RANDOM.uniform(size=(2, 7, 6, 3))
BYTES = (X * 255).astype("uint8")


def first(x):
    return np.moveaxis(x, -1, 1).copy()


def same_in_all_layouts(function, expected, x=X, tolerance=1e-10):
    """A function of images and data_format: channels last and first, single images, inside a program."""
    found = function(x, None)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(function(first(x), "channels_first"), np.moveaxis(expected, 3, 1), atol=tolerance)
    np.testing.assert_allclose(function(x[1], None), expected[1], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(traced(lambda v: function(v, None), x), expected, rtol=tolerance, atol=tolerance)


def test_colours():
    weights = [0.2989, 0.5870, 0.1140]
    same_in_all_layouts(lambda x, f: image.rgb_to_grayscale(x, data_format=f), (X @ weights)[..., None])
    assert image.rgb_to_grayscale(BYTES).tolist() == (BYTES @ np.float32(weights)).astype("uint8")[..., None].tolist()
    assert image.rgb_to_grayscale(X[..., :1]).tolist() == X[..., :1].tolist()
    x = X.copy()
    # Grays, black, pure colours, equal largest colours.
    x[0, 0] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 1], [1, 0, 1]]
    hsv = np.apply_along_axis(lambda c: colorsys.rgb_to_hsv(*c), -1, x)
    same_in_all_layouts(lambda x, f: image.rgb_to_hsv(x, data_format=f), hsv, x)
    back = np.apply_along_axis(lambda c: colorsys.hsv_to_rgb(*c), -1, X)
    same_in_all_layouts(lambda x, f: image.hsv_to_rgb(x, data_format=f), back)
    np.testing.assert_allclose(image.hsv_to_rgb(image.rgb_to_hsv(x)), x, atol=1e-12)
    for function in (image.rgb_to_hsv, image.hsv_to_rgb, image.rgb_to_grayscale):
        check_gradient(function, X[:1, :2])
        assert np.isnan(function(X * np.nan)).any() and function(X[:0]).shape[0] == 0


def test_borders():
    same_in_all_layouts(
        lambda x, f: image.crop_images(
            x, top_cropping=1, bottom_cropping=2, left_cropping=0, target_width=4, data_format=f
        ),
        X[:, 1:-2, :4],
    )
    same_in_all_layouts(
        lambda x, f: image.crop_images(
            x, bottom_cropping=1, target_height=3, right_cropping=2, target_width=2, data_format=f
        ),
        X[:, 3:6, 2:4],
    )
    same_in_all_layouts(
        lambda x, f: image.pad_images(x, 1, 2, target_height=10, right_padding=0, data_format=f),
        np.pad(X, ((0, 0), (1, 2), (2, 0), (0, 0))),
    )
    assert (
        image.crop_images(BYTES, 0, 0, 7, 6).shape == (2, 0, 0, 3)
        and image.pad_images(BYTES, 1, 1, 1, 1).dtype == "uint8"
    )
    check_gradient(lambda x: image.pad_images(image.crop_images(x, 1, 1, 1, 1), 2, 0, 0, 1), X[:1])


@pytest.mark.parametrize(
    "options", [{}, {"strides": 1}, {"strides": (2, 1), "padding": "same"}, {"dilation_rate": 2, "strides": 1}]
)
def test_patches(options):
    size = (3, 2)
    strides = options.get("strides", size)
    sh, sw = strides if isinstance(strides, tuple) else (strides, strides)
    d = options.get("dilation_rate", 1)
    x = X
    if options.get("padding") == "same":
        x = np.pad(X, ((0, 0), (1, 1), (0, 1), (0, 0)))
    rows = range(0, x.shape[1] - 2 * d, sh)
    columns = range(0, x.shape[2] - d, sw)
    expected = np.stack(
        [np.stack([x[:, i : i + 2 * d + 1 : d, j : j + d + 1 : d].reshape(2, -1) for j in columns], 1) for i in rows], 1
    )
    same_in_all_layouts(lambda x, f: image.extract_patches(x, size, data_format=f, **options), expected)
    check_gradient(lambda x: image.extract_patches(x, size, **options), X[:1])


def test_patches_of_volumes():
    x = RANDOM.normal(size=(2, 3, 4, 5, 2))
    y = image.extract_patches(x, (2, 2, 3), strides=1)
    assert y.shape == (2, 2, 3, 3, 24) == image.extract_patches_3d(x, (2, 2, 3), 1).shape
    np.testing.assert_array_equal(y[1, 1, 2, 0], x[1, 1:3, 2:4, 0:3].ravel())
    np.testing.assert_array_equal(image.extract_patches_3d(x[0], 2)[0, 1, 1], x[0, :2, 2:4, 2:4].ravel())
    z = image.extract_patches_3d(first(x), (2, 2, 3), 1, data_format="channels_first")
    np.testing.assert_array_equal(np.moveaxis(z, 1, -1), y)


def blurred(x, size, sigma):
    """Along the last but one axis by the first number, and down by the second."""
    y = np.zeros_like(x)
    kernels = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / s) ** 2) for n, s in zip(size, sigma, strict=True)]
    kernel = np.outer(kernels[1], kernels[0])
    kernel /= kernel.sum()
    before = [(n - 1) // 2 for n in kernel.shape]
    padded = np.pad(x, ((0, 0), *((b, n - 1 - b) for b, n in zip(before, kernel.shape, strict=True)), (0, 0)))
    for i, j in np.ndindex(kernel.shape):
        y += kernel[i, j] * padded[:, i : i + x.shape[1], j : j + x.shape[2]]
    return y


def test_blur():
    for options in (((3, 3), (1.0, 1.0)), ((5, 3), (0.5, 2.0)), ((1, 4), (1.0, 1.5))):
        same_in_all_layouts(lambda x, f, options=options: image.gaussian_blur(x, *options, f), blurred(X, *options))
    check_gradient(lambda x, s: image.gaussian_blur(x, (3, 5), s), X[:1, :3], np.array([0.8, 1.5]))
    assert image.gaussian_blur(BYTES).tolist() == np.round(blurred(BYTES.astype("float64"), (3, 3), (1, 1))).tolist()


def test_edges():
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    kernel = np.outer([-1, 0, 1], [1, 2, 1])
    expected = np.zeros((*X.shape, 2))
    for i, j in np.ndindex(3, 3):
        part = padded[:, i : i + 7, j : j + 6]
        expected += part[..., None] * [kernel[i, j], kernel.T[i, j]]
    np.testing.assert_allclose(image.sobel_edges(X), expected, atol=1e-12)
    np.testing.assert_allclose(image.sobel_edges(first(X), "channels_first"), np.moveaxis(expected, 3, 1), atol=1e-12)
    check_gradient(image.sobel_edges, X[:1, :3, :3])


def test_similarity():
    y = np.clip(X + RANDOM.normal(0, 0.2, X.shape), 0, 1)
    found = image.ssim(X, y, filter_size=4, filter_sigma=1.2)
    weights = np.exp(-0.5 * ((np.arange(4) - 1.5) / 1.2) ** 2)
    kernel = np.outer(weights, weights)[..., None] / weights.sum() ** 2
    scores = np.zeros((2, 4, 3, 3))
    for n, i, j in np.ndindex(2, 4, 3):
        a, b = X[n, i : i + 4, j : j + 4], y[n, i : i + 4, j : j + 4]
        ma, mb = (kernel * a).sum((0, 1)), (kernel * b).sum((0, 1))
        va, vb = (kernel * (a - ma) ** 2).sum((0, 1)), (kernel * (b - mb) ** 2).sum((0, 1))
        cov = (kernel * (a - ma) * (b - mb)).sum((0, 1))
        scores[n, i, j] = (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    np.testing.assert_allclose(found, scores.mean((1, 2, 3)), rtol=1e-10)
    np.testing.assert_allclose(image.ssim(X[1], y[1], filter_size=4, filter_sigma=1.2), found[1])
    np.testing.assert_allclose(image.ssim(first(X), first(y), 1.0, 4, 1.2, data_format="channels_first"), found)
    np.testing.assert_allclose(image.ssim(BYTES, BYTES, 255, filter_size=5), 1)
    check_gradient(lambda a: image.ssim(a, X[:1, :4, :4], filter_size=3), y[:1, :4, :4])


def test_models_with_image_functions(tmp_path):
    inputs = Input((7, 6, 3))
    x = image.rgb_to_hsv(image.gaussian_blur(inputs, (3, 3), (1.0, 0.5)))
    x = image.pad_images(image.crop_images(x, 1, 1, 1, 1), 1, 0, 1, 1)
    model = Model(inputs, image.extract_patches(x, 3, padding="same"))
    y = model.predict(X, verbose=0)
    assert y.shape == (2, 3, 2, 27)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(saving.load_model(tmp_path / "m.keras").predict(X, verbose=0), y)
    other = model_of(swiftbn)
    other.save(tmp_path / "m.keras")
    x = RANDOM.uniform(size=(2, 8, 6, 3))
    again = saving.load_model(tmp_path / "m.keras")
    for a, b in zip(again.predict(x, verbose=0), other.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(a, b)


def model_of(k):
    f = k.ops.image
    inputs = k.Input((8, 6, 3), name="images")
    x = f.hsv_to_rgb(f.rgb_to_hsv(f.gaussian_blur(inputs, (3, 3), (1.0, 0.5))))
    x = f.pad_images(f.crop_images(x, 1, 1, 1, 1), 1, 0, 1, 1)
    similar = f.ssim(x, inputs[:, :, 1:], filter_size=3)
    patches = f.extract_patches_3d(k.ops.reshape(x, (-1, 2, 4, 5, 3)), (1, 2, 2), 1)
    outputs = [similar, patches, f.extract_patches(x, 3), f.sobel_edges(x), f.rgb_to_grayscale(x)]
    return k.Model(inputs, outputs, name="model")


@pytest.mark.interop
def test_files_of_keras(tmp_path):
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the borders of Keras' backends differ")
    x = RANDOM.uniform(size=(2, 8, 6, 3)).astype("float32")
    for source, target in ((swiftbn, keras), (keras, swiftbn)):
        model = model_of(source)
        model.save(tmp_path / "m.keras")
        again = target.saving.load_model(tmp_path / "m.keras")
        for a, b in zip(again.predict(x, verbose=0), model.predict(x, verbose=0), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


CORNERS = np.zeros((4, 2))
BAD = [
    (lambda: image.rgb_to_hsv(BYTES), "float dtype. Received: dtype uint8"),
    (lambda: image.hsv_to_rgb(X[..., :2]), r"3 channels on axis 3. Received: shape \(2, 7, 6, 2\)"),
    (lambda: image.rgb_to_grayscale(X[..., :2]), "3 or 1 channels"),
    (lambda: image.rgb_to_hsv(X[0, 0]), "rank 3 or 4"),
    (lambda: image.crop_images(X, 1, 1, 1), "two of left_cropping, right_cropping and target_width"),
    (lambda: image.crop_images(X, 1, 1, 1, 1, target_height=3), "two of top_cropping"),
    (lambda: image.crop_images(X, -1, 1, 1, 1), "top_cropping=-1"),
    (lambda: image.crop_images(X, 4, 1, 4, 1), "at most 7 pixels"),
    (lambda: image.crop_images(X, 4, 1, None, 1, target_height=6), "bottom_cropping=-3"),
    (lambda: image.pad_images(X, 1, 1, None, 1, target_height=6), "bottom_padding=-2"),
    (lambda: image.pad_images(X, 1.5, 1, 1, 1), "top_padding=1.5"),
    (lambda: image.extract_patches(X, 0), "size=0"),
    (lambda: image.extract_patches(X, 8), "extent of at least 8"),
    (lambda: image.extract_patches(X, 2, padding="full"), "padding='full'"),
    (lambda: image.extract_patches_3d(X[0, 0], 2), "rank 4 or 5"),
    (lambda: image.gaussian_blur(X, (0, 3)), "kernel_size="),
    (lambda: image.gaussian_blur(X, (3, 3), (1.0, 0.0)), "sigma=0"),
    (lambda: image.gaussian_blur(X, (3, 3), (1.0,)), "sigma="),
    (lambda: image.sobel_edges(X[0]), "rank 4"),
    (lambda: image.sobel_edges(X[:, :1]), "at least 2 rows"),
    (lambda: image.ssim(X, X), "filter_size=11 rows"),
    (lambda: image.ssim(X, X[:1], filter_size=3), "one shape"),
    (lambda: image.map_coordinates(X[0, 0], np.ones((3, 2)), 1), r"coordinates \(2, …\)"),
    (lambda: image.map_coordinates(X[0, 0], np.ones((2, 2)), 2), "order=2"),
    (lambda: image.map_coordinates(X[0, 0], np.ones((2, 2)), 1, "edge"), "fill_mode='edge'"),
    (lambda: image.perspective_transform(X, CORNERS[:3], CORNERS), "start_points of shape"),
    (lambda: image.perspective_transform(X, CORNERS, CORNERS[None]), "one shape"),
    (lambda: image.elastic_transform(X, sigma=0), "sigma=0"),
    (lambda: image.elastic_transform(X, interpolation="bicubic"), "interpolation='bicubic'"),
    (lambda: image.scale_and_translate(X, (2, 5, 9, 3), [1.0], [0.0], (1,), "linear"), "on the axes"),
    (lambda: image.scale_and_translate(X, (2, 5, 6, 3), [1.0, 2.0], [0.0], (1,), "linear"), "expected scale of shape"),
    (lambda: image.scale_and_translate(X, (2, 5, 6, 3), [1.0], [0.0], (1,), "nearest"), "method='nearest'"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()


POINTS = np.array([[[0, 0], [5, 0], [0, 6], [5, 6.0]]] * 2, "float32")
ENDS = POINTS + RANDOM.uniform(-1, 1, POINTS.shape).astype("float32")
CALLS = {
    "rgb_to_grayscale": lambda i, x, f: i.rgb_to_grayscale(x, data_format=f),
    "rgb_to_hsv": lambda i, x, f: i.rgb_to_hsv(x, data_format=f),
    "hsv_to_rgb": lambda i, x, f: i.hsv_to_rgb(x, data_format=f),
    "crop_images": lambda i, x, f: i.crop_images(x, 1, 2, target_height=3, right_cropping=1, data_format=f),
    "pad_images": lambda i, x, f: i.pad_images(x, 1, 2, target_height=9, right_padding=1, data_format=f),
    "extract_patches": lambda i, x, f: i.extract_patches(x, (3, 2), 1, padding="same", data_format=f),
    "extract_patches dilated": lambda i, x, f: i.extract_patches(x, 2, 1, dilation_rate=2, data_format=f),
    "gaussian_blur": lambda i, x, f: i.gaussian_blur(x, (3, 3), (1.0, 0.6), data_format=f),
    "sobel_edges": lambda i, x, f: i.sobel_edges(x, data_format=f),
    "ssim": lambda i, x, f: i.ssim(x, x * 0.9 + 0.05, filter_size=4, data_format=f),
    "perspective_transform": lambda i, x, f: i.perspective_transform(x, POINTS, ENDS, data_format=f),
    "perspective nearest": lambda i, x, f: i.perspective_transform(x, POINTS, ENDS, "nearest", 0.5, data_format=f),
}


@pytest.mark.interop
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_keras(name, data_format):
    keras = pytest.importorskip("keras")
    if name in ("sobel_edges", "perspective_transform") and keras.backend.backend() != "tensorflow":
        pytest.skip("the borders of Keras' backends differ")
    x = X.astype("float32")
    x = x if data_format == "channels_last" else first(x)
    found = CALLS[name](image, x, data_format)
    expected = keras.ops.convert_to_numpy(CALLS[name](keras.ops.image, x, data_format))
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
