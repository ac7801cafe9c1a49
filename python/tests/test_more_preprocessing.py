"""Pipeline, MaxNumBoundingBoxes, and equalization of tiles with a limited contrast."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops

RNG = np.random.default_rng(4)
CLAHE = layers.ContrastLimitedAdaptiveHistogramEqualization


def from_config(layer):
    return swiftbn.saving.deserialize_keras_object(swiftbn.saving.serialize_keras_object(layer))


# Pipeline


class Noting(layers.Layer):
    """Notes what it is called with."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True
        self.seen = []

    def call(self, x, training=None, mask=None):
        self.seen.append((training, mask))
        return x + 1


def test_pipeline_calls_one_after_another():
    x = RNG.uniform(0, 255, (2, 5, 4, 3)).astype("float32")
    pipeline = layers.Pipeline([layers.Rescaling(0.5), layers.AutoContrast(), layers.CenterCrop(3, 3)])
    expected = layers.CenterCrop(3, 3)(layers.AutoContrast()(x * 0.5))
    np.testing.assert_array_equal(pipeline(x), expected)
    np.testing.assert_array_equal(pipeline(x[0]), expected[0])
    assert pipeline.compute_output_shape((None, 5, 4, 3)) == (None, 3, 3, 3) and len(pipeline.layers) == 3
    assert not isinstance(pipeline, Model)
    inputs = Input((5, 4, 3))
    np.testing.assert_allclose(Model(inputs, pipeline(inputs)).predict(x, verbose=0), expected, rtol=1e-5, atol=1e-4)
    images = {"images": x, "labels": np.arange(2)}
    found = layers.Pipeline([layers.RandomFlip(seed=1), layers.RandomContrast(0.5, seed=2)])(images)
    assert found["images"].shape == x.shape and found["labels"].tolist() == [0, 1]


def test_pipeline_hands_on_training():
    for options, expected in (({}, True), ({"training": False}, False), ({"training": True}, True)):
        noting = Noting()
        layers.Pipeline([layers.Identity(), noting])(np.ones((2, 3), "float32"), **options)
        assert [training for training, _ in noting.seen] == [expected]
    x = RNG.uniform(0, 255, (8, 4, 4, 1)).astype("float32")
    flips = layers.Pipeline([layers.RandomFlip(seed=1)])
    np.testing.assert_array_equal(flips(x, training=False), x)
    assert not np.array_equal(flips(x), x)


def test_pipeline_hands_on_masks():
    first, second = Noting(), Noting()
    mask = np.array([[True, False]])
    layers.Pipeline([first, second])(np.ones((1, 2, 3), "float32"), mask=mask)
    assert first.seen[0][1].tolist() == second.seen[0][1].tolist() == [[True, False]]
    last = Noting()
    found = layers.Pipeline([layers.Embedding(4, 2, mask_zero=True), last])(np.array([[1, 0, 2]]))
    assert np.asarray(last.seen[0][1]).tolist() == [[True, False, True]]
    assert swiftbn.masking.get_keras_mask(found) is not None


def test_pipeline_with_weights_trains_and_is_saved(tmp_path):
    x = RNG.normal(size=(8, 3)).astype("float32")
    model = Sequential([Input((3,)), layers.Pipeline([layers.Dense(4, "relu"), layers.Dense(1)], name="row")])
    assert len(model.trainable_weights) == 4
    model.compile("sgd", "mse")
    before = [w.numpy().copy() for w in model.weights]
    model.fit(x, x[:, :1], verbose=0)
    assert all(not np.array_equal(a, b.numpy()) for a, b in zip(before, model.weights, strict=True))
    model.save(tmp_path / "m.keras")
    loaded = swiftbn.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.layers[0].name == "row"


def test_pipeline_of_strings():
    pipeline = layers.Pipeline([layers.StringLookup(vocabulary=["a", "b"]), layers.CategoryEncoding(3)])
    assert pipeline([["b"], ["q"]]).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("value", [[], None, layers.Identity(), [ops.exp]])
def test_bad_pipelines(value):
    with pytest.raises(ValueError, match="Pipeline: expected layers to be a list of layers. Received: layers="):
        layers.Pipeline(value)
    with pytest.raises(ValueError, match="expected its configuration to have a list 'layers'. Received: 3"):
        layers.Pipeline.from_config({"layers": 3})


# MaxNumBoundingBoxes

BOXES = np.arange(24, dtype="float32").reshape(2, 3, 4)
LABELS = np.array([[1, 2, 3], [4, 5, 6]])
IMAGES = np.zeros((2, 4, 4, 3), "float32")


