"""Layers that change images: seeds, layouts, shapes, mixtures, policies, training, errors."""

import numpy as np
import pytest
from checks import same_on_threads, traced
from keras_pairs import listed

import swiftbn
from swiftbn import Input, Sequential, layers, ops

RANDOM = np.random.default_rng(51)
IMAGES = RANDOM.uniform(size=(6, 9, 8, 3)).astype("float32")
UNIT = (0, 1)

LAYERS = {
    "RandomGrayscale": lambda **k: layers.RandomGrayscale(0.5, **k),
    "RandomHue": lambda **k: layers.RandomHue(0.5, UNIT, **k),
    "RandomSaturation": lambda **k: layers.RandomSaturation(0.5, UNIT, **k),
    "RandomColorDegeneration": lambda **k: layers.RandomColorDegeneration(0.5, UNIT, **k),
    "RandomColorJitter": lambda **k: layers.RandomColorJitter(UNIT, 0.2, 0.3, 0.4, 0.1, **k),
    "RandomInvert": lambda **k: layers.RandomInvert(0.9, UNIT, **k),
    "RandomPosterization": lambda **k: layers.RandomPosterization(5, UNIT, **k),
    "Solarization": lambda **k: layers.Solarization(0.3, 0.5, UNIT, **k),
    "RandomSharpness": lambda **k: layers.RandomSharpness(0.9, UNIT, **k),
    "RandomShear": lambda **k: layers.RandomShear(0.3, (0.1, 0.2), **k),
    "RandomPerspective": lambda **k: layers.RandomPerspective(1.0, 0.5, **k),
    "RandomElasticTransform": lambda **k: layers.RandomElasticTransform(1.0, 1.0, value_range=UNIT, **k),
    "RandomGaussianBlur": lambda **k: layers.RandomGaussianBlur((0.5, 1.0), (3, 5), 1.0, UNIT, **k),
    "RandomErasing": lambda **k: layers.RandomErasing((0.7, 1.0), value_range=UNIT, **k),
    "CutMix": lambda **k: layers.CutMix(**k),
    "MixUp": lambda **k: layers.MixUp(0.7, **k),
    "RandAugment": lambda **k: layers.RandAugment(UNIT, factor=0.9, **k),
    "AugMix": lambda **k: layers.AugMix(UNIT, 2, 2, **k),
}


def first(x):
    return np.moveaxis(x, -1, 1).copy()


@pytest.mark.parametrize("name", LAYERS)
def test_only_in_training_and_by_seed(name):
    make = LAYERS[name]
    layer = make(seed=7)
    np.testing.assert_array_equal(layer(IMAGES, training=False), IMAGES)
    one, two = layer(IMAGES), layer(IMAGES)
    assert one.dtype == "float32" and one.shape == IMAGES.shape and np.isfinite(one).all()
    assert not np.array_equal(one, two)
    again = make(seed=7)
    assert np.array_equal(again(IMAGES, training=True), one) and np.array_equal(again(IMAGES), two)
    np.testing.assert_array_equal(same_on_threads(lambda: make(seed=7)(IMAGES), (1, 3))[0], one)
    layer = make(seed=7)
    np.testing.assert_allclose(traced(lambda x: layer(x, training=True), IMAGES), one, rtol=1e-6, atol=1e-6)
    assert layer(Input((9, 8, 3))).shape == (None, 9, 8, 3)
    assert layer.compute_output_shape((None, 9, 8, 3)) == (None, 9, 8, 3)
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config
    assert listed(layers.deserialize(layers.serialize(layer)).get_config()) == listed(config)


