"""Layers that prepare features, categories and images, against NumPy."""

import numpy as np
import pytest
from checks import check_layer_gradients, same_on_threads, traced

import swiftbn
from swiftbn import Input, Sequential, layers, ops

RANDOM = np.random.default_rng(15)
IMAGES = RANDOM.uniform(size=(6, 7, 5, 3)).astype("float32")


def test_rescaling():
    x = RANDOM.integers(0, 256, size=(2, 3, 3, 2)).astype("uint8")
    np.testing.assert_allclose(layers.Rescaling(1 / 255, -0.5)(x), x / 255 - 0.5, rtol=1e-5, atol=1e-7)
    layer = layers.Rescaling([2.0, 3.0], [1.0, 0.0], dtype="float64")
    np.testing.assert_allclose(layer(x), x * [2.0, 3.0] + [1.0, 0.0])
    check_layer_gradients(layer, x[:1].astype("float64"))
    assert layers.Rescaling.from_config(layer.get_config()).scale == [2.0, 3.0]
    swiftbn.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_allclose(layer(np.moveaxis(x, -1, 1)), np.moveaxis(x * [2.0, 3.0] + [1.0, 0.0], -1, 1))
    finally:
        swiftbn.config.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="scale='a'"):
        layers.Rescaling("a")


@pytest.mark.parametrize("axis, kept", [(-1, (2,)), (None, ()), (1, (1,)), ((1, 2), (1, 2)), ((-1, 1), (1, 2))])
def test_normalization_adapts(axis, kept):
    x = RANDOM.normal(1000, 3, size=(40, 4, 3))
    layer = layers.Normalization(axis, dtype="float64")
    layer.adapt(x)
    reduced = tuple(a for a in range(3) if a not in kept)
    mean, variance = x.mean(reduced, keepdims=True), x.var(reduced, keepdims=True)
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(variance), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(layer.mean, mean)
    assert layer.mean.shape == mean.shape and [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert not layer.trainable_weights
    parts = layers.Normalization(axis, dtype="float64")
    parts.adapt(iter([x[:7], x[:0], (x[7:29], "labels"), x[29:]]))
    for a, b in zip(parts.weights, layer.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)
    back = layers.Normalization(
        axis, mean=np.squeeze(mean), variance=np.squeeze(variance), invert=True, dtype="float64"
    )
    np.testing.assert_allclose(back(layer(x)), x, rtol=1e-12)
    again = layers.Normalization.from_config(back.get_config())
    np.testing.assert_allclose(again(layer(x)), x, rtol=1e-12)
    check_layer_gradients(layer, x[:2])


def test_normalization_in_models():
    """What adapt finds later is used by programs that were compiled before."""
    layer = layers.Normalization()
    model = Sequential([Input((3,)), layer])
    x = RANDOM.normal(5, 2, size=(50, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), x)
    layer.adapt(x)
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-5)
    assert np.isfinite(layers.Normalization(mean=1.0, variance=0.0)(x)).all()


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(), (4,), (4, 1), (4, 3), (2, 4, 3)])
def test_category_encoding(mode, shape):
    tokens = np.asarray(RANDOM.integers(0, 5, size=shape), "int32")
    layer = layers.CategoryEncoding(6, mode, dtype="float64")
    hot = np.eye(6)[tokens if shape else tokens[None]]
    if mode == "one_hot":
        expected = hot[..., 0, :] if len(shape) > 1 and shape[-1] == 1 else hot
    else:
        expected = hot.max(-2) if mode == "multi_hot" else hot.sum(-2)
    expected = expected[0] if not shape and mode == "one_hot" else expected
    y = layer(tokens)
    np.testing.assert_array_equal(np.squeeze(y), np.squeeze(expected))
    if shape:
        assert y.shape == expected.shape == layer.compute_output_shape(shape) and y.dtype == "float64"
    np.testing.assert_array_equal(traced(layer, tokens), y)
    if mode == "count" and shape:
        weights = RANDOM.normal(size=shape)
        np.testing.assert_allclose(layer(tokens, count_weights=weights), (hot * weights[..., None]).sum(-2))
    assert layers.CategoryEncoding.from_config(layer.get_config()).output_mode == mode


