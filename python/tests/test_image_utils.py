"""Images as arrays, in files, and images and texts in directories as data sets."""

import builtins
import io

import numpy as np
import pytest

import swiftbn
from swiftbn import Sequential, layers, ops, utils
from swiftbn.preprocessing import image

pytest.importorskip("PIL")
RANDOM = np.random.default_rng(11)
PIXELS = RANDOM.integers(0, 256, size=(5, 4, 3)).astype("float32")
PIXELS[0, 0] = (0, 255, 9)


def test_arrays_and_images():
    picture = utils.array_to_img(PIXELS, scale=False)
    assert picture.size == (4, 5) and picture.mode == "RGB"
    np.testing.assert_array_equal(utils.img_to_array(picture), PIXELS)
    first = utils.img_to_array(picture, "channels_first", "float64")
    np.testing.assert_array_equal(first, PIXELS.transpose(2, 0, 1))
    assert first.dtype == "float64"
    np.testing.assert_array_equal(np.asarray(utils.array_to_img(first, "channels_first", scale=False)), PIXELS)
    scaled = utils.img_to_array(utils.array_to_img(PIXELS / 255 - 3))
    assert np.abs(scaled - PIXELS).max() <= 1
    np.testing.assert_array_equal(utils.img_to_array(utils.array_to_img(np.full((2, 2, 1), 7.0))), np.zeros((2, 2, 1)))
    gray = utils.array_to_img(PIXELS[:, :, :1], scale=False)
    assert gray.mode == "L" and utils.img_to_array(gray).shape == (5, 4, 1)
    assert utils.img_to_array(gray, "channels_first").shape == (1, 5, 4)
    deep = utils.array_to_img(PIXELS[:, :, :1] * 300, scale=False)
    assert deep.mode == "I" and utils.img_to_array(deep).max() == PIXELS[:, :, 0].max() * 300
    assert utils.array_to_img(np.ones((2, 2, 4))).mode == "RGBA"
    assert image.img_to_array is utils.img_to_array


def test_files(tmp_path):
    for name in ("a.png", "a.bmp"):
        utils.save_img(tmp_path / name, PIXELS, scale=False)
        np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / name)), PIXELS)
    utils.save_img(str(tmp_path / "a.jpg"), PIXELS, quality=95)
    assert utils.load_img(str(tmp_path / "a.jpg")).size == (4, 5)
    memory = io.BytesIO()
    utils.save_img(memory, PIXELS, file_format="png", scale=False)
    memory.seek(0)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(memory)), PIXELS)
    with pytest.warns(UserWarning, match="transparency"):
        utils.save_img(tmp_path / "b.jpeg", np.ones((2, 2, 4)))
    assert utils.load_img(tmp_path / "a.png", "grayscale").mode == "L"
    assert utils.load_img(tmp_path / "a.png", "rgba").mode == "RGBA"
    assert utils.load_img(tmp_path / "a.png", target_size=(7, 9)).size == (9, 7)
    small = utils.load_img(tmp_path / "a.png", target_size=(2, 4), keep_aspect_ratio=True)
    np.testing.assert_array_equal(utils.img_to_array(small), PIXELS[1:3])


def test_errors(tmp_path):
    for make, text in (
        (lambda: utils.array_to_img(np.ones((2, 2))), "rank 3"),
        (lambda: utils.array_to_img(np.ones((2, 2, 2))), "1, 3 or 4 channels"),
        (lambda: utils.img_to_array(np.ones(3)), "rank 2 or 3"),
        (lambda: utils.img_to_array(PIXELS, "NHWC"), "data_format='NHWC'"),
        (lambda: utils.load_img("x.png", "cmyk"), "color_mode='cmyk'"),
        (lambda: utils.load_img("x.png", interpolation="area"), "interpolation='area'"),
        (lambda: image.smart_resize(np.ones((2, 2)), (2, 2)), "rank 3 or 4"),
        (lambda: image.smart_resize(PIXELS, (2, 0)), "size"),
    ):
        with pytest.raises(ValueError, match=text):
            make()
    with pytest.raises(FileNotFoundError):
        utils.load_img(tmp_path / "nothing.png")
    with pytest.raises(TypeError, match="path=3"):
        utils.load_img(3)


