"""Files that are damaged, foreign or hostile: what is said, and that models and files stay as they were."""

import json
import pickle
import zipfile

import numpy as np
import pytest
from saving_checks import PARTS, assert_same, functional, pack, refused, saved_parts, trained, values

from swiftbn import Input, Sequential, layers, saving
from swiftbn.saving import archive


@pytest.fixture(scope="module")
def model():
    return trained(functional)


@pytest.fixture
def parts(model, tmp_path):
    """The parts of a good file, by name."""
    return saved_parts(model, tmp_path)


def test_no_archive(model, tmp_path):
    path = tmp_path / "m.keras"
    refused(model, path, f"{path} does not exist", FileNotFoundError)
    for data in (b"", b"no archive", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(data)
        refused(model, path, f"{path} is no .keras file, or it is damaged: File is not a zip file")
    path.unlink()
    path.mkdir()
    refused(model, path, f"{path} does not exist", FileNotFoundError)


def test_plain_h5_file_under_the_wrong_name(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    path = tmp_path / "m.keras"
    path.write_bytes((tmp_path / "m.weights.h5").read_bytes())
    refused(model, path, "is no .keras file, or it is damaged: File is not a zip file")
    for name in ("m.h5", "m.weights.h5", "m", "m.keras.zip"):
        with pytest.raises(
            ValueError, match=r"load_model: expected a path that ends in '\.keras'\. Received: .*" + name
        ):
            saving.load_model(tmp_path / name)
    for name in ("m.h5", "m", "m.npz"):
        with pytest.raises(
            ValueError, match=r"load_weights: expected a path that ends in '\.weights\.h5', '\.weights\.json'"
        ):
            model.load_weights(tmp_path / name)
        with pytest.raises(ValueError, match=r"save_weights: expected a path that ends in '\.weights\.h5'"):
            model.save_weights(tmp_path / name)
        with pytest.raises(ValueError, match=r"save: expected a path that ends in '\.keras'"):
            model.save(tmp_path / name)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_truncated_or_flipped_anywhere(model, parts, tmp_path, compression):
    data = pack(tmp_path / "m.keras", parts, compression).read_bytes()
    assert_same(saving.load_model(tmp_path / "m.keras").get_weights(), model.get_weights())
    before = values(model)
    random = np.random.default_rng(1)
    for size in random.integers(0, len(data) - 1, 25):
        (tmp_path / "m.keras").write_bytes(data[:size])
        refused(model, tmp_path / "m.keras", "is no .keras file, or it is damaged")
    for place in random.integers(0, len(data), 60):
        changed = bytearray(data)
        changed[place] ^= 1 << random.integers(8)
        (tmp_path / "m.keras").write_bytes(changed)
        try:
            model.load_weights(tmp_path / "m.keras")
        except ValueError:
            pass
        # The change was in something that does not count, or was noticed.
        assert_same(values(model), before)


@pytest.mark.parametrize("name", PARTS)
def test_missing_part(model, parts, tmp_path, name):
    del parts[name]
    refused(model, pack(tmp_path / "m.keras", parts), f"is no .keras file: {name} is missing")


CONFIGS = {
    "no JSON": (b"{", "is damaged: config.json or metadata.json is no JSON"),
    "no text": (b"\xff\xfe\x00", "is damaged: config.json or metadata.json is no JSON"),
    "too deep": (b"[" * 200_000, "is damaged: config.json or metadata.json is no JSON"),
    "a list": (b"[1, 2]", "config.json describes no object"),
    "no class": (b'{"config": {}}', "config.json describes no object"),
    "no model": (
        json.dumps({"module": "keras.layers", "class_name": "ReLU", "config": {}}).encode(),
        "describes no model",
    ),
    "no config": (b'{"class_name": "Sequential"}', "describes no model"),
    "config is text": (b'{"class_name": "Sequential", "module": "keras", "config": "x"}', "to be a dictionary"),
    "other arguments": (
        b'{"class_name": "Sequential", "module": "keras", "config": {"layers": 3}}',
        "its configuration does not fit",
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_bad_configuration(model, parts, tmp_path, case):
    data, text = CONFIGS[case]
    path = pack(tmp_path / "m.keras", {**parts, "config.json": data})
    refused(model, path, text, weights_too=False)


def with_layer(**changes):
    """A configuration in which one layer is another one."""
    config = saving.serialize_keras_object(Sequential([Input((4,)), layers.Dense(3)]))
    config["config"]["layers"][1].update(changes)
    return json.dumps(config).encode()


UNKNOWN = {
    "class of Keras": (dict(class_name="JaxLayer"), "Unknown class keras.layers.JaxLayer"),
    "user's class": (
        dict(module="shop.nets", class_name="Mixer", registered_name="shop>Mixer"),
        "Unknown class shop.nets.Mixer: swiftbn does not have it, and it is not in custom_objects",
    ),
    "function for a class": (dict(class_name="get"), "Unknown class keras.layers.get"),
    "function of ours": (dict(module="keras.losses", class_name="get"), "Unknown class keras.losses.get"),
    "module": (dict(module="os", class_name="system", config={"command": "x"}), "Unknown class os.system"),
    "builtin": (dict(module="builtins", class_name="eval", config={"source": "1"}), "Unknown class builtins.eval"),
    "our internals": (dict(module="swiftbn._load", class_name="Path"), "Unknown class swiftbn._load.Path"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_class(model, parts, tmp_path, case):
    changes, text = UNKNOWN[case]
    path = pack(tmp_path / "m.keras", {**parts, "config.json": with_layer(**changes)})
    refused(model, path, text, weights_too=False)


class Trap:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('code from a file was run')",)


def test_code_in_files_is_not_run(model, parts, tmp_path):
    code = {"class_name": "__lambda__", "config": {"value": ["4wAAAAA=\n", None, None]}}
    dense = {"name": "d", "units": 3, "activation": code}
    path = pack(tmp_path / "m.keras", {**parts, "config.json": with_layer(config=dense)})
    refused(model, path, "holds a lambda, that is program code, which is not loaded", weights_too=False)
    with pytest.raises(ValueError, match="Only safe_mode=True is supported. Received: safe_mode=False"):
        saving.load_model(path, safe_mode=False)
    config = with_layer(class_name="Lambda", config={"function": code})
    path = pack(tmp_path / "m.keras", {**parts, "config.json": config})
    refused(model, path, "holds a lambda, that is program code, which is not loaded", weights_too=False)
    path = pack(tmp_path / "m.keras", {**parts, "config.json": pickle.dumps(Trap())})
    refused(model, path, "is no JSON", weights_too=False)
    path = pack(tmp_path / "m.keras", {**parts, "model.weights.h5": pickle.dumps(Trap())})
    refused(model, path, "its weights are no HDF5 data, or they are damaged")


def test_a_lambda_is_not_saved(tmp_path):
    network = Sequential([Input((4,)), layers.Dense(3, activation=lambda x: 2 * x)])
    (tmp_path / "m.keras").write_bytes(b"what was here")
    with pytest.raises(TypeError, match="Cannot save a lambda: give it a name with def"):
        network.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == b"what was here"
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_members_that_claim_too_much(model, parts, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_SUSPICIOUS_BYTES", 1 << 20)
    bomb = {**parts, "model.weights.h5": bytes(1 << 22)}
    path = pack(tmp_path / "m.keras", bomb, zipfile.ZIP_DEFLATED)
    refused(model, path, "is refused: model.weights.h5 claims 4194304 bytes")