def test_discretization():
    x = np.array([[-5.0, 0.0, 0.5], [1.0, 7.0, np.nan]], "float32")
    layer = layers.Discretization([0.0, 1.0, 3.0])
    y = layer(x)
    assert y.dtype == "int32" and y.tolist() == np.digitize(x, [0.0, 1.0, 3.0]).tolist() == [[0, 1, 1], [2, 3, 3]]
    np.testing.assert_array_equal(layers.Discretization([0.0, 1.0, 3.0], output_mode="one_hot")(x), np.eye(4)[y])
    count = layers.Discretization([0.0, 1.0, 3.0], output_mode="count")
    assert count(x).tolist() == [[1, 2, 0, 0], [0, 0, 1, 2]]
    assert count.compute_output_shape((None, 3)) == (None, 4)
    data = RANDOM.normal(size=10_000)
    for source in (data, np.split(data, 4)):
        adapted = layers.Discretization(num_bins=4)
        adapted.adapt(source)
        assert np.abs(np.array(adapted.bin_boundaries) - np.quantile(data, [0.25, 0.5, 0.75])).max() < 0.05
        again = layers.Discretization.from_config(adapted.get_config())
        assert again.bin_boundaries == adapted.bin_boundaries and again.num_bins == 4
        assert np.abs(np.bincount(again(data)) - 2500).max() < 200


RANDOM_LAYERS = {
    "RandomFlip": lambda **k: layers.RandomFlip(**k),
    "RandomTranslation": lambda **k: layers.RandomTranslation(0.3, (-0.1, 0.4), **k),
    "RandomRotation": lambda **k: layers.RandomRotation(0.2, **k),
    "RandomZoom": lambda **k: layers.RandomZoom(0.3, 0.2, **k),
    "RandomContrast": lambda **k: layers.RandomContrast(0.5, (0, 1), **k),
    "RandomBrightness": lambda **k: layers.RandomBrightness(0.3, (0, 1), **k),
}


@pytest.mark.parametrize("name", RANDOM_LAYERS)
def test_random_images_only_in_training_and_by_seed(name):
    make = RANDOM_LAYERS[name]
    layer = make(seed=7)
    np.testing.assert_array_equal(layer(IMAGES, training=False), IMAGES)
    first, second = layer(IMAGES), layer(IMAGES)
    assert first.dtype == "float32" and first.shape == IMAGES.shape and not np.array_equal(first, second)
    again = make(seed=7)
    assert np.array_equal(again(IMAGES, training=True), first) and np.array_equal(again(IMAGES), second)
    np.testing.assert_array_equal(same_on_threads(lambda: make(seed=7)(IMAGES), (1, 3))[0], first)
    layer = make(seed=7)
    assert np.array_equal(traced(lambda x: layer(x, training=True), IMAGES), first)
    flipped = make(seed=7, data_format="channels_first")(np.moveaxis(IMAGES, -1, 1).copy())
    np.testing.assert_allclose(np.moveaxis(flipped, 1, -1), first, rtol=1e-6, atol=1e-6)
    assert make(seed=7)(IMAGES[0]).shape == IMAGES.shape[1:] and layer(IMAGES[:0]).shape == (0, 7, 5, 3)
    whole = make()((IMAGES * 255).astype("uint8"))
    assert whole.dtype == "float32" and layer(Input((7, 5, 3))).shape == (None, 7, 5, 3)
    assert layer.compute_output_shape((None, 7, 5, 3)) == (None, 7, 5, 3)
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config


def test_flips():
    for mode, axes in (("horizontal", 2), ("vertical", 1), ("horizontal_and_vertical", (1, 2))):
        x = RANDOM.uniform(size=(400, 3, 4, 1)).astype("float32")
        y = layers.RandomFlip(mode, seed=3)(x)
        flipped = (y == np.flip(x, axes)).all((1, 2, 3))
        same = (y == x).all((1, 2, 3))
        assert (flipped ^ same).all() and abs(flipped.mean() - 0.5) < 5 * 0.5 / 20


def test_translation_by_whole_pixels():
    layer = layers.RandomTranslation((2 / 7, 2 / 7), (-1 / 5, -1 / 5), fill_mode="constant", fill_value=9.0)
    y = layer(IMAGES)
    expected = np.full_like(IMAGES, 9.0)
    expected[:, 2:, :-1] = IMAGES[:, :-2, 1:]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    y = layers.RandomTranslation(0.0, (0.4, 0.4), fill_mode="wrap")(IMAGES)
    np.testing.assert_allclose(y, np.roll(IMAGES, 2, axis=2), rtol=1e-4, atol=1e-5)


