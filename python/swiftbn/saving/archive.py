"""The `.keras` archive (config.json, metadata.json, model.weights.h5) and `.weights.h5` files."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import zipfile
import zlib
from pathlib import Path

from swiftbn._checks import is_number
from swiftbn.saving.files import replacing
from swiftbn.saving.serialization import deserialize_keras_object, serialize_keras_object

# The version of Keras whose format is written.
_KERAS_VERSION = "3.15.1"
# A part that claims more than this, and many times what is stored for it, is not unpacked.
_SUSPICIOUS_BYTES = 1 << 32
_LARGEST_EXPANSION = 100
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def _checked_path(filepath, ending: str, what: str) -> Path:
    path = Path(os.fspath(filepath))
    if not path.name.endswith(ending):
        raise ValueError(f"{what}: expected a path that ends in {ending!r}. Received: {path}")
    return path


def _weights_bytes(model) -> bytes:
    import h5py

    from swiftbn.saving import weights

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        weights.write(model, file)
    return memory.getvalue()


def save_model(model, filepath, overwrite=True, zipped=None) -> None:
    """Writes architecture, weights and training state of a model to a `.keras` file, which Keras 3 can load.

    Args:
        zipped: only None or True: the file is a ZIP archive.

    Raises:
        ValueError: another ending, or a model that is not built.
        FileExistsError: the file exists and `overwrite` is False.
    """
    from swiftbn.saving import assets

    if zipped not in (None, True):
        raise ValueError(f"save: only zipped=True is supported. Received: {zipped=}")
    path = _checked_path(filepath, ".keras", "save")
    if not model.built:
        raise ValueError(f"Model '{model.name}' has to be built before it can be saved: call it, fit it, or build() it")
    metadata = {
        "keras_version": _KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    with replacing(path, overwrite) as name, zipfile.ZipFile(name, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, json.dumps(serialize_keras_object(model)))
        archive.writestr(_WEIGHTS, _weights_bytes(model))
        assets.write(model, archive)


def save_weights(model, filepath, overwrite=True, max_shard_size=None) -> None:
    """Writes the weights of a model to a `.weights.h5` file, which Keras 3 can load.

    Args:
        max_shard_size: the largest size of weights in a file, in GB. With it the path ends in `.weights.json`: a file
            that lists the others, which are written beside it.

    Raises:
        ValueError: another ending, or a model that is not built; a weight that is larger than `max_shard_size`.
        FileExistsError: the file exists and `overwrite` is False.
    """
    path = _checked_path(filepath, ".weights.h5" if max_shard_size is None else ".weights.json", "save_weights")
    if not model.built:
        raise ValueError(f"Model '{model.name}' has to be built before its weights can be saved")
    if max_shard_size is not None:
        from swiftbn.saving import shards

        if not is_number(max_shard_size) or not max_shard_size > 0:
            raise ValueError(f"save_weights: expected max_shard_size to be a number > 0. Received: {max_shard_size=}")
        shards.write(model, path, overwrite, max_shard_size)
        return
    with replacing(path, overwrite) as name:
        Path(name).write_bytes(_weights_bytes(model))


def _members(path: Path) -> dict[str, bytes]:
    """The archive's parts, read into memory; of them only assets, for the layers that own them, go to disk later."""
    from swiftbn.saving import assets

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            missing = [name for name in (_CONFIG, _METADATA, _WEIGHTS) if name not in names]
            if missing:
                raise ValueError(f"{path} is no .keras file: {', '.join(missing)} is missing")
            return {
                name: _member(archive, name, path) for name in (_CONFIG, _METADATA, _WEIGHTS, *assets.names(archive))
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise ValueError(f"{path} is no .keras file, or it is damaged: {error}") from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > _SUSPICIOUS_BYTES and info.file_size > _LARGEST_EXPANSION * info.compress_size:
        raise ValueError(f"{path} is refused: {name} claims {info.file_size} bytes, {info.compress_size} are stored")
    return archive.read(info)


def parts(path: Path) -> tuple[io.BytesIO, dict, dict, dict]:
    """Weights (as HDF5), configuration, metadata, and the other members by name, of a `.keras` file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no `.keras` file, or a damaged one.
    """
    members = _members(path)
    try:
        config, metadata = json.loads(members[_CONFIG]), json.loads(members[_METADATA])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {_CONFIG} or {_METADATA} is no JSON: {error}") from None
    others = {name: data for name, data in members.items() if name not in (_CONFIG, _METADATA, _WEIGHTS)}
    return io.BytesIO(members[_WEIGHTS]), config, metadata, others


@contextlib.contextmanager
def h5(source, path: Path):
    """An HDF5 file, from a path or from memory, for reading; ValueError if it is none."""
    import h5py

    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise ValueError(f"{path}: its weights are no HDF5 data, or they are damaged: {error}") from None
    with file:
        yield file


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model in a `.keras` file, written by swiftbn or by Keras 3.

    Args:
        custom_objects: dict from names to users' classes and functions.
        compile: whether it is compiled as it was when saved.
        safe_mode: only True: code in files is never run.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no `.keras` file, a damaged one, classes that swiftbn does not have, weights that do not fit.
    """
    from swiftbn.models.model import Model
    from swiftbn.saving import assets, weights
    from swiftbn.utils.feature_space import FeatureSpace

    path = _checked_path(filepath, ".keras", "load_model")
    source, config, _, others = parts(path)
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(f"{path} is no .keras file: {_CONFIG} describes no object")
    if not compile:
        config.pop("compile_config", None)
    try:
        model = deserialize_keras_object(config, custom_objects=custom_objects, safe_mode=safe_mode)
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"{path}: its configuration does not fit: {type(error).__name__}: {error}") from error
    if not isinstance(model, (Model, FeatureSpace)):
        raise ValueError(f"{path}: {_CONFIG} describes no model. Received: {type(model).__name__}")
    with h5(source, path) as file:
        weights.read(model, [file])
    assets.read(model, others)
    return model


def _check_built(model) -> None:
    if not model.built:
        raise ValueError(f"Model '{model.name}' has to be built before weights can be loaded into it")


def load_weights(model, filepath, skip_mismatch=False) -> None:
    """Takes the weights from a `.weights.h5`, `.weights.json` or `.keras` file.

    When something does not fit, nothing is changed.

    Args:
        skip_mismatch: leaves alone the layers that do not fit instead.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another ending, a damaged file, weights that do not fit.
    """
    from swiftbn.saving import weights

    path = Path(os.fspath(filepath))
    if path.name.endswith(".weights.json"):
        from swiftbn.saving import shards

        _check_built(model)
        with shards.opened(path) as files:
            weights.read(model, files, skip_mismatch)
        return
    if path.name.endswith(".keras"):
        source = io.BytesIO(_members(path)[_WEIGHTS])
    elif path.name.endswith(".weights.h5"):
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist")
        source = str(path)
    else:
        raise ValueError(
            f"load_weights: expected a path that ends in '.weights.h5', '.weights.json' or '.keras'. Received: {path}"
        )
    _check_built(model)
    with h5(source, path) as file:
        weights.read(model, [file], skip_mismatch)
