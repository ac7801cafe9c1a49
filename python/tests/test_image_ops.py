"""ops.image against loops over pixels: resizing, moving, fill modes, gradients, errors."""

import pickle

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import Input, KerasTensor, Model, ops, saving

RANDOM = np.random.default_rng(6)
X = RANDOM.normal(size=(2, 5, 4, 3))


def kernel(name, x):
    x = abs(x)
    if name == "bilinear":
        return max(0, 1 - x)
    if name == "bicubic":
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else (-0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0)
    radius = int(name[-1])
    return np.sinc(x) * np.sinc(x / radius) if x <= radius else 0


def resized(x, axis, n, name, antialias=False):
    """Each new pixel is a mean of old ones, weighted by the kernel, which ends at the border."""
    old = x.shape[axis]
    width = max(old / n, 1) if antialias else 1
    rows = []
    for i in range(n):
        center = (i + 0.5) * old / n
        if name == "nearest":
            rows.append(np.take(x, int(center), axis))
            continue
        weights = np.array([kernel(name, (j + 0.5 - center) / width) for j in range(old)])
        rows.append(np.tensordot(weights / weights.sum(), x, axes=([0], [axis])))
    return np.stack(rows, axis)


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("size", [(10, 8), (3, 2), (5, 9), (1, 1), (7, 4)])
@pytest.mark.parametrize("antialias", [False, True])
def test_resize(name, size, antialias):
    expected = resized(resized(X, 1, size[0], name, antialias), 2, size[1], name, antialias)
    y = ops.image.resize(X, size, name, antialias=antialias)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ops.image.resize(X[0], size, name, antialias), expected[0], rtol=1e-10, atol=1e-12)
    first = ops.image.resize(X.transpose(0, 3, 1, 2).copy(), size, name, antialias, data_format="channels_first")
    np.testing.assert_allclose(first, expected.transpose(0, 3, 1, 2), rtol=1e-10, atol=1e-12)
    check_gradient(lambda x: ops.image.resize(x, size, name, antialias), X[:1, :, :, :1], tolerance=1e-7)


def test_resize_keeps_the_aspect_ratio():
    image = RANDOM.normal(size=(1, 4, 8, 1))
    y = ops.image.resize(image, (2, 2), crop_to_aspect_ratio=True)
    np.testing.assert_allclose(y, ops.image.resize(image[:, :, 2:6], (2, 2)))
    y = ops.image.resize(image, (4, 4), pad_to_aspect_ratio=True, fill_value=7.0)
    padded = np.pad(image, [(0, 0), (2, 2), (0, 0), (0, 0)], constant_values=7.0)
    np.testing.assert_allclose(y, ops.image.resize(padded, (4, 4)))


def test_resize_of_integers_rounds_and_stays_in_range():
    x = RANDOM.integers(0, 256, size=(1, 6, 6, 2)).astype("uint8")
    for name in ("bilinear", "bicubic", "nearest"):
        y = ops.image.resize(x, (9, 4), name)
        expected = resized(resized(x.astype(float), 1, 9, name), 2, 4, name)
        assert y.dtype == "uint8"
        np.testing.assert_array_equal(y, np.clip(np.round(expected), x.min(), x.max()))


def test_undefined_pixels_stay_local():
    x = np.zeros((1, 4, 4, 1))
    x[0, 3, 3] = np.nan
    y = ops.image.resize(x, (8, 8))
    assert np.isnan(y).any() and not np.isnan(y[:, :4, :4]).any()


def index_of(i, n, mode):
    """The place in 0 … n - 1 where the row i is found, by walking along it."""
    row = list(range(n))
    if mode == "nearest":
        return min(max(i, 0), n - 1)
    if mode == "wrap":
        return i % n
    period = row + row[::-1] if mode == "reflect" else row + row[-2:0:-1]
    return period[i % len(period)]


def moved(x, transform, interpolation, mode, value):
    """The reference, one pixel at a time."""
    height, width = x.shape[1:3]

    def pixel(n, r, c):
        if mode != "constant":
            return x[n, index_of(r, height, mode), index_of(c, width, mode)]
        return x[n, r, c] if 0 <= r < height and 0 <= c < width else np.full(x.shape[3], float(value))

    y = np.empty_like(x)
    for n, r, c in np.ndindex(*x.shape[:3]):
        a0, a1, a2, b0, b1, b2, c0, c1 = transform[n]
        k = c0 * c + c1 * r + 1
        column, row = (a0 * c + a1 * r + a2) / k, (b0 * c + b1 * r + b2) / k
        if interpolation == "nearest":
            y[n, r, c] = pixel(n, int(np.floor(row + 0.5)), int(np.floor(column + 0.5)))
            continue
        i, j = int(np.floor(row)), int(np.floor(column))
        u, v = row - i, column - j
        y[n, r, c] = (
            pixel(n, i, j) * (1 - u) * (1 - v)
            + pixel(n, i + 1, j) * u * (1 - v)
            + pixel(n, i, j + 1) * (1 - u) * v
            + pixel(n, i + 1, j + 1) * u * v
        )
    return y


