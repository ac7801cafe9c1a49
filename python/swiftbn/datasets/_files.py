"""What the data sets that Keras hosts have in common: their place, their formats, their order."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib

import numpy as np

from swiftbn._checks import is_number
from swiftbn.utils.downloads import get_file

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
# The function that pickles of arrays call, under the name that it has in this version of NumPy.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}
# What reading a damaged file raises, pickles among them.
DAMAGE = (OSError, LookupError, ValueError, TypeError, AttributeError, EOFError, OverflowError, MemoryError)
DAMAGE += (zlib.error, zipfile.BadZipFile, pickle.UnpicklingError)


def keras_file(path: str, name: str, file_hash: str) -> str:
    """The path of a file in the cache, which is downloaded from Keras' place if need be."""
    return get_file(fname=path, origin=ORIGIN + name, file_hash=file_hash)


class ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, numbers and what holds them; nothing in the file is run."""

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a data set")
        return _ALLOWED[module, name]


def load_arrays(file: str, *names: str) -> list:
    """Arrays in an .npz file, by name; arrays of Python's lists of numbers, too.

    Raises:
        ValueError: one is missing, or damaged, or holds anything else.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return [_array(archive.read(f"{name}.npy")) for name in names]
    except DAMAGE as error:
        raise ValueError(f"{file} is damaged: {error}; delete it to download it again") from None


def _array(data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format is unknown")
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject:
        array = ArrayUnpickler(stream).load()
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(f"expected an array of shape {shape} in a pickle")
        return array
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def shuffled(seed, *arrays) -> list:
    """Arrays in one random order, the one that Keras gives them for this seed."""
    order = np.arange(len(arrays[0]))
    np.random.RandomState(seed).shuffle(order)
    return [array[order] for array in arrays]


def split(count: int, test_split: float) -> int:
    """Number of the samples, among `count`, to train with."""
    return int(count * (1 - test_split))


def check_test_split(owner: str, test_split) -> None:
    if not is_number(test_split) or not 0 <= test_split < 1:
        raise ValueError(f"{owner}: expected test_split in 0 <= test_split < 1. Received: {test_split=}")
