"""Weights in several files, listed by a `.weights.json` file."""

import json
import os

import h5py
import numpy as np
import pytest

from swiftbn import Input, Sequential, layers

GB = 1024**3
X, Y = np.ones((4, 30), "float32"), np.ones((4, 10), "float32")


def make_model(package_layers=layers, sequential=Sequential, keras_input=Input):
    model = sequential(
        [
            keras_input((30,)),
            package_layers.Dense(20, name="a"),
            package_layers.BatchNormalization(name="bn"),
            package_layers.Dense(10, name="b"),
        ],
        name="model",
    )
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    return model


def everything(model) -> list:
    return [np.array(v) for v in [*model.weights, *model.optimizer.variables]]


def same(model, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(everything(model), everything(other), strict=True))


@pytest.mark.parametrize("size, least", [(1, 1), (3000 / GB, 4), (2400 / GB, 5)])
def test_round_trip(tmp_path, size, least):
    model = make_model()
    path = tmp_path / "inner" / "my.weights.json"
    model.save_weights(path, max_shard_size=size)
    files = sorted(name for name in os.listdir(path.parent) if name.endswith(".h5"))
    assert len(files) >= least and files[0] == "my_00000.weights.h5"
    listing = json.loads(path.read_text())
    assert listing["metadata"]["total_size"] == sum(value.nbytes for value in everything(model))
    assert sorted({name for names in listing["weight_map"].values() for name in names}) == files
    for name in files:
        sizes = []
        with h5py.File(path.parent / name) as file:
            file.visititems(lambda _, item, sizes=sizes: sizes.append(getattr(item, "nbytes", 0)))
        assert sum(sizes) <= size * GB
    other = make_model()
    assert not same(model, other)
    other.load_weights(path)
    assert same(model, other)


def test_errors(tmp_path):
    model = make_model()
    path = tmp_path / "my.weights.json"
    with pytest.raises(ValueError, match="layers/dense/vars/0 has 2400 bytes"):
        model.save_weights(path, max_shard_size=2399 / GB)
    assert os.listdir(tmp_path) == []
    for size in (0, -1.0, "1GB", True, float("nan")):
        with pytest.raises(ValueError, match="max_shard_size"):
            model.save_weights(path, max_shard_size=size)
    with pytest.raises(ValueError, match="'.weights.json'"):
        model.save_weights(tmp_path / "my.weights.h5", max_shard_size=1)
    with pytest.raises(ValueError, match="'.weights.h5'"):
        model.save_weights(path)
    model.save_weights(path, max_shard_size=1)
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False, max_shard_size=1)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "other.weights.json")
    before = everything(model)
    for text, message in (
        ("{", "no list"),
        ("{}", "no list"),
        ('{"weight_map": {"/vars": ["../my_00000.weights.h5"]}}', "refused"),
        ('{"weight_map": {"/vars": "/etc/passwd"}}', "refused"),
        ('{"weight_map": {"/vars": [3]}}', "refused"),
        ('{"weight_map": {}}', "do not fit"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            model.load_weights(path)
    path.write_text('{"weight_map": {"/vars": "my_00007.weights.h5"}}')
    with pytest.raises(FileNotFoundError, match="my_00007"):
        model.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, everything(model), strict=True))


@pytest.mark.interop
def test_keras_reads_and_writes_the_same(tmp_path):
    keras = pytest.importorskip("keras")
    ours, theirs = make_model(), make_model(keras.layers, keras.Sequential, keras.Input)
    ours.save_weights(tmp_path / "ours.weights.json", max_shard_size=3000 / GB)
    theirs.save_weights(str(tmp_path / "theirs.weights.json"), max_shard_size=3000 / GB)
    lists = [json.loads((tmp_path / f"{name}.weights.json").read_text())["weight_map"] for name in ("ours", "theirs")]
    assert lists[0] == {place: [n.replace("theirs", "ours") for n in names] for place, names in lists[1].items()}
    fresh = make_model(keras.layers, keras.Sequential, keras.Input)
    fresh.load_weights(str(tmp_path / "ours.weights.json"))
    for a, b in zip(ours.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    again = make_model()
    again.load_weights(tmp_path / "theirs.weights.json")
    assert same(again, theirs)
