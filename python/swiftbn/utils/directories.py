"""Files in directories, one for each class, as samples with labels."""

from __future__ import annotations

import os

import numpy as np

from swiftbn import messages
from swiftbn._checks import one_of
from swiftbn.utils.samples import Samples


class Files(Samples):
    """Contents of files, with labels or not.

    Attributes:
        file_paths: the files in the order of the labels.
        class_names: names of the classes, None without labels.
    """

    def __init__(self, paths, labels, class_names, label_mode, read, batch_size, shuffle: bool, seed):
        super().__init__(len(paths), batch_size, shuffle, seed)
        self.file_paths = paths
        self.class_names = class_names
        self._labels = None if labels is None else _encoded(labels, label_mode, class_names)
        self._read = read

    def sample(self, index):
        content = self._read(self.file_paths[index])
        return content if self._labels is None else (content, self._labels[index])


def _encoded(labels, label_mode: str, class_names: list) -> np.ndarray:
    labels = np.asarray(labels, "int32")
    if label_mode == "binary":
        return labels.astype("float32")[:, None]
    if label_mode == "categorical":
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
            raise ValueError(
                f"Expected labels in 0 … {len(class_names) - 1} for {len(class_names)} classes with "
                f"label_mode='categorical'. Received: labels from {labels.min()} to {labels.max()}"
            )
        return np.eye(len(class_names), dtype="float32")[labels]
    return labels


def files_dataset(
    name: str,
    read,
    formats: tuple,
    directory,
    labels,
    label_mode,
    class_names,
    batch_size,
    shuffle,
    seed,
    validation_split,
    subset,
    follow_links,
    format,
    verbose,
    kind=Files,
):
    """The data set of a directory, or with subset="both" a list of two; `name` is that of the public function.

    Args:
        read: function from a path to what a sample holds.
        kind: the class of the data set.
        formats: endings of the files that count.
        others: as of the public functions.
    """
    one_of(name, "format", format, ("tf",))
    one_of(name, "label_mode", label_mode, ("int", "categorical", "binary", None))
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple)):
        raise ValueError(f"{name}: expected labels to be 'inferred', None or a list. Received: labels={labels!r}")
    if class_names is not None and labels != "inferred":
        raise ValueError(f"{name}: expected class_names=None unless labels='inferred'. Received: {class_names=}")
    _check_split(name, validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None
    seed = int(np.random.randint(10**6)) if seed is None else seed
    paths, labels, class_names = _index(name, directory, labels, formats, class_names, follow_links)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(f"{name}: expected two classes for label_mode='binary'. Received: {class_names}")
    if verbose:
        classes = "" if labels is None else f" belonging to {len(class_names)} classes"
        messages.show(f"Found {len(paths)} files{classes}.")
    if shuffle:
        # As Keras does, so that the same seed divides files in the same way.
        np.random.RandomState(seed).shuffle(paths)
        if labels is not None:
            np.random.RandomState(seed).shuffle(labels)

    held_back = int(validation_split * len(paths)) if validation_split else 0
    parts = {"training": slice(0, len(paths) - held_back), "validation": slice(len(paths) - held_back, None)}
    parts = {None: {None: slice(None)}, "both": parts}.get(subset) or {subset: parts[subset]}
    found = []
    for part, rows in parts.items():
        own = paths[rows]
        if not own:
            what = "" if part is None else f" for {part}"
            raise ValueError(
                f"{name}: expected files ending in {', '.join(formats)}{what} in {directory}. Received: none"
            )
        if part is not None and verbose:
            messages.show(f"Using {len(own)} files for {part}.")
        own_labels = None if labels is None else labels[rows]
        shuffled = bool(shuffle) and not (part == "validation" and subset == "both")
        found.append(kind(own, own_labels, class_names, label_mode, read, batch_size, shuffled, seed))
    return found if subset == "both" else found[0]


def _check_split(name: str, validation_split, subset, shuffle, seed) -> None:
    one_of(name, "subset", subset, ("training", "validation", "both", None))
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(f"{name}: expected validation_split between 0 and 1. Received: {validation_split=}")
    if (validation_split is None) != (subset is None):
        raise ValueError(
            f"{name}: expected validation_split and subset, or none. Received: {validation_split=}, {subset=}"
        )
    if subset in ("training", "validation") and shuffle and seed is None:
        raise ValueError(
            f"{name}: expected a seed, without which the two subsets would share files. Received: {shuffle=}, seed=None"
        )


def _index(name: str, directory, labels, formats: tuple, class_names, follow_links: bool) -> tuple:
    """(paths, labels or None, names of the classes or None), in alphanumeric order."""
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"{name}: {directory} is no directory")
    if labels != "inferred":
        paths = list(_files(directory, formats, follow_links))
        if labels is None:
            return paths, None, None
        if len(labels) != len(paths):
            raise ValueError(f"{name}: expected labels for {len(paths)} files in {directory}. Received: {len(labels)}")
        values = sorted(set(labels))
        if values and not all(isinstance(label, (int, np.integer)) for label in values):
            raise ValueError(f"{name}: expected labels to be integers. Received: {values}")
        return paths, list(labels), [str(label) for label in values]
    inside = sorted(os.listdir(directory))
    found = [entry for entry in inside if os.path.isdir(os.path.join(directory, entry)) and entry[0] != "."]
    unknown = [entry for entry in class_names or () if entry not in found]
    if unknown:
        raise ValueError(f"{name}: expected class_names among the directories {found}. Received: {class_names=}")
    class_names = found if class_names is None else list(class_names)
    paths, labels = [], []
    for number, entry in enumerate(class_names):
        own = list(_files(os.path.join(directory, entry), formats, follow_links))
        paths += own
        labels += [number] * len(own)
    return paths, labels, class_names


def _files(directory: str, formats: tuple, follow_links: bool):
    for place, _, names in sorted(os.walk(directory, followlinks=follow_links)):
        for entry in sorted(names):
            if entry.lower().endswith(formats):
                yield os.path.join(place, entry)