def test_without_pillow(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("PIL"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for function, arguments in (
        (utils.array_to_img, (PIXELS,)),
        (utils.load_img, ("a.png",)),
        (utils.save_img, ("a.png", PIXELS)),
        (utils.image_dataset_from_directory, (tmp_path,)),
    ):
        with pytest.raises(ImportError, match="pip install pillow"):
            function(*arguments)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_smart_resize(data_format):
    batch = RANDOM.uniform(size=(2, 6, 4, 3)).astype("float32")
    given = batch if data_format == "channels_last" else batch.transpose(0, 3, 1, 2)
    found = image.smart_resize(given, (2, 4), data_format=data_format)
    expected = ops.image.resize(batch[:, 2:4], (2, 4), data_format="channels_last")
    np.testing.assert_allclose(found if data_format == "channels_last" else found.transpose(0, 2, 3, 1), expected)
    single = image.smart_resize(given[0], (2, 4), "nearest", data_format)
    assert single.shape == found.shape[1:]
    assert image.smart_resize(np.ones((100, 1, 3)), (2, 200)).shape == (2, 200, 3)


@pytest.fixture
def directory(tmp_path):
    """Two classes of images of two sizes, files of other kinds, and a hidden directory."""
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / name / "inner").mkdir(parents=True)
        for i in range(3):
            place = tmp_path / name / ("inner" if i == 2 else "") / f"{i}.PNG"
            utils.save_img(place, np.full((4, 4 + 2 * i, 3), 100.0 * number + 10 * i), scale=False)
    (tmp_path / "dogs" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def load(directory, **kwargs):
    kwargs = {"image_size": (4, 4), "shuffle": False, "verbose": False, **kwargs}
    return utils.image_dataset_from_directory(directory, **kwargs)


def test_images_in_directories(directory, capsys):
    dataset = load(directory, batch_size=4, verbose=True)
    assert "Found 6 files belonging to 2 classes." in capsys.readouterr().out
    assert dataset.class_names == ["cats", "dogs"] and len(dataset) == 2 and len(dataset.file_paths) == 6
    (x, y), (last, labels) = dataset
    assert x.shape == (4, 4, 4, 3) and x.dtype == "float32" and y.dtype == "int32"
    assert y.tolist() == [0, 0, 0, 1] and labels.tolist() == [1, 1]
    np.testing.assert_allclose(x[:, 0, 0, 0], [0, 10, 20, 100], rtol=1e-5)
    np.testing.assert_allclose(last[1], np.full((4, 4, 3), 120), rtol=1e-5)
    assert load(directory, data_format="channels_first", color_mode="rgba")[0][0].shape == (6, 4, 4, 4)[:1] + (4, 4, 4)
    assert load(directory, color_mode="grayscale", image_size=(3, 2))[0][0].shape == (6, 3, 2, 1)
    one = load(directory, batch_size=None)
    assert len(one) == 6 and one[5][0].shape == (4, 4, 3) and one[5][1] == 1


def test_labels(directory):
    assert load(directory, label_mode="binary")[0][1].tolist() == [[0]] * 3 + [[1]] * 3
    one_hot = load(directory, label_mode="categorical")[0][1]
    np.testing.assert_array_equal(one_hot, np.eye(2)[[0, 0, 0, 1, 1, 1]])
    assert one_hot.dtype == "float32"
    swapped = load(directory, class_names=["dogs", "cats"])
    assert swapped[0][1].tolist() == [0, 0, 0, 1, 1, 1] and swapped.class_names == ["dogs", "cats"]
    assert load(directory, class_names=["dogs"])[0][1].tolist() == [0, 0, 0]
    given = load(directory, labels=[2, 1, 0, 0, 1, 2])
    assert given[0][1].tolist() == [2, 1, 0, 0, 1, 2] and given.class_names == ["0", "1", "2"]
    for none in ({"labels": None}, {"label_mode": None}):
        dataset = load(directory, **none)
        assert dataset[0].shape == (6, 4, 4, 3) and dataset.class_names is None


def test_shuffling_and_subsets(directory):
    arguments = {"shuffle": True, "seed": 5, "validation_split": 0.34}
    training, validation = load(directory, subset="both", **arguments)
    alone = [load(directory, subset=subset, **arguments) for subset in ("training", "validation")]
    assert [d.file_paths for d in alone] == [training.file_paths, validation.file_paths]
    assert len(training.file_paths) == 4 and len(validation.file_paths) == 2
    assert not set(training.file_paths) & set(validation.file_paths)
    orders = [next(iter(training))[0][:, 0, 0, 0].tolist() for _ in range(4)]
    assert len(set(map(tuple, orders))) > 1 and len({tuple(sorted(order)) for order in orders}) == 1
    again = load(directory, subset="both", **arguments)[0]
    assert [next(iter(again))[0][:, 0, 0, 0].tolist() for _ in range(4)] == orders
    for x, y in training:
        for value, label in zip(x[:, 0, 0, 0], y, strict=True):
            assert (value > 50) == label


def test_workers_and_training(directory):
    dataset = load(directory, batch_size=2, shuffle=True, seed=1)
    dataset.workers = 2
    model = Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)])
    model.compile("adam", swiftbn.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert len(model.fit(dataset, epochs=3, verbose=0).history["loss"]) == 3
    assert model.predict(load(directory), verbose=0).shape == (6, 2)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"labels": "names"}, "labels='names'"),
        ({"labels": [1, 2]}, "labels for 6 files.*Received: 2"),
        ({"labels": ["a"] * 6}, "integers"),
        ({"labels": [0, 0, 0, 0, 0, 5], "label_mode": "categorical"}, r"labels in 0 … 1"),
        ({"labels": None, "class_names": ["cats"]}, "class_names=None"),
        ({"class_names": ["cats", "birds"]}, "birds"),
        ({"class_names": ["cats"], "label_mode": "binary"}, "two classes"),
        ({"label_mode": "float"}, "label_mode='float'"),
        ({"color_mode": "cmyk"}, "color_mode='cmyk'"),
        ({"interpolation": "area"}, "interpolation='area'"),
        ({"image_size": (0, 3)}, "image_size"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"format": "grain"}, "format='grain'"),
        ({"validation_split": 0.2}, "and subset, or none"),
        ({"subset": "training"}, "and subset, or none"),
        ({"validation_split": 1.2, "subset": "both"}, "between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, "subset='test'"),
        ({"validation_split": 0.2, "subset": "training", "shuffle": True}, "seed"),
        ({"validation_split": 0.1, "subset": "both"}, "for validation in"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Received: both"),
    ],
)
def test_directory_errors(directory, arguments, text):
    with pytest.raises(ValueError, match=text):
        load(directory, **arguments)