@pytest.mark.parametrize("name", LAYERS)
def test_layouts(name):
    make = LAYERS[name]
    flipped = make(seed=7, data_format="channels_first")(first(IMAGES))
    if name == "RandomErasing":
        # Its noise has the shape of the images.
        changed = np.moveaxis(flipped, 1, -1) != make(seed=7)(IMAGES)
        assert changed.any() and not changed.all()
    else:
        np.testing.assert_allclose(np.moveaxis(flipped, 1, -1), make(seed=7)(IMAGES), rtol=1e-4, atol=2e-5)
    assert make(seed=7)(IMAGES[0]).shape == IMAGES.shape[1:] and make()(IMAGES[:1]).shape == (1, 9, 8, 3)
    whole = make()((IMAGES * 255).astype("uint8"))
    assert whole.dtype == "float32"
    assert make(dtype="float64")(IMAGES).dtype == "float64"


def test_gray():
    layer = layers.RandomGrayscale(0.3, seed=1)
    chosen = layer.get_random_transformation(np.zeros((2000, 2, 2, 3)))
    assert chosen.shape == (2000, 1, 1, 1) and abs(chosen.mean() - 0.3) < 0.05
    y = layer.transform_images(IMAGES, chosen[:6])
    expected = np.where(chosen[:6], (IMAGES @ np.float32([0.2989, 0.5870, 0.1140]))[..., None], IMAGES)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    assert layers.RandomGrayscale(0.0)(IMAGES).tolist() == IMAGES.tolist()


def test_shear_and_perspective():
    layer = layers.RandomShear((0.2, 0.3), 0.5, fill_mode="constant", seed=1)
    shears = layer.get_random_transformation(np.zeros((4000, 3, 3, 1)))["shear_factor"]
    assert 0.2 <= np.abs(shears[:, 0]).min() and np.abs(shears[:, 0]).max() <= 0.3
    assert abs((shears[:, 0] > 0).mean() - 0.5) < 0.05 and np.abs(shears[:, 1]).max() > 0.49
    found = layer.transform_images(IMAGES, {"shear_factor": np.float32([[1, 0]] * 6)})
    for row in range(9):
        expected = np.zeros_like(IMAGES[:, row])
        expected[:, : max(0, 8 - row)] = IMAGES[:, row, row:]
        np.testing.assert_allclose(found[:, row], expected, atol=1e-6)
    layer = layers.RandomPerspective((0.4, 0.4), 0.5, seed=1)
    drawn = layer.get_random_transformation(np.zeros((3000, 9, 8, 1)))
    assert abs(drawn["apply_perspective"].mean() - 0.4) < 0.05
    start, end = drawn["start_points"], drawn["end_points"]
    assert start[5].tolist() == [[0, 0], [7, 0], [0, 8], [7, 8]]
    share = end[:, 3] / start[:, 3] - 1
    assert share.min() >= -0.25 and share.max() <= 0.25 and share.max() > 0.24
    drawn = {name: value[:6] for name, value in drawn.items()}
    moved = ops.image.perspective_transform(IMAGES, drawn["start_points"], drawn["end_points"])
    expected = np.where(drawn["apply_perspective"][:, None, None, None], moved, IMAGES)
    np.testing.assert_allclose(layer.transform_images(IMAGES, drawn), expected, atol=1e-5)
    np.testing.assert_allclose(layers.RandomPerspective(1.0, 0.0)(IMAGES), IMAGES, atol=1e-5)


def test_elastic_moves_masks_along():
    x = np.broadcast_to(np.arange(40, dtype="float32")[None, :, None, None], (4, 40, 30, 1)).copy()
    layer = layers.RandomElasticTransform(1.0, (0.9, 1.0), "nearest", seed=1)
    y = layer({"images": x, "segmentation_masks": x.astype("int32")})
    np.testing.assert_allclose(y["images"], y["segmentation_masks"])
    assert not np.array_equal(y["images"], x)
    assert layers.RandomElasticTransform(0.0)(x).tolist() == x.tolist()
    half = layers.RandomElasticTransform((0.5, 0.5), seed=1).get_random_transformation(np.zeros((3000, 8, 8, 1)))
    assert abs(half["apply_transform"].mean() - 0.5) < 0.05
    # Noise of standard deviation σ, blurred by σ, times alpha.
    drawn = layers.RandomElasticTransform(1.0, (1.0, 1.0), seed=1).get_random_transformation(np.zeros((60, 40, 80, 1)))
    weights = np.exp(-0.5 * (np.arange(-6, 7) / 2) ** 2)
    expected = 0.1 * 80 * 0.05 * 40 * np.square(weights / weights.sum()).sum()
    assert drawn["displacements"][:, 6:-6, 6:-6].std() == pytest.approx(expected, rel=0.05)
    # Never more than alpha times the largest blurred noise.
    small = layers.RandomElasticTransform(1.0, (0.01, 0.01), seed=1)(x)
    assert np.abs(small - x).max() < 0.1


