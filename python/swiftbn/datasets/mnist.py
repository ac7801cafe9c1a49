"""MNIST: 70,000 handwritten digits, 28 × 28 (LeCun, Cortes, Burges)."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from swiftbn.utils.downloads import cache_directory, download

# Where Keras keeps its copy.
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

# The original files, for machines that have them: name, md5, shape.
_IDX_FILES = {
    "x_train": ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", (60_000, 28, 28)),
    "y_train": ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", (60_000,)),
    "x_test": ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", (10_000, 28, 28)),
    "y_test": ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", (10_000,)),
}


def load_data(path="mnist.npz"):
    """The data set, as Keras gives it.

    The directory of the environment variable SWIFTBN_DATA_DIR is looked into first, for `mnist.npz` or a folder `mnist`
    with the original files. Else the file is taken from Keras' cache (`~/.keras/datasets`, or under KERAS_HOME),
    where it is downloaded to first if need be. Checksums are verified in every case.

    Args:
        path: name of the file in the cache, or an absolute path.

    Returns:
        ((x_train, y_train), (x_test, y_test)): uint8 arrays (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        ValueError: a file whose checksum or contents are wrong.
        OSError: the download failed.

    Source: LeCun, Bottou, Bengio, Haffner 1998. Licence: CC BY-SA 3.0.
    """
    directory = os.environ.get("SWIFTBN_DATA_DIR")
    if directory:
        local = Path(directory)
        if (local / "mnist.npz").is_file():
            return _read_npz(local / "mnist.npz")
        if (local / "mnist").is_dir():
            return _read_idx(local / "mnist")
    file = cache_directory() / "datasets" / path
    if not file.is_file():
        download(ORIGIN, file, expected=SHA256)
    return _read_npz(file)


def _read_npz(file: Path):
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{file}: expected sha256 {SHA256}. Received: {digest}; delete it to download it again")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    except (OSError, KeyError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} is no MNIST file: {error}") from None


def _read_idx(directory: Path):
    arrays = {}
    for key, (name, md5, shape) in _IDX_FILES.items():
        file = directory / name
        if not file.is_file():
            raise ValueError(f"{directory}: {name} is missing")
        compressed = file.read_bytes()
        digest = hashlib.md5(compressed).hexdigest()
        if digest != md5:
            raise ValueError(f"{file}: expected md5 {md5}. Received: {digest}")
        arrays[key] = parse_idx(gzip.decompress(compressed), shape, str(file))
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def parse_idx(data: bytes, shape: tuple, name: str) -> np.ndarray:
    """The uint8 array in a file of the IDX format.

    Raises:
        ValueError: another magic number, other extents, too few or too many bytes.
    """
    header = 4 + 4 * len(shape)
    if len(data) < header or data[:3] != b"\0\0\x08" or data[3] != len(shape):
        raise ValueError(f"{name} is no IDX file of {len(shape)} axes of bytes")
    extents = struct.unpack(f">{len(shape)}I", data[4:header])
    if extents != shape:
        raise ValueError(f"{name}: expected extents {shape}. Received: {extents}")
    expected = header + int(np.prod(shape))
    if len(data) != expected:
        raise ValueError(f"{name}: expected {expected} bytes. Received: {len(data)}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy()
