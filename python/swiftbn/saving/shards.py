"""Weights in several files of limited size, with a `.weights.json` file that lists them, as Keras 3 writes them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import h5py
import numpy as np

from swiftbn.saving import weights
from swiftbn.saving.files import replacing

ENDING = ".weights.json"


def write(model, path: Path, overwrite: bool, max_shard_size: float) -> None:
    """Writes the weights of a model to `name_00000.weights.h5`, … beside `name.weights.json`, which is written last.

    Args:
        max_shard_size: the largest size of the weights in a file, in GB of 1024³ bytes.

    Raises:
        FileExistsError: the `.weights.json` file exists and `overwrite` is False.
        ValueError: a weight that is larger; nothing is written then.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already, and overwrite=False")
    limit = max_shard_size * 1024**3
    # For each file (path of a group, its name, key, value); a group may be in several.
    shards: list[list[tuple]] = [[]]
    size = total = 0
    for place, name, store in weights.contents(model):
        for key, value in store.items():
            value = np.asarray(value)
            if value.nbytes > limit:
                raise ValueError(
                    f"save_weights: expected max_shard_size to be at least {value.nbytes / 1024**3:g} (GB), as "
                    f"{place}/{key} has {value.nbytes} bytes. Received: {max_shard_size=}"
                )
            if size + value.nbytes > limit:
                shards.append([])
                size = 0
            shards[-1].append((place, name, key, value))
            size += value.nbytes
            total += value.nbytes
    weight_map: dict[str, list] = {}
    for number, parts in enumerate(shards):
        file_name = f"{path.name.removesuffix(ENDING)}_{number:05}.weights.h5"
        with replacing(path.with_name(file_name)) as temporary, h5py.File(temporary, "w") as file:
            for place, name, key, value in parts:
                group = file.require_group(place)
                if name is not None:
                    group.attrs["name"] = name
                group[key] = value
                files = weight_map.setdefault(f"/{place}", [])
                if file_name not in files:
                    files.append(file_name)
    listing = {"metadata": {"total_size": total}, "weight_map": weight_map}
    with replacing(path) as temporary:
        Path(temporary).write_text(json.dumps(listing, indent=4))


@contextlib.contextmanager
def opened(path: Path):
    """The files that a `.weights.json` file lists, as HDF5, for reading.

    Raises:
        FileNotFoundError: one of them does not exist.
        ValueError: it is damaged, or lists files that are not beside it.
    """
    from swiftbn.saving.archive import h5

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        listed = json.loads(path.read_text())["weight_map"].values()
        names = list(dict.fromkeys(n for names in listed for n in ([names] if isinstance(names, str) else names)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no list of files of weights, or it is damaged: {error}") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".weights.h5"):
            raise ValueError(f"{path} is refused: it lists {name!r}, which is no file of weights beside it")
        if not path.with_name(name).is_file():
            raise FileNotFoundError(f"{path.with_name(name)}, which {path.name} lists, does not exist")
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(h5(str(path.with_name(name)), path.with_name(name))) for name in names]
