"""Reading groups of HDF5 files from elsewhere: nothing but plain data sets of the file itself, of honest size."""

from __future__ import annotations

import h5py
import numpy as np

# A data set that claims more than this, and many times what is stored for it, is not read.
_SUSPICIOUS_BYTES = 1 << 32
_LARGEST_EXPANSION = 100


def open_group(file: h5py.File, name: str) -> dict:
    """The data sets of a group by name, not yet read; none if there is no such group.

    Raises:
        ValueError: links to other places, something else than data sets, a damaged file.
    """
    try:
        return _open(file, name)
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"The file is damaged at {name}: {error}") from None


def _open(file: h5py.File, name: str) -> dict:
    group = file
    for part in name.split("/"):
        if not isinstance(group, h5py.Group):
            raise ValueError(f"The file is no Keras file: {group.name} is not a group")
        link = group.get(part, getlink=True) if part in group else None
        if link is None:
            return {}
        _refuse_links(link, name)
        group = group[part]
    if not isinstance(group, h5py.Group):
        raise ValueError(f"The file is no Keras file: {name} is not a group")
    found = {}
    for key in group:
        _refuse_links(group.get(key, getlink=True), f"{name}/{key}")
        dataset = group[key]
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise ValueError(f"The file is no Keras file: {name}/{key} is no plain data set")
        stored = max(dataset.id.get_storage_size(), 1)
        if dataset.nbytes > _SUSPICIOUS_BYTES and dataset.nbytes > _LARGEST_EXPANSION * stored:
            raise ValueError(f"The file is refused: {name}/{key} claims {dataset.nbytes} bytes, {stored} are stored")
        found[key] = dataset
    return found


def _refuse_links(link, name: str) -> None:
    if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
        raise ValueError(f"The file is refused: {name} is a link to another place")


def arrays(store: dict) -> dict:
    """The values of data sets.

    Raises:
        ValueError: a damaged file.
    """
    values = {}
    for key, dataset in store.items():
        try:
            values[key] = np.asarray(dataset)
        except (OSError, RuntimeError) as error:
            raise ValueError(f"The file is damaged at {dataset.name}: {error}") from None
    return values
