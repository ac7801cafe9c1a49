"""Fashion-MNIST: 70,000 images of clothes, 28 × 28, of ten classes."""

from __future__ import annotations

import gzip
import os
import zlib

from swiftbn.datasets import _files
from swiftbn.datasets.mnist import parse_idx
from swiftbn.utils.downloads import get_file


def load_data():
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    Labels: T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Returns:
        ((x_train, y_train), (x_test, y_test)): uint8 arrays (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        ValueError: damaged files.
        OSError: the download failed.

    Source: Xiao, Rasul, Vollgraf 2017. Licence: MIT.
    """
    return _part("train", 60_000), _part("t10k", 10_000)


def _part(name: str, count: int) -> tuple:
    shapes = {"images-idx3": (count, 28, 28), "labels-idx1": (count,)}
    return tuple(_array(f"{name}-{kind}-ubyte.gz", shape) for kind, shape in shapes.items())


def _array(name: str, shape: tuple):
    # Keras knows no hashes of these; gzip has checksums of its own, and the format says the extents.
    directory = os.path.join("datasets", "fashion-mnist")
    file = get_file(name, origin=_files.ORIGIN + name, cache_subdir=directory)
    try:
        with gzip.open(file) as stream:
            data = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file} is damaged: {error}; delete it to download it again") from None
    return parse_idx(data, shape, file)
