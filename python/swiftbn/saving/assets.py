"""Files that layers keep in a `.keras` archive beside their variables, as vocabularies: `assets/<path>/<name>`."""

from __future__ import annotations

import posixpath
import tempfile
import zipfile
from pathlib import Path

_FOLDER = "assets"


def write(model, archive: zipfile.ZipFile) -> None:
    """Puts what the `save_assets(dir_path)` of each layer that has one writes into the archive."""
    for folder, layer in _owners(model, "save_assets"):
        with tempfile.TemporaryDirectory() as place:
            layer.save_assets(place)
            for file in sorted(path for path in Path(place).rglob("*") if path.is_file()):
                archive.write(file, f"{folder}/{file.relative_to(place).as_posix()}")


def names(archive: zipfile.ZipFile) -> list:
    """The members of the archive that are assets.

    Raises:
        ValueError: one that would lie outside of its folder.
    """
    found = [name for name in archive.namelist() if name.startswith(f"{_FOLDER}/") and not name.endswith("/")]
    for name in found:
        if posixpath.normpath(name) != name or "\\" in name or ":" in name:
            raise ValueError(f"{name!r} is no name of an asset")
    return found


def read(model, members: dict[str, bytes]) -> None:
    """Gives each layer with `load_assets(dir_path)` a folder with its members of the archive."""
    for folder, layer in _owners(model, "load_assets"):
        prefix = f"{folder}/"
        own = {name.removeprefix(prefix): data for name, data in members.items() if name.startswith(prefix)}
        if not own:
            continue
        with tempfile.TemporaryDirectory() as place:
            for name, data in own.items():
                path = Path(place, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            layer.load_assets(place)


def _owners(model, method: str):
    from swiftbn.saving.weights import walk

    for path, saveable in walk(model):
        if hasattr(saveable, method):
            yield f"{_FOLDER}/{path}" if path else _FOLDER, saveable
