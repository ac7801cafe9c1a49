"""Texts in directories as a data set."""

from __future__ import annotations

import functools

import numpy as np

from swiftbn._checks import positive_integer
from swiftbn.utils.directories import files_dataset

_NAME = "text_dataset_from_directory"


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """Batches of the texts (.txt, in UTF-8) in a directory, with labels by the directories in it that they are in.

    Models do not take strings: make numbers of them first, in a `PyDataset` around this one.

    Args:
        directory: place of the texts.
        batch_size: texts per batch; None gives texts one by one.
        max_length: number of characters behind which texts are cut off.
        others: as of `image_dataset_from_directory`.

    Returns:
        A `PyDataset` with batches x or (x, y), x being an array of strings (dtype object), and the attributes
        `class_names` and `file_paths`.

    Raises:
        FileNotFoundError: no such directory.
        ValueError: arguments out of range, or no texts.
    """
    if max_length is not None:
        positive_integer(_NAME, "max_length", max_length)
    return files_dataset(
        _NAME,
        functools.partial(_read, max_length=max_length),
        *((".txt",), directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset),
        *(follow_links, format, verbose),
    )


def _read(path: str, max_length: int | None) -> np.ndarray:
    with open(path, encoding="utf-8") as file:
        return np.array(file.read() if max_length is None else file.read(max_length), dtype=object)