def boxed(number, boxes=BOXES, labels=LABELS, images=IMAGES, **options):
    layer = layers.MaxNumBoundingBoxes(number, bounding_box_format="xyxy", **options)
    data = {"images": images, "bounding_boxes": {"boxes": boxes, "labels": labels}, "labels": np.arange(2)}
    found = layer(data)
    shapes = layer.compute_output_shape(
        {"images": images.shape, "bounding_boxes": {"boxes": boxes.shape, "labels": labels.shape}}
    )
    assert shapes["bounding_boxes"] == {name: value.shape for name, value in found["bounding_boxes"].items()}
    assert found["images"] is not None and found["labels"].tolist() == [0, 1]
    assert data["bounding_boxes"]["boxes"] is boxes
    return found["bounding_boxes"]["boxes"], found["bounding_boxes"]["labels"]


def test_boxes_are_cut_off_or_filled_in():
    boxes, labels = boxed(2)
    np.testing.assert_array_equal(boxes, BOXES[:, :2])
    np.testing.assert_array_equal(labels, LABELS[:, :2])
    boxes, labels = boxed(3)
    np.testing.assert_array_equal(boxes, BOXES)
    boxes, labels = boxed(5, fill_value=-7)
    np.testing.assert_array_equal(boxes[:, :3], BOXES)
    assert (boxes[:, 3:] == -7).all() and labels.tolist() == [[1, 2, 3, -7, -7], [4, 5, 6, -7, -7]]
    assert labels.dtype == LABELS.dtype and boxes.dtype == np.float32
    boxes, labels = boxed(2, BOXES[:, :0], LABELS[:, :0])
    assert (boxes == -1).all() and boxes.shape == (2, 2, 4)


def test_boxes_of_one_image():
    boxes, labels = boxed(4, BOXES[0], LABELS[0], IMAGES[0])
    np.testing.assert_array_equal(boxes[:3], BOXES[0])
    assert labels.tolist() == [1, 2, 3, -1]


def test_images_alone_stay_and_configurations():
    layer = layers.MaxNumBoundingBoxes(4, fill_value=2, bounding_box_format="rel_xywh")
    np.testing.assert_array_equal(layer(IMAGES), IMAGES)
    again = from_config(layer)
    assert (again.max_number, again.fill_value, again.bounding_box_format) == (4, 2, "rel_xywh")
    assert layer.compute_output_shape((None, 4, 4, 3)) == (None, 4, 4, 3)


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda: layers.MaxNumBoundingBoxes(0), "max_number to be an integer >= 1. Received: max_number=0"),
        (lambda: layers.MaxNumBoundingBoxes(2, bounding_box_format="abcd"), "bounding_box_format to be one of"),
        (
            lambda: layers.MaxNumBoundingBoxes(2)({"images": IMAGES, "bounding_boxes": {}}),
            "expected bounding_box_format, such as 'xyxy', with boxes. Received: None",
        ),
        (lambda: boxed(2, BOXES[0]), r"\(N, B, 4\) and \(N, B\). Received: \[\(3, 4\), \(2, 3\)\]"),
        (lambda: boxed(2, BOXES[..., :3]), "boxes and labels of shapes"),
        (lambda: boxed(2, labels=LABELS[:, :2]), "boxes and labels of shapes"),
    ],
)
def test_bad_boxes(function, text):
    with pytest.raises(ValueError, match=text):
        function()


# Equalization of tiles


