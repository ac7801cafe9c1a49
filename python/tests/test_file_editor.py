"""KerasFileEditor: files of weights looked at and changed without a model."""

import h5py
import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Sequential, layers
from swiftbn.saving import KerasFileEditor


def make_model(units=(3, 2), name="model") -> Sequential:
    model = Sequential([Input((4,)), *(layers.Dense(n, name=f"d{i}") for i, n in enumerate(units))], name=name)
    model.compile("sgd", "mse")
    return model


@pytest.fixture
def files(tmp_path):
    model = make_model()
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    return model, tmp_path


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_looking(files, ending, capsys):
    model, path = files
    editor = KerasFileEditor(path / f"m{ending}")
    np.testing.assert_array_equal(editor.weights_dict["layers"]["dense"]["0"], model.get_weights()[0])
    assert list(editor.weights_dict["layers"]) == ["dense", "dense_1"]
    assert editor.object_metadata["layers/dense_1"] == {"name": "d1"}
    assert (editor.config is None) == (editor.metadata is None) == (ending != ".keras")
    editor.summary()
    text = capsys.readouterr().out
    assert "dense_1 ('d1')" in text and "0: shape=(3, 2), dtype=float32" in text
    assert editor.compare(model)["status"] == "success"
    assert "no differences, 6 weights match" in capsys.readouterr().out


def test_comparing(files, capsys):
    _, path = files
    editor = KerasFileEditor(path / "m.weights.h5")
    assert editor.compare(make_model((3, 5, 1))) == {"status": "error", "error_count": 4, "match_count": 4}
    text = capsys.readouterr().out
    assert "layers/dense_1/0: of shape (3, 2) in the file, (3, 5) in the model" in text
    assert "layers/dense_2/1: in the model only, of shape (1,)" in text
    assert editor.compare(make_model((3,)))["error_count"] == 2
    assert "layers/dense_1/0: in the file only, of shape (3, 2)" in capsys.readouterr().out


def test_changing_and_saving(files):
    model, path = files
    editor = KerasFileEditor(path / "m.weights.h5")
    editor.rename_object("dense_1", "dense_2")
    editor.add_object("layers/dense_1", {"0": np.full((3, 3), 2.0, "float32"), "1": np.zeros(3, "float32")})
    editor.save(path / "new.weights.h5")
    wider = make_model((3, 3, 2))
    wider.load_weights(path / "new.weights.h5")
    np.testing.assert_array_equal(wider.get_weights()[2], np.full((3, 3), 2.0))
    np.testing.assert_array_equal(wider.get_weights()[4], model.get_weights()[2])
    again = KerasFileEditor(path / "new.weights.h5")
    assert again.compare(wider)["status"] == "success"
    again.delete_object("layers/dense_1")
    again.rename_object("layers/dense_2", "dense_1")
    again.delete_weight("dense_1", "1")
    again.add_weights("dense_1", {"1": np.array([5.0, 6.0])})
    again.delete_object("optimizer")
    again.resave_weights(str(path / "back.weights.h5"))
    back = make_model()
    back.load_weights(path / "back.weights.h5")
    np.testing.assert_array_equal(back.get_weights()[3], [5, 6])
    np.testing.assert_array_equal(back.get_weights()[0], model.get_weights()[0])


def test_errors(files):
    _, path = files
    editor = KerasFileEditor(path / "m.weights.h5")
    for change, text in (
        (lambda: editor.delete_object("layers/nothing"), "no object layers/nothing"),
        (lambda: editor.delete_object("nothing"), "no object nothing"),
        (lambda: editor.rename_object("dense", "a/b"), "new_name='a/b'"),
        (lambda: editor.rename_object("dense", "dense_1"), "there already"),
        (lambda: editor.add_object("nothing/dense", {}), "no object nothing"),
        (lambda: editor.add_object("layers/dense", {}), "there already"),
        (lambda: editor.add_object("layers/new", [1]), "dict"),
        (lambda: editor.add_object("layers/new", {"0": "text"}), "numbers"),
        (lambda: editor.delete_weight("dense", "7"), r"\['0', '1'\]. Received: weight_name='7'"),
        (lambda: editor.save(path / "new.h5"), "'.weights.h5'"),
        (lambda: KerasFileEditor(path / "m.txt"), "m.txt"),
    ):
        with pytest.raises(ValueError, match=text):
            change()
    for name in ("x.keras", "x.weights.h5"):
        with pytest.raises(FileNotFoundError):
            KerasFileEditor(path / name)
    editor.add_object("dense", {"0": np.ones(2)})
    editor.add_object("dense/dense_1", {"0": np.ones(2)})
    with pytest.raises(ValueError, match="layers/dense_1, dense/dense_1"):
        editor.delete_object("dense_1")
    editor.delete_object("layers/dense_1")


def test_files_from_elsewhere(files):
    _, path = files
    bad = path / "bad.weights.h5"
    bad.write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="no HDF5"):
        KerasFileEditor(bad)
    with h5py.File(bad, "w") as file:
        file["layers/dense/vars"] = h5py.ExternalLink(str(path / "m.weights.h5"), "/layers/dense/vars")
    with pytest.raises(ValueError, match="link"):
        KerasFileEditor(bad)
    with h5py.File(bad, "w") as file:
        file["layers/inner/vars/0"] = np.ones(3)
        file["layers/inner/again"] = file["layers"]
    with pytest.raises(ValueError, match="hold each other"):
        KerasFileEditor(bad)
    with h5py.File(bad, "w") as file:
        file["layers/dense"] = np.ones(3)
    with pytest.raises(ValueError, match="outside of 'vars'"):
        KerasFileEditor(bad)


@pytest.mark.interop
def test_keras_agrees(files):
    keras = pytest.importorskip("keras")
    _, path = files
    theirs = keras.saving.KerasFileEditor(str(path / "m.weights.h5"))
    ours = KerasFileEditor(path / "m.weights.h5")

    def flat(tree):
        return {
            ".".join(map(str, key)): np.asarray(leaf).tolist() for key, leaf in swiftbn.tree.flatten_with_path(tree)
        }

    assert flat(ours.weights_dict) == flat(theirs.weights_dict)
    for editor in (ours, theirs):
        editor.rename_object("layers/dense_1", "dense_2")
        editor.add_object("layers/dense_1", {"0": np.ones((3, 3), "float32"), "1": np.ones(3, "float32")})
    ours.save(path / "ours.weights.h5")
    theirs.save(str(path / "theirs.weights.h5"))
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(n) for n in (3, 3, 2))])
    model.load_weights(path / "ours.weights.h5")
    own = make_model((3, 3, 2))
    own.load_weights(path / "theirs.weights.h5")
    for a, b in zip(model.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
