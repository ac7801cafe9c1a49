"""Layers that change colours and tones of images: formulas in NumPy."""

import colorsys

import numpy as np
import pytest

from swiftbn import layers

RANDOM = np.random.default_rng(51)
IMAGES = RANDOM.uniform(size=(6, 9, 8, 3)).astype("float32")
UNIT = (0, 1)


def first(x):
    return np.moveaxis(x, -1, 1).copy()


def hsv(x, change):
    """Images of which `change(h, s, v)` returns other hues, saturations and values."""

    def one(rgb):
        return colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*rgb)))

    return np.apply_along_axis(one, -1, x.astype("float64"))


def test_hue_and_saturation():
    moves = np.array([0.1, -0.3, 0.5, 0.0, 0.45, -0.5], "float32")
    found = layers.RandomHue(1.0, (0, 2)).transform_images(IMAGES * 2, {"factor": moves})
    for x, y, move in zip(IMAGES, found, moves, strict=True):
        np.testing.assert_allclose(y, 2 * hsv(x, lambda h, s, v, move=move: ((h + move) % 1, s, v)), atol=1e-4)
    drawn = layers.RandomHue((0.2, 0.6), seed=2).get_random_transformation(np.zeros((4000, 1, 1, 3)))["factor"]
    assert (
        0.1 <= np.abs(drawn).min() < 0.11 and 0.29 < np.abs(drawn).max() <= 0.3 and abs((drawn > 0).mean() - 0.5) < 0.05
    )
    factors = np.array([0.0, 0.5, 1.0, 2.0, 0.3, 1.5], "float32")
    found = layers.RandomSaturation(0.5, UNIT).transform_images(IMAGES, {"factor": factors})
    for x, y, factor in zip(IMAGES, found, factors, strict=True):
        np.testing.assert_allclose(y, hsv(x, lambda h, s, v, f=factor: (h, min(s * f, 1), v)), atol=1e-4)
    drawn = layers.RandomSaturation((0.2, 0.6), seed=2).get_random_transformation(np.zeros((4000, 1, 1, 3)))["factor"]
    assert 0.25 <= drawn.min() < 0.27 and 1.47 < drawn.max() <= 1.5
    assert layers.RandomSaturation(0.3).factor == (-0.3, 0.3) and layers.RandomHue(0.3).factor == (0, 0.3)


def test_degeneration_and_jitter():
    factor = RANDOM.uniform(-1, 1, (6, 1, 1, 1)).astype("float32")
    found = layers.RandomColorDegeneration(0.5, UNIT).transform_images(IMAGES, {"factor": factor})
    gray = (IMAGES @ [0.2989, 0.5870, 0.1140])[..., None]
    np.testing.assert_allclose(found, np.clip(IMAGES + factor * (gray - IMAGES), 0, 1), rtol=1e-4, atol=1e-5)
    # One factor alone does what its layer does.
    for argument, kind in (
        ("brightness", "Brightness"),
        ("contrast", "Contrast"),
        ("saturation", "Saturation"),
        ("hue", "Hue"),
    ):
        jitter = layers.RandomColorJitter(UNIT, **{f"{argument}_factor": 0.4}, seed=5)
        single = getattr(layers, f"Random{kind}")(0.4, UNIT, seed=5)
        np.testing.assert_array_equal(jitter(IMAGES), single(IMAGES))
    np.testing.assert_array_equal(layers.RandomColorJitter(UNIT)(IMAGES), IMAGES)


def test_inversion_and_bits():
    layer = layers.RandomInvert((0.5, 1.0), (0, 2), seed=1)
    chosen = layer.get_random_transformation(np.zeros((4000, 1, 1, 1)))["apply_inversion"]
    assert abs(chosen.mean() - 0.75) < 0.04
    found = layer.transform_images(IMAGES, {"apply_inversion": chosen[:6]})
    np.testing.assert_array_equal(found, np.where(chosen[:6, None, None, None], 2 - IMAGES, IMAGES))
    layer = layers.RandomPosterization((2, 6), UNIT, seed=1)
    shifts = layer.get_random_transformation(np.zeros((4000, 1, 1, 1)))["shift_factor"]
    assert shifts.dtype == "uint8" and np.unique(shifts).tolist() == [3, 4, 5, 6]
    assert np.abs(np.bincount(shifts)[3:] - 1000).max() < 150
    found = layer.transform_images(IMAGES, {"shift_factor": shifts[:6]})
    kept = (IMAGES * 255).astype("uint8") >> shifts[:6, None, None, None] << shifts[:6, None, None, None]
    np.testing.assert_allclose(found, kept / 255, rtol=1e-6)
    assert len(np.unique(layers.RandomPosterization((1, 1))(IMAGES * 255))) == 2