def test_blur():
    layer = layers.RandomGaussianBlur((0.5, 0.5), (3, 5), (0.4, 0.8), UNIT, seed=1)
    drawn = layer.get_random_transformation(np.zeros((3000, 2, 2, 1)))
    assert abs(drawn["should_apply_blur"].mean() - 0.5) < 0.05 and drawn["blur_factor"].shape == (2,)
    assert ((drawn["blur_factor"] >= 0.4) & (drawn["blur_factor"] <= 0.81)).all()
    drawn["should_apply_blur"] = chosen = drawn["should_apply_blur"][:6]
    blurred = ops.image.gaussian_blur(IMAGES, (3, 5), drawn["blur_factor"])
    expected = np.where(chosen[:, None, None, None], blurred, IMAGES)
    np.testing.assert_allclose(layer.transform_images(IMAGES, drawn), expected, atol=1e-6)


def test_erasing():
    x = np.ones((500, 20, 30, 3), "float32")
    y = layers.RandomErasing((0.6, 0.6), (0.1, 0.3), fill_value=[0.0, 0.5, 7.0], value_range=UNIT, seed=1)(x)
    changed = (y[..., 0] == 0).any((1, 2))
    assert abs(changed.mean() - 0.6) < 0.1
    for image in y[changed][:50]:
        rows, columns = np.nonzero(image[..., 0] == 0)
        box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        np.testing.assert_array_equal(box, np.broadcast_to([0, 0.5, 1], box.shape))
        assert (image == 1).sum() == image.size - 2 * len(rows)
        for extent, count in ((20, np.ptp(rows) + 1), (30, np.ptp(columns) + 1)):
            assert np.sqrt(0.1) * extent - 1 <= count <= np.sqrt(0.3) * extent + 1
    noise = layers.RandomErasing(1.0, (0.9, 1.0), value_range=(0, 4), seed=1)(x[:20])
    inside = noise[noise != 1]
    assert 0 <= inside.min() and inside.max() <= 4 and abs((inside == 0).mean() - 0.5) < 0.05
    y = layers.RandomErasing(1.0, 1.0, 0.0, data_format="channels_first", seed=1)(first(x[:9]))
    assert ((y == 0).all(1) == (y == 0).any(1)).all()