def test_rotation_by_quarters():
    x = IMAGES[:, :5]
    for factor, turns in ((0.25, 1), (0.5, 2), (-0.25, 3)):
        y = layers.RandomRotation((factor, factor), fill_mode="constant")(x)
        np.testing.assert_allclose(y, np.rot90(x, turns, axes=(1, 2)), rtol=1e-4, atol=1e-5)


def test_zoom_about_the_middle():
    y = layers.RandomZoom((1.0, 1.0), fill_mode="constant", interpolation="nearest")(IMAGES[:, :5])
    np.testing.assert_allclose(y[:, 1:4, 1:4], IMAGES[:, 0:5:2, 0:5:2])
    assert not y[:, 0].any() and not y[:, :, 4].any()
    y = layers.RandomZoom((0.0, 0.0))(IMAGES)
    np.testing.assert_allclose(y, IMAGES, rtol=1e-6)
    layer = layers.RandomZoom(0.5, seed=3)
    zooms = layer.get_random_transformation(np.zeros((500, 2, 2, 1), "float32"))
    assert zooms["height_zoom"] is zooms["width_zoom"]
    assert zooms["height_zoom"].min() >= 0.5 and zooms["height_zoom"].max() <= 1.5


def test_contrast_and_brightness():
    layer = layers.RandomContrast((0.4, 0.8), (-10, 10), seed=3)
    factors = layer.get_random_transformation(np.zeros((500, 2, 2, 1)))["contrast_factor"]
    assert 0.6 <= factors.min() < 0.65 and 1.75 < factors.max() <= 1.8
    factors = factors[:6]
    mean = IMAGES.mean((1, 2), keepdims=True)
    found = layer.transform_images(IMAGES, {"contrast_factor": factors})
    np.testing.assert_allclose(found, (IMAGES - mean) * factors + mean, rtol=1e-4, atol=1e-5)
    layer = layers.RandomBrightness((0.1, 0.5), (0, 2), seed=3)
    y = layer(IMAGES * 0.5)
    shift = y - IMAGES * 0.5
    assert np.ptp(shift, axis=(1, 2, 3)).max() < 1e-6 and 0.2 <= shift.min() and shift.max() <= 1.0
    assert layers.RandomBrightness((1.0, 1.0), (0, 2))(IMAGES).max() == 2
    assert layers.RandomContrast(0.3).factor == (0, 0.3) and layers.RandomBrightness(0.3).factor == (-0.3, 0.3)


def test_crops_and_sizes():
    np.testing.assert_array_equal(layers.CenterCrop(4, 3)(IMAGES), IMAGES[:, 1:5, 1:4])
    np.testing.assert_array_equal(layers.CenterCrop(4, 3)(IMAGES[0]), IMAGES[0, 1:5, 1:4])
    large = layers.CenterCrop(14, 14)(IMAGES)
    np.testing.assert_allclose(large, ops.image.resize(IMAGES[:, 1:6], (14, 14)), rtol=1e-6)
    np.testing.assert_allclose(layers.Resizing(4, 9)(IMAGES), ops.image.resize(IMAGES, (4, 9)))
    assert layers.Resizing(4, 9)((IMAGES * 255).astype("uint8")).dtype == "uint8"
    assert layers.Resizing(4, 9).compute_output_shape((None, None, None, 3)) == (None, 4, 9, 3)
    layer = layers.RandomCrop(4, 3, seed=3)
    windows = np.lib.stride_tricks.sliding_window_view(IMAGES, (4, 3), axis=(1, 2)).transpose(1, 2, 0, 4, 5, 3)
    seen = set()
    for _ in range(60):
        y = layer(IMAGES)
        place = [p for p in np.ndindex(4, 3) if np.array_equal(windows[p], y)]
        assert len(place) == 1
        seen.add(place[0])
    assert len(seen) == 12
    np.testing.assert_array_equal(layer(IMAGES, training=False), IMAGES[:, 1:5, 1:4])
    np.testing.assert_array_equal(layers.RandomCrop(7, 5)(IMAGES), IMAGES)
    assert layers.RandomCrop(9, 9)(IMAGES).shape == (6, 9, 9, 3)


