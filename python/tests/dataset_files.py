"""Small files in the formats of the data sets that Keras hosts."""

import gzip
import io
import tarfile

import numpy as np

from swiftbn import datasets

RNG = np.random.default_rng(5)
LISTS = [RNG.integers(1, 30, n).tolist() for n in RNG.integers(1, 12, 30)]
LISTS += [[1], list(range(1, 31))]
HOUSES = {"x": RNG.normal(size=(650, 5)), "y": np.arange(650.0)}


def ragged(sequences):
    array = np.empty(len(sequences), object)
    array[:] = sequences
    return array


REVIEWS = {
    "x_train": ragged(LISTS[:20]),
    "y_train": np.arange(20) % 2,
    "x_test": ragged(LISTS[20:]),
    "y_test": np.arange(12) % 3,
}
NEWS = {"x": ragged(LISTS), "y": np.arange(32) % 7}


def npz(arrays) -> bytes:
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    return memory.getvalue()


def cifar_pickle(images, labels, key="labels") -> bytes:
    """A CIFAR file: `images` (N, 3072), with the raw bytes of the array as a string of Python 2."""
    raw = images.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR(I1\n(I%d\nI%d\ntcnumpy\ndtype\n"
        % (images.shape)
    )
    array += b"(U\x02u1I0\nI1\ntR(I3\nU\x01|NNNI-1\nI-1\nI0\ntbI00\nT" + len(raw).to_bytes(4, "little") + raw + b"tb"
    listed = b"(" + b"".join(b"I%d\n" % label for label in labels) + b"l"
    name = key.encode()
    return b"\x80\x02}(U\x04data" + array + b"U" + bytes([len(name)]) + name + listed + b"u."


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def tgz(files) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return memory.getvalue()


def cifar100_file(seed, count):
    """Both kinds of labels."""
    fine = cifar_pickle(images(count, seed), [99 - i for i in range(count)], "fine_labels")
    coarse = b"U\x0dcoarse_labels(" + b"".join(b"I%d\n" % (i % 20) for i in range(count)) + b"l"
    return fine[:-2] + coarse + b"u."


def put_cifar100(put):
    folder = {"cifar-100-python/train": cifar100_file(1, 4), "cifar-100-python/test": cifar100_file(2, 2)}
    put("cifar-100-python-target_archive", tgz(folder), datasets.cifar100)


def idx(array) -> bytes:
    header = b"\0\0\x08" + bytes([array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes(), 1)


def put_fashion(put):
    found = {}
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        x = np.zeros((count, 28, 28), np.uint8)
        x[:, 0, 0], x[:, 3, 1] = np.arange(count) % 251, 7
        y = (np.arange(count) % 10).astype(np.uint8)
        put(f"fashion-mnist/{part}-images-idx3-ubyte.gz", idx(x))
        put(f"fashion-mnist/{part}-labels-idx1-ubyte.gz", idx(y))
        found[part] = x, y
    return found


def assert_same(ours, theirs):
    """Pairs of pairs of arrays, whose elements may be lists."""
    for mine, other in zip((a for pair in ours for a in pair), (a for pair in theirs for a in pair), strict=True):
        assert mine.dtype == other.dtype
        if mine.dtype == object:
            assert mine.shape == other.shape == (len(mine),) and mine.tolist() == [list(x) for x in other]
        else:
            np.testing.assert_array_equal(mine, other)


NAMES = "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb reuters".split()