def reference(x, clip_limit=4.0, tiles=(8, 8)):
    """One channel (H, W) of values from 0 to 255, tile by tile and pixel by pixel, in float64."""
    height, width = x.shape
    th, tw = -(-height // tiles[0]), -(-width // tiles[1])
    whole = np.pad(x, ((0, th * tiles[0] - height), (0, tw * tiles[1] - width)), "symmetric")
    tables = np.zeros((*tiles, 256))
    for i in range(tiles[0]):
        for j in range(tiles[1]):
            tile = whole[i * th : (i + 1) * th, j * tw : (j + 1) * tw]
            counts = np.bincount(np.clip(tile.astype(int), 0, 255).ravel(), minlength=256).astype(float)
            if clip_limit > 0:
                limit = clip_limit * tile.size / 256
                counts = np.minimum(counts, limit) + np.maximum(counts - limit, 0).sum() / 256
            below = counts.cumsum()
            width_ = tile.size - below[0]
            tables[i, j] = np.clip((below - below[0]) * 255 / (width_ if width_ else 1), 0, 255)
    result = np.zeros(x.shape)
    for r in range(height):
        for c in range(width):
            y, z = (r - th / 2) / th, (c - tw / 2) / tw
            value = int(np.clip(x[r, c], 0, 255))
            for i, wy in ((int(np.floor(y)), 1 - y % 1), (int(np.floor(y)) + 1, y % 1)):
                for j, wx in ((int(np.floor(z)), 1 - z % 1), (int(np.floor(z)) + 1, z % 1)):
                    place = np.clip(i, 0, tiles[0] - 1), np.clip(j, 0, tiles[1] - 1)
                    result[r, c] += wy * wx * tables[place][value]
    return result


CASES = [((1, 16, 16, 1), {}), ((2, 17, 23, 2), {}), ((1, 5, 3, 1), {}), ((1, 1, 1, 1), {})]
CASES += [((2, 3, 20, 21), {"data_format": "channels_first", "tile_grid_size": (3, 4)})]
CASES += [((1, 30, 30, 1), {"clip_limit": 0.0, "tile_grid_size": 2}), ((9, 9, 1), {"clip_limit": 1.5})]


@pytest.mark.parametrize("shape, options", CASES)
def test_equalized_tiles(shape, options):
    x = np.round(RNG.beta(2, 5, shape) * 300 - 20)
    found = CLAHE(dtype="float64", **options)(x)
    assert found.dtype == np.float64
    tiles = options.get("tile_grid_size", (8, 8))
    tiles = (tiles, tiles) if isinstance(tiles, int) else tiles
    planes, results = x.reshape(-1, *x.shape[-3:]), found.reshape(-1, *x.shape[-3:])
    if "data_format" not in options:
        planes, results = np.moveaxis(planes, -1, 1), np.moveaxis(results, -1, 1)
    for image, result in zip(planes, results, strict=True):
        for plane, own in zip(image, result, strict=True):
            np.testing.assert_allclose(own, reference(plane, options.get("clip_limit", 4.0), tiles), atol=1e-9)


def test_value_ranges_and_dtypes():
    x = RNG.integers(0, 256, (2, 16, 16, 3)).astype("uint8")
    whole = CLAHE()(x)
    assert whole.dtype == np.uint8
    expected = CLAHE()(x.astype("float32"))
    np.testing.assert_array_equal(whole, expected.astype("uint8"))
    np.testing.assert_allclose(CLAHE(value_range=(0, 1))(x.astype("float32") / 255) * 255, expected, atol=2)
    assert CLAHE()(x[:0]).shape == (0, 16, 16, 3)
    constant = CLAHE()(np.full((1, 8, 8, 1), 100.0, "float32"))
    assert np.isfinite(constant).all() and constant.max() <= 255
    assert np.isfinite(CLAHE()(np.full((1, 8, 8, 1), np.nan, "float32"))).all()


def test_equalized_tiles_in_models_and_configurations(tmp_path):
    x = RNG.uniform(0, 255, (3, 20, 20, 1)).astype("float32")
    layer = CLAHE(clip_limit=2.0, tile_grid_size=(4, 5), value_range=(0, 255))
    model = Sequential([Input((20, 20, 1)), layer])
    np.testing.assert_allclose(model.predict(x, verbose=0), layer(x), atol=1e-3)
    again = from_config(layer)
    assert (again.clip_limit, again.tile_grid_size) == (2.0, (4, 5))
    np.testing.assert_array_equal(again(x), layer(x))
    found = layer({"images": x, "segmentation_masks": np.ones((3, 20, 20, 1), "int32"), "labels": np.arange(3)})
    assert (found["segmentation_masks"] == 1).all()


@pytest.mark.parametrize(
    "options, text",
    [
        ({"tile_grid_size": (0, 2)}, r"tile_grid_size to be .* Received: tile_grid_size=\(0, 2\)"),
        ({"tile_grid_size": (2, 2, 2)}, "tile_grid_size"),
        ({"clip_limit": "4"}, "clip_limit to be a finite number. Received: clip_limit='4'"),
        ({"value_range": 3}, "value_range to be two numbers"),
        ({"bounding_box_format": "xyxy"}, "only bounding_box_format=None"),
    ],
)
def test_bad_equalization(options, text):
    with pytest.raises(ValueError, match=text):
        CLAHE(**options)


@pytest.mark.interop
def test_same_as_keras():
    keras = pytest.importorskip("keras")
    x = RNG.uniform(0, 255, (2, 17, 23, 3)).astype("float32")
    for options in ({}, {"clip_limit": 0.0, "tile_grid_size": (3, 2)}):
        theirs = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(**options)(x)
        np.testing.assert_allclose(CLAHE(**options)(x), np.asarray(theirs), atol=1e-3)
    for number in (2, 5):
        layer = keras.layers.MaxNumBoundingBoxes(number, fill_value=-3, bounding_box_format="xyxy")
        data = {"images": IMAGES, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}, "labels": np.arange(2)}
        boxes = {name: np.asarray(value) for name, value in layer(data)["bounding_boxes"].items()}
        mine = boxed(number, fill_value=-3)
        np.testing.assert_array_equal(mine[0], boxes["boxes"])
        np.testing.assert_array_equal(mine[1], boxes["labels"])
    row = layers.Pipeline([layers.Rescaling(2.0), layers.AutoContrast()], name="row")
    loaded = keras.saving.deserialize_keras_object(swiftbn.saving.serialize_keras_object(row))
    np.testing.assert_allclose(np.asarray(loaded(x)), row(x), rtol=1e-5, atol=1e-3)
    back = swiftbn.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loaded))
    np.testing.assert_array_equal(back(x), row(x))