def test_images_with_labels_and_masks():
    masks = RANDOM.integers(0, 4, size=(6, 7, 5, 1)).astype("int32")
    labels = np.arange(6)
    given = {"images": IMAGES, "labels": labels, "segmentation_masks": masks}
    y = layers.RandomRotation(0.3, seed=3)(given)
    assert set(y) == set(given) and y["labels"].tolist() == labels.tolist()
    assert set(np.unique(y["segmentation_masks"])) <= {0, 1, 2, 3} and given["images"] is IMAGES
    np.testing.assert_array_equal(y["images"], layers.RandomRotation(0.3, seed=3)(IMAGES))
    y = layers.RandomContrast(0.3, seed=3)(given)
    np.testing.assert_array_equal(y["segmentation_masks"], masks)


def test_augmentation_in_training():
    """Inside the compiled step; predictions see the images as they are."""
    model = Sequential([Input((7, 5, 3)), layers.RandomFlip(seed=1), layers.RandomRotation(0.1, seed=2)])
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    model.compile(swiftbn.optimizers.SGD(0.0), "mse")
    y = np.zeros((6, 1), "float32")
    losses = model.fit(IMAGES, y, batch_size=6, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert len(set(losses)) == 4
    kernel, bias = model.layers[-1].kernel.numpy(), model.layers[-1].bias.numpy()
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), IMAGES.reshape(6, -1) @ kernel + bias, rtol=1e-4)


BAD = [
    (lambda: layers.Normalization(mean=1.0), "mean and variance of one shape"),
    (lambda: layers.Normalization(mean=[1.0], variance=[1.0, 2.0]), "mean and variance of one shape"),
    (lambda: layers.Normalization(None, mean=[1.0], variance=[1.0]), "mean of rank 0 or less"),
    (lambda: layers.Normalization(1.5), "axis=1.5"),
    (lambda: layers.Normalization(3)(IMAGES[0]), "-3 <= axis < 3"),
    (lambda: layers.Normalization()(Input((None,))), "known extents on axis"),
    (lambda: layers.Normalization().adapt([]), "expected data. Received: nothing"),
    (lambda: layers.Normalization(mean=0, variance=1).adapt(IMAGES), "given mean and variance"),
    (lambda: layers.Normalization().adapt([IMAGES, IMAGES[..., :2]]), r"Received: shape \(6, 7, 5, 2\)"),
    (lambda: layers.CategoryEncoding(), "num_tokens=None"),
    (lambda: layers.CategoryEncoding(3, "int"), "output_mode='int'"),
    (lambda: layers.CategoryEncoding(3, sparse=True), "sparse=True"),
    (lambda: layers.CategoryEncoding(3)(np.ones(2, "int32"), count_weights=np.ones(2)), "count_weights with"),
    (lambda: layers.Discretization(), "bin_boundaries or num_bins"),
    (lambda: layers.Discretization([1.0], 2), "bin_boundaries or num_bins"),
    (lambda: layers.Discretization([2.0, 1.0]), "ascending order"),
    (lambda: layers.Discretization(num_bins=2)(np.ones(2)), "or adapt"),
    (lambda: layers.Discretization([1.0]).adapt(np.ones(2)), "not bin_boundaries"),
    (lambda: layers.Discretization(num_bins=2).adapt([]), "Received: nothing"),
    (lambda: layers.RandomFlip("up"), "mode='up'"),
    (lambda: layers.RandomFlip()(IMAGES[0, 0]), "rank 3 or 4"),
    (lambda: layers.RandomFlip(bounding_box_format="xyxy"), "bounding_box_format='xyxy'"),
    (lambda: layers.RandomFlip()({"images": IMAGES, "bounding_boxes": IMAGES}), "Received: keys"),
    (lambda: layers.RandomTranslation(1.5, 0), "height_factor=1.5"),
    (lambda: layers.RandomTranslation(0, (0, 1, 2)), "width_factor="),
    (lambda: layers.RandomRotation(0.1, "edge"), "fill_mode='edge'"),
    (lambda: layers.RandomRotation(0.1, interpolation="bicubic"), "interpolation='bicubic'"),
    (lambda: layers.RandomZoom(-1), "height_factor=-1"),
    (lambda: layers.RandomContrast(-0.1), "factor=-0.1"),
    (lambda: layers.RandomBrightness(0.1, 3), "value_range=3"),
    (lambda: layers.CenterCrop(0, 1), "height=0"),
    (lambda: layers.Resizing(2, 2, "area"), "interpolation='area'"),
    (lambda: layers.Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "Received: both"),
    (lambda: layers.RandomCrop(2, 1.5), "width=1.5"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