TRANSFORMS = np.array([[0.9, 0.3, 1.7, -0.4, 1.2, -3.3, 0, 0], [1.5, -2.0, 0.2, 2.2, 0.1, -6.6, 0, 0]])
PROJECTIVE = TRANSFORMS + [0, 0, 0, 0, 0, 0, 0.05, -0.02]


@pytest.mark.parametrize("mode", ["constant", "nearest", "reflect", "mirror", "wrap"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_transform(mode, interpolation):
    for transform in (TRANSFORMS, PROJECTIVE):
        expected = moved(X, transform, interpolation, mode, 2.5)

        def function(x, t):
            return ops.image.affine_transform(x, t, interpolation, mode, 2.5)

        np.testing.assert_allclose(function(X, transform), expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(traced(function, X, transform), expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(function(X[1], transform[1]), expected[1], rtol=1e-10, atol=1e-12)
        first = X.transpose(0, 3, 1, 2).copy()
        first = ops.image.affine_transform(first, transform, interpolation, mode, 2.5, "channels_first")
        np.testing.assert_allclose(first, expected.transpose(0, 3, 1, 2), rtol=1e-10, atol=1e-12)
    check_gradient(lambda x: function(x, TRANSFORMS), X)


def test_affine_transform_of_few_pixels_and_of_integers():
    shift = np.array([1.0, 0, 1, 0, 1, 0, 0, 0])
    for mode in ("constant", "nearest", "reflect", "mirror", "wrap"):
        expected = 9 if mode == "constant" else 4
        one = ops.image.affine_transform(np.full((1, 1, 1, 1), 4, "uint8"), shift, "bilinear", mode, 9)
        assert one.dtype == "uint8" and one.ravel().tolist() == [expected]
    assert ops.image.affine_transform(X[:0], shift).shape == (0, 5, 4, 3)
    assert np.isnan(ops.image.affine_transform(X, np.full(8, np.nan))).all()
    far = ops.image.affine_transform(X, shift * 1e30, fill_mode="wrap")
    assert np.isfinite(far).all()


def test_unknown_batch():
    x = KerasTensor((None, 5, 4, 3))
    assert ops.image.resize(x, (3, 2)).shape == (None, 3, 2, 3)


def test_models_with_image_ops_are_saved(tmp_path):
    inputs = Input((5, 4, 3))
    x = ops.image.resize(inputs, (3, 6), interpolation="bicubic")
    x = ops.image.affine_transform(x, np.array([1.0, 0, 1, 0, 1, 0, 0, 0], "float32"), fill_mode="wrap")
    model = Model(inputs, x)
    model.save(tmp_path / "m.keras")
    y = model.predict(X, verbose=0)
    assert y.shape == (2, 3, 6, 3)
    for again in (saving.load_model(tmp_path / "m.keras"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X, verbose=0), y)


BAD = [
    (lambda: ops.image.resize(X, 3), "resize: expected size.*size=3"),
    (lambda: ops.image.resize(X, (0, 1)), r"size=\(0, 1\)"),
    (lambda: ops.image.resize(X, (2, 2), "area"), "interpolation='area'"),
    (lambda: ops.image.resize(X[0, 0], (2, 2)), r"rank 3 or 4. Received: shape \(4, 3\)"),
    (lambda: ops.image.resize(X[:, :0], (2, 2)), "at least one pixel"),
    (lambda: ops.image.resize(X, (2, 2), fill_mode="wrap"), "fill_mode='wrap'"),
    (lambda: ops.image.resize(X, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "Received: both"),
    (lambda: ops.image.affine_transform(X, np.ones(6)), r"expected transform.*Received: shape \(6,\)"),
    (lambda: ops.image.affine_transform(X, TRANSFORMS, "bicubic"), "interpolation='bicubic'"),
    (lambda: ops.image.affine_transform(X, TRANSFORMS, fill_mode="edge"), "fill_mode='edge'"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
