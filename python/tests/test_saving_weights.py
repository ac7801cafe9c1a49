"""Weights that do not fit, and saving that fails: what is said, and that models and files stay as they were."""

import io

import h5py
import numpy as np
import pytest
from saving_checks import Subclassed, assert_same, functional, pack, refused, saved_parts, trained, values

from swiftbn import Input, Sequential, layers
from swiftbn.saving import archive


@pytest.fixture(scope="module")
def model():
    return trained(functional)


@pytest.fixture
def parts(model, tmp_path):
    """The parts of a good file, by name."""
    return saved_parts(model, tmp_path)


def with_weights(model, change):
    """The weights of a model as HDF5 bytes, changed by a function of the open file."""
    memory = io.BytesIO(archive._weights_bytes(model))
    with h5py.File(memory, "r+") as file:
        change(file)
    return memory.getvalue()


def replace(name, value):
    def change(file):
        del file[name]
        if value is not None:
            file[name] = value

    return change


def grown(file):
    del file["layers/conv2d/vars/0"]
    file.create_dataset("layers/conv2d/vars/0", (1 << 14, 1 << 14, 64), "f4", chunks=(64, 64, 64))


KERNEL = "layers/conv2d/vars/0"
WEIGHTS = {
    "wrong shape": (
        replace(KERNEL, np.zeros((3, 3, 2, 5))),
        "'shared': kernel has shape (3, 3, 2, 4), the file has (3, 3, 2, 5)",
    ),
    "scalar": (replace(KERNEL, 1.0), "the file has ()"),
    "text": (replace(KERNEL, np.full((3, 3, 2, 4), b"x")), "kernel has dtype float32, the file has |S1"),
    "complex": (replace(KERNEL, np.zeros((3, 3, 2, 4), complex)), "kernel has dtype float32, the file has complex128"),
    "missing variable": (replace(KERNEL, None), "'shared' has 2 variables, the file has 1 at layers/conv2d"),
    "missing layer": (replace("layers/dense", None), "'kind' has 2 variables, the file has 0 at layers/dense"),
    "missing all": (replace("layers", None), "'shared' has 2 variables, the file has 0"),
    "not a group": (replace("layers/dense", np.zeros(3)), "/layers/dense is not a group"),
    "vars not a group": (replace("layers/dense/vars", 1.0), "layers/dense/vars is not a group"),
    "group for data": (lambda f: (replace(KERNEL, None)(f), f.create_group(KERNEL)), "is no plain data set"),
    "soft link": (replace(KERNEL, h5py.SoftLink("/layers/dense/vars/0")), "is a link to another place"),
    "external link": (replace("layers/dense", h5py.ExternalLink("other.h5", "/")), "is a link to another place"),
    "optimizer's shape": (replace("optimizer/vars/2", np.zeros(9)), "Adam 'adam"),
    "too much claimed": (grown, "claims 68719476736 bytes, 1 are stored"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_do_not_fit(model, parts, tmp_path, case):
    change, text = WEIGHTS[case]
    data = with_weights(model, change)
    (tmp_path / "m.weights.h5").write_bytes(data)
    refused(model, pack(tmp_path / "m.keras", {**parts, "model.weights.h5": data}), text)
    before = values(model)
    with pytest.raises(ValueError) as caught:
        model.load_weights(tmp_path / "m.weights.h5")
    assert text in str(caught.value)
    assert_same(values(model), before)


def test_truncated_weights_file(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    data = (tmp_path / "m.weights.h5").read_bytes()
    before = values(model)
    for size in [0, 1, 100, len(data) // 2, len(data) - 1]:
        (tmp_path / "m.weights.h5").write_bytes(data[:size])
        with pytest.raises(ValueError, match="its weights are no HDF5 data, or they are damaged"):
            model.load_weights(tmp_path / "m.weights.h5")
        assert_same(values(model), before)


def test_weights_file_with_flipped_bits(model, tmp_path):
    """The format has no checksums: what is noticed is a ValueError, and then nothing has changed."""
    model.save_weights(tmp_path / "m.weights.h5")
    data = (tmp_path / "m.weights.h5").read_bytes()
    before = values(model)
    random, noticed = np.random.default_rng(2), 0
    for place in random.integers(0, len(data), 250):
        changed = bytearray(data)
        changed[place] ^= 1 << random.integers(8)
        (tmp_path / "m.weights.h5").write_bytes(changed)
        try:
            model.load_weights(tmp_path / "m.weights.h5")
        except ValueError:
            noticed += 1
            assert_same(values(model), before)
        else:
            for variable, value in zip([*model.variables, *model.optimizer.variables], before, strict=True):
                variable.assign(value)
    assert noticed > 5


def test_skip_mismatch_leaves_alone_what_does_not_fit(model, tmp_path):
    (tmp_path / "m.weights.h5").write_bytes(with_weights(model, replace(KERNEL, np.zeros(3))))
    other = trained(functional, epochs=1)
    kept, expected = other.get_layer("shared").get_weights(), model.get_layer("kind").get_weights()
    other.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    assert_same(other.get_layer("shared").get_weights(), kept)
    assert_same(other.get_layer("kind").get_weights(), expected)


def test_weights_of_another_model(model, tmp_path):
    before = values(model)
    with_other = Sequential([Input((6, 6, 2)), layers.Conv2D(4, 3, name="other"), layers.Flatten(), layers.Dense(3)])
    with_other.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match=r"The weights do not fit the model: layer '"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert_same(values(model), before)


def test_weights_for_a_model_that_is_not_built(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="has to be built before weights can be loaded into it"):
        Subclassed().load_weights(tmp_path / "m.weights.h5")


def test_state_of_another_optimizer_is_left_out_with_a_warning(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    other = trained(functional, "sgd")
    before = [np.array(v.numpy()) for v in other.optimizer.variables]
    with pytest.warns(
        UserWarning, match=r"Optimizer 'sgd(_\d+)?' keeps its state: it has 2 variables, the file has \d+"
    ):
        other.load_weights(tmp_path / "m.weights.h5")
    assert_same(before, [np.array(v.numpy()) for v in other.optimizer.variables])
    assert_same(other.get_weights(), model.get_weights())


class Picky(layers.Layer):
    """A layer that takes its weights itself, and does not like what it finds."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(2,), initializer="ones")

    def call(self, inputs):
        return inputs * self.w[0]

    def load_own_variables(self, store):
        self.w.assign(np.zeros(2))
        raise RuntimeError("not these")


def test_a_layer_that_refuses_leaves_all_layers_as_they_were(tmp_path):
    models = [Sequential([Input((4,)), layers.Dense(3), Picky(), layers.Dense(3)]) for _ in range(2)]
    models[0].save_weights(tmp_path / "m.weights.h5")
    before = models[1].get_weights()
    with pytest.raises(RuntimeError, match="not these"):
        models[1].load_weights(tmp_path / "m.weights.h5")
    assert_same(models[1].get_weights(), before)


def test_a_failed_save_leaves_the_file_that_was_there(model, tmp_path, monkeypatch):
    for name, save in (("m.keras", model.save), ("m.weights.h5", model.save_weights)):
        save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        with pytest.raises(FileExistsError, match=f"{name} exists already, and overwrite=False"):
            save(tmp_path / name, overwrite=False)

        def fails(*_):
            raise OSError("no space left")

        with monkeypatch.context() as patch, pytest.raises(OSError, match="no space left"):
            patch.setattr(archive, "_weights_bytes", fails)
            save(tmp_path / name)
        with monkeypatch.context() as patch, pytest.raises(OSError, match="no space left"):
            patch.setattr("os.replace", fails)
            save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "m.weights.h5"]


def test_files_have_the_usual_rights_and_links_stay(model, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "m.keras").symlink_to(tmp_path / "deep" / "real.keras")
    model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").is_symlink() and (tmp_path / "deep" / "real.keras").is_file()
    assert (tmp_path / "m.keras").stat().st_mode == plain.stat().st_mode
    model.save_weights(tmp_path / "new" / "m.weights.h5")
    assert (tmp_path / "new" / "m.weights.h5").is_file()
