"""The format of the CIFAR data sets: pickles of Python 2, in a tar file."""

from __future__ import annotations

import os

import numpy as np

from swiftbn.config import image_data_format
from swiftbn.datasets._files import DAMAGE, ArrayUnpickler
from swiftbn.utils.downloads import get_file

_ORIGIN = "https://www.cs.toronto.edu/~kriz/"


def extracted(fname: str, archive: str, directory: str, file_hash: str) -> str:
    """The directory of the files, which are downloaded and extracted first if need be."""
    return os.path.join(get_file(fname=fname, origin=_ORIGIN + archive, extract=True, file_hash=file_hash), directory)


def load_batch(file: str, label_key: str) -> tuple:
    """uint8 images (N, 32, 32, 3), or with the channels first, and labels (N, 1).

    Raises:
        ValueError: a damaged file, or one of other contents.
    """
    try:
        with open(file, "rb") as stream:
            contents = ArrayUnpickler(stream, encoding="bytes").load()
        data, labels = contents[b"data"], contents[label_key.encode()]
        images = np.asarray(data, "uint8").reshape(len(labels), 3, 32, 32)
        labels = np.array(labels, "uint8").reshape(-1, 1)
    except DAMAGE as error:
        raise ValueError(f"{file} is no CIFAR file: {error}") from None
    return (images.transpose(0, 2, 3, 1) if image_data_format() == "channels_last" else images), labels