def test_empty_and_missing_directories(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="expected files ending in .bmp"):
        load(tmp_path)


def test_texts_in_directories(tmp_path, capsys):
    for name, texts in {"bad": ["böse", "arg"], "good": ["gut und schön"]}.items():
        (tmp_path / name).mkdir()
        for i, text in enumerate(texts):
            (tmp_path / name / f"{i}.txt").write_text(text, encoding="utf-8")
    dataset = utils.text_dataset_from_directory(tmp_path, shuffle=False, max_length=4)
    assert "Found 3 files belonging to 2 classes." in capsys.readouterr().out
    x, y = dataset[0]
    assert x.tolist() == ["böse", "arg", "gut "] and y.tolist() == [0, 0, 1] and x.shape == (3,)
    single = utils.text_dataset_from_directory(tmp_path, labels=None, batch_size=None, shuffle=False, verbose=False)
    assert [str(text) for text in single] == ["böse", "arg", "gut und schön"]
    with pytest.raises(ValueError, match="max_length=0"):
        utils.text_dataset_from_directory(tmp_path, max_length=0)


@pytest.mark.interop
@pytest.mark.parametrize("options", [{}, {"interpolation": "nearest"}, {"interpolation": "bicubic"}])
def test_keras_loads_the_same_images(directory, options):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    for i, shape in enumerate([(9, 7, 3), (5, 11, 3)]):
        utils.save_img(directory / "cats" / f"z{i}.png", RANDOM.integers(0, 256, size=shape), scale=False)
    for more in ({}, {"data_format": "channels_first"}, {"crop_to_aspect_ratio": True}, {"label_mode": "categorical"}):
        arguments = {"image_size": (6, 5), "shuffle": False, "verbose": False, **options, **more}
        ours = utils.image_dataset_from_directory(directory, **arguments)
        theirs = keras.utils.image_dataset_from_directory(directory, **arguments)
        assert ours.class_names == theirs.class_names and ours.file_paths == theirs.file_paths
        for (x, y), (a, b) in zip(ours, theirs, strict=True):
            # TensorFlow takes cubic weights from a table.
            np.testing.assert_allclose(x, np.asarray(a), atol=0.3 if "bicubic" in options.values() else 0.02)
            np.testing.assert_array_equal(y, np.asarray(b))
    arguments = {"validation_split": 0.4, "subset": "both", "seed": 3, "verbose": False}
    for a, b in zip(
        *(p.utils.image_dataset_from_directory(directory, **arguments) for p in (swiftbn, keras)), strict=True
    ):
        assert a.file_paths == b.file_paths


@pytest.mark.interop
def test_keras_converts_the_same(tmp_path):
    keras = pytest.importorskip("keras")
    for x in (PIXELS, PIXELS / 7 - 4, PIXELS[:, :, :1], RANDOM.normal(size=(3, 3, 4))):
        for scale in (True, False):
            x = np.abs(x)
            ours, theirs = (np.asarray(p.utils.array_to_img(x, scale=scale), "int") for p in (swiftbn, keras))
            assert np.abs(ours - theirs).max() <= 1
    utils.save_img(tmp_path / "a.png", RANDOM.integers(0, 256, size=(9, 13, 3)), scale=False)
    for name in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"):
        for keep in (False, True):
            for mode in ("rgb", "rgba", "grayscale"):
                pair = [p.utils.load_img(tmp_path / "a.png", mode, (4, 5), name, keep) for p in (swiftbn, keras)]
                np.testing.assert_array_equal(*map(np.asarray, pair))
    batch = RANDOM.uniform(size=(2, 9, 7, 3)).astype("float32")
    for size in ((4, 4), (12, 5)):
        theirs = keras.preprocessing.image.smart_resize(batch, size)
        np.testing.assert_allclose(image.smart_resize(batch, size), np.asarray(theirs), atol=1e-5)