def test_solarization():
    layer = layers.Solarization((0.1, 0.2), (0.3, 0.5), (0, 2), seed=1)
    drawn = layer.get_random_transformation(np.zeros((4000, 1, 1, 1)))
    for name, low, high in (("additions", 0.1, 51), ("thresholds", 0.3, 127.5)):
        assert low <= drawn[name].min() < low + 1 and high - 1 < drawn[name].max() <= high
    drawn = {name: value[:6] for name, value in drawn.items()}
    x = np.clip(IMAGES * 255 + drawn["additions"], 0, 255)
    expected = np.where(x < drawn["thresholds"], x, 255 - x) / 255 * 2
    found = layer.transform_images(IMAGES * 2, drawn)
    assert (np.abs(found - expected) < 1e-4).mean() > 0.99
    np.testing.assert_allclose(layers.Solarization(value_range=UNIT)(IMAGES), 1 - IMAGES, atol=1e-6)


def test_auto_contrast():
    x = IMAGES * 0.5 + 0.2
    x[1, ..., 2] = 0.3
    low, high = x.min((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
    with np.errstate(invalid="ignore"):
        expected = np.where(high > low, (x - low) / (high - low), x)
    for training in (True, False):
        np.testing.assert_allclose(layers.AutoContrast(UNIT)(x, training=training), expected, atol=1e-5)
    found = layers.AutoContrast(UNIT, data_format="channels_first")(first(x))
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, atol=1e-5)
    np.testing.assert_allclose(layers.AutoContrast()(x[0]), expected[0] * 255, rtol=1e-4, atol=1e-3)
    assert np.isnan(layers.AutoContrast()(np.full((1, 2, 2, 1), np.nan, "float32"))).all()


def equalized(x, bins):
    """Values 0 … 255 of one channel."""
    places = np.clip(x.astype("float64") * (bins - 1) / 255, 0, bins - 1).astype(int)
    counts = np.bincount(places.ravel(), minlength=bins)
    if (counts > 0).sum() <= 1:
        return x
    below = counts.cumsum()
    c0 = below[below > 0][0]
    return np.clip(np.round((below - c0) * 255 / (below[-1] - c0)), 0, 255)[places]


@pytest.mark.parametrize("bins", [256, 16])
def test_equalization(bins):
    # Away from the edges of bins, at which rounding decides.
    levels = (RANDOM.integers(0, bins, size=(3, 7, 6, 3)) // 2 * 2 + 0.5) * 255 / (bins - 1)
    x = np.minimum(levels, 254.9).astype("float32")
    x[..., 1] = 77.0
    expected = np.stack([equalized(x[..., c], bins) for c in range(3)], -1)
    np.testing.assert_allclose(layers.Equalization(bins=bins)(x), expected, atol=1e-3)
    found = layers.Equalization(bins=bins, data_format="channels_first")(first(x))
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, atol=1e-3)
    np.testing.assert_allclose(layers.Equalization(UNIT, bins)(x / 255), expected / 255, atol=1e-5)
    np.testing.assert_array_equal(layers.Equalization(bins=bins)(x, training=False), x)


def test_sharpness():
    layer = layers.RandomSharpness((0.2, 0.7), UNIT, seed=1)
    drawn = layer.get_random_transformation(np.zeros((4000, 2, 2, 1)))["factor"]
    assert drawn.shape == (4000,) and 0.2 <= drawn.min() < 0.22 and 0.68 < drawn.max() <= 0.7
    padded = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)))
    smoothed = 4 * IMAGES / 13
    for i, j in np.ndindex(3, 3):
        smoothed = smoothed + padded[:, i : i + 9, j : j + 8] / 13
    f = drawn[:6, None, None, None]
    expected = np.clip(IMAGES + (1 - 2 * f) * (smoothed - IMAGES), 0, 1)
    np.testing.assert_allclose(layer.transform_images(IMAGES, {"factor": drawn[:6]}), expected, rtol=1e-4, atol=1e-5)