def test_mixtures():
    labels = np.eye(6, dtype="float32")
    masks = np.broadcast_to(np.arange(6)[:, None, None, None], (6, 9, 8, 1)).copy()
    given = {"images": IMAGES, "labels": labels, "segmentation_masks": masks}
    for seed in range(4):
        y = layers.MixUp(0.9, seed=seed)(given)
        np.testing.assert_allclose(y["labels"].sum(1), 1, rtol=1e-6)
        np.testing.assert_allclose(y["images"], np.tensordot(y["labels"], IMAGES, 1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(y["segmentation_masks"], np.tensordot(y["labels"], masks, 1), rtol=1e-4, atol=1e-5)
        y = layers.CutMix(seed=seed)(given)
        other = (y["images"] != IMAGES).any(-1)
        for i in range(6):
            sources = np.unique(y["segmentation_masks"][i])
            assert i in sources or other[i].all()
            source = [s for s in sources if s != i]
            assert len(source) <= 1
            if source:
                from_other = y["segmentation_masks"][i, ..., 0] == source[0]
                np.testing.assert_array_equal(y["images"][i][from_other], IMAGES[source[0]][from_other])
                assert abs(y["labels"][i, source[0]] - from_other.mean()) < 0.3
        np.testing.assert_allclose(y["labels"].sum(1), 1, rtol=1e-6)
    weights = layers.MixUp(0.2, seed=1).get_random_transformation(np.zeros((4000, 1, 1, 1)))["mix_weight"]
    assert abs(weights.mean() - 0.5) < 0.03 and weights.var() == pytest.approx(0.25 / 1.4, rel=0.05)
    for layer in (layers.MixUp(seed=1), layers.CutMix(seed=1)):
        single = layer({"images": IMAGES[0], "labels": np.arange(3)})
        assert single["images"].tolist() == IMAGES[0].tolist() and single["labels"].tolist() == [0, 1, 2]
        assert layer({"images": IMAGES, "labels": np.arange(6)})["labels"].shape == (6,)
    uniform = layers.CutMix((1.0, 1.0), seed=3).get_random_transformation(np.zeros((4000, 2, 3, 1)))["mix_weight"]
    assert abs(uniform.mean() - 0.5) < 0.03 and uniform.var() == pytest.approx(1 / 12, rel=0.1)
    ratios = layers.CutMix(seed=3).get_random_transformation(np.zeros((500, 40, 40, 1)))
    inside = ratios["batch_masks"].mean((1, 2, 3))
    np.testing.assert_allclose(1 - inside, ratios["mix_weight"].ravel(), atol=0.06)


def test_policies():
    for make in (lambda **k: layers.RandAugment(UNIT, **k), lambda **k: layers.AugMix(UNIT, **k)):
        y = make(seed=2)({"images": IMAGES, "segmentation_masks": (IMAGES[..., :1] * 9).astype("int32")})
        assert y["images"].min() >= -1e-6 and y["images"].max() <= 1 + 1e-6 and y["segmentation_masks"].shape[-1] == 1
    layer = layers.RandAugment(UNIT, num_ops=2000, seed=1)
    chosen = layer.get_random_transformation(IMAGES)["layer_idxes"]
    assert np.bincount(chosen, minlength=11).min() > 120 and chosen.max() == 10
    layer = layers.RandAugment(UNIT, num_ops=2, factor=(0.3, 0.3), seed=1)
    drawn = layer.get_random_transformation(IMAGES)
    drawn["layer_idxes"] = np.array([10, 3])
    expected = layer.equalization(IMAGES)
    expected = layer.random_brightness.transform_images(expected, drawn["transforms"]["random_brightness"])
    np.testing.assert_array_equal(layer.transform_images(IMAGES, drawn), expected)
    layer = layers.AugMix(UNIT, 2, 2, all_ops=False, seed=1)
    drawn = layer.get_random_transformation(IMAGES)
    assert drawn["chain_mixing_weights"].sum() == pytest.approx(1) and 0 <= drawn["weight_sample"] <= 1
    drawn["layer_idxes"] = np.array([[5, 7], [7, 6]])
    a, b = layer.auto_contrast(IMAGES), layer.equalization(IMAGES)
    w, (w1, w2) = drawn["weight_sample"], drawn["chain_mixing_weights"]
    np.testing.assert_allclose(
        layer.transform_images(IMAGES, drawn), w * IMAGES + (1 - w) * (w1 * a + w2 * b), atol=1e-5
    )
    assert not hasattr(layer, "random_contrast")
    many = layers.AugMix(UNIT, 10, 10, all_ops=False, seed=1).get_random_transformation(IMAGES[:1, :2, :2])
    assert np.unique(many["layer_idxes"]).tolist() == list(range(8))


def test_masks_of_colours_stay():
    masks = RANDOM.integers(0, 4, size=(6, 9, 8, 1)).astype("int32")
    for name in ("RandomHue", "RandomInvert", "Solarization", "RandomSharpness", "RandomErasing", "RandomGaussianBlur"):
        y = LAYERS[name](seed=1)({"images": IMAGES, "segmentation_masks": masks, "labels": np.arange(6)})
        assert y["segmentation_masks"].tolist() == masks.tolist() and y["labels"].tolist() == list(range(6))
    for name in ("RandomShear", "RandomPerspective", "RandomElasticTransform"):
        y = LAYERS[name](seed=1)({"images": IMAGES, "segmentation_masks": masks})
        assert set(np.unique(y["segmentation_masks"])) <= {0, 1, 2, 3}


def test_in_training():
    model = Sequential(
        [Input((9, 8, 3)), layers.RandAugment(UNIT, seed=1), layers.RandomErasing(seed=2, value_range=UNIT)]
    )
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    model.compile(swiftbn.optimizers.SGD(0.0), "mse")
    y = np.zeros((6, 1), "float32")
    losses = model.fit(IMAGES, y, batch_size=6, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert len(set(losses)) == 4
    kernel, bias = model.layers[-1].kernel.numpy(), model.layers[-1].bias.numpy()
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), IMAGES.reshape(6, -1) @ kernel + bias, rtol=1e-4, atol=1e-5
    )


BAD = [
    (lambda: layers.RandomGrayscale(1.5), "factor=1.5"),
    (lambda: layers.RandomHue(-0.5), "factor=-0.5"),
    (lambda: layers.RandomHue(0.5, 3), "value_range=3"),
    (lambda: layers.RandomSaturation((0, 1, 1)), "factor="),
    (lambda: layers.RandomColorDegeneration(2), "factor=2"),
    (lambda: layers.RandomColorJitter(UNIT, hue_factor=2), "RandomHue.*factor=2"),
    (lambda: layers.RandomInvert("a"), "factor='a'"),
    (lambda: layers.RandomPosterization(0), "factor=0"),
    (lambda: layers.RandomPosterization(9), "factor=9"),
    (lambda: layers.Solarization(threshold_factor=-1), "threshold_factor=-1"),
    (lambda: layers.AutoContrast(5), "value_range=5"),
    (lambda: layers.Equalization(bins=0), "bins=0"),
    (lambda: layers.RandomSharpness(2.0), "factor=2.0"),
    (lambda: layers.RandomShear(1.5), "x_factor=1.5"),
    (lambda: layers.RandomShear(0.1, -0.1), "y_factor=-0.1"),
    (lambda: layers.RandomShear(fill_mode="edge"), "fill_mode='edge'"),
    (lambda: layers.RandomPerspective(scale=2), "scale=2"),
    (lambda: layers.RandomPerspective(interpolation="bicubic"), "interpolation='bicubic'"),
    (lambda: layers.RandomElasticTransform(fill_mode="edge"), "fill_mode='edge'"),
    (lambda: layers.RandomElasticTransform(scale=-1), "scale=-1"),
    (lambda: layers.RandomGaussianBlur(kernel_size=4), "kernel_size=4"),
    (lambda: layers.RandomGaussianBlur(sigma=3), "sigma=3"),
    (lambda: layers.RandomErasing(fill_value=[1, 2]), r"fill_value=\[1, 2\]"),
    (lambda: layers.RandomErasing(scale=2), "scale=2"),
    (lambda: layers.CutMix(2), "factor=2"),
    (lambda: layers.MixUp(0), "alpha=0"),
    (lambda: layers.MixUp(bounding_box_format="xyxy"), "bounding_box_format='xyxy'"),
    (lambda: layers.RandAugment(num_ops=0), "num_ops=0"),
    (lambda: layers.RandAugment(interpolation="bicubic"), "interpolation='bicubic'"),
    (lambda: layers.AugMix(num_chains=0), "num_chains=0"),
    (lambda: layers.AugMix(alpha=-1), "alpha=-1"),
    (lambda: layers.RandomHue(0.5)(IMAGES[..., :2]), "3 channels"),
    (lambda: layers.CutMix()(IMAGES[0, 0]), "rank 3 or 4"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
