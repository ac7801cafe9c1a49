"""The data sets that Keras hosts, from small files of the same formats: read as Keras reads them, and nothing else."""

import gzip
import hashlib
import importlib
import io
import json
import os
import pickle
import re
import tarfile
import zipfile

import numpy as np
import pytest

import swiftbn
from swiftbn import datasets
from swiftbn.datasets import _files, _word_sequences

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


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Puts a file into an empty cache, from which there is no way to the net."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def unreachable(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    (tmp_path / "datasets").mkdir()

    def put(name, data, module=None, constant="SHA256"):
        path = tmp_path / "datasets" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        if module is not None:
            algorithm = constant.rsplit("_", 1)[-1].lower()
            monkeypatch.setattr(module, constant, hashlib.new(algorithm, data).hexdigest())
        return path

    return put


def assert_same(ours, theirs):
    """Pairs of pairs of arrays, whose elements may be lists."""
    for mine, other in zip((a for pair in ours for a in pair), (a for pair in theirs for a in pair), strict=True):
        assert mine.dtype == other.dtype
        if mine.dtype == object:
            assert mine.shape == other.shape == (len(mine),) and mine.tolist() == [list(x) for x in other]
        else:
            np.testing.assert_array_equal(mine, other)


NAMES = "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb reuters".split()


@pytest.mark.parametrize("name", NAMES)
def test_without_the_net(cache, tmp_path, name):
    with pytest.raises(OSError, match="Cannot download https://.*: Network is unreachable"):
        getattr(datasets, name).load_data()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_the_net_for_words(cache):
    for module in (datasets.imdb, datasets.reuters):
        with pytest.raises(OSError, match="Cannot download https://.*_word_index.json: Network is unreachable"):
            module.get_word_index()


@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
def test_housing(cache, name):
    module = getattr(datasets, name)
    cache(f"{name}.npz", npz(HOUSES), module)
    (x_train, y_train), (x_test, y_test) = module.load_data(test_split=0.25)
    assert x_train.shape == (487, 5) and x_test.shape == (163, 5)
    y = np.concatenate([y_train, y_test])
    np.testing.assert_array_equal(np.sort(y), HOUSES["y"])
    assert not np.array_equal(y, HOUSES["y"])
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), HOUSES["x"][y.astype(int)])
    assert not np.array_equal(module.load_data(seed=1)[0][1][:9], module.load_data(seed=2)[0][1][:9])
    assert len(module.load_data(test_split=0)[1][0]) == 0
    for bad in (1, -0.1, "0.2", float("nan"), True):
        with pytest.raises(ValueError, match=f"{name}: expected test_split in .* Received: test_split="):
            module.load_data(test_split=bad)


def test_versions_of_california_housing(cache):
    cache("other.npz", npz(HOUSES), datasets.california_housing)
    (_, y_train), (_, y_test) = datasets.california_housing.load_data("small", "other.npz")
    np.testing.assert_array_equal(np.sort(np.concatenate([y_train, y_test])), np.arange(600))
    with pytest.raises(ValueError, match="expected version to be one of .* Received: version='tiny'"):
        datasets.california_housing.load_data("tiny")


def put_cifar10(cache):
    parts = {f"data_batch_{i}": (images(2, i), [i, 9 - i]) for i in range(1, 6)}
    parts["test_batch"] = (images(3, 6), [7, 8, 9])
    folder = {f"cifar-10-batches-py/{name}": cifar_pickle(*part) for name, part in parts.items()}
    cache("cifar-10-batches-py-target_archive", tgz(folder), datasets.cifar10)
    return parts


def test_cifar10(cache):
    parts = put_cifar10(cache)
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and x_test.shape == (3, 32, 32, 3)
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert y_train.tolist() == [[1], [8], [2], [7], [3], [6], [4], [5], [5], [4]] and y_test.tolist() == [[7], [8], [9]]
    # In the files all red values of an image stand before the green and the blue ones, row by row.
    expected = parts["data_batch_2"][0][1]
    assert x_train[3, 5, 7].tolist() == [expected[5 * 32 + 7], expected[1024 + 167], expected[2048 + 167]]
    swiftbn.config.set_image_data_format("channels_first")
    try:
        first = datasets.cifar10.load_data()
    finally:
        swiftbn.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(first[0][0], x_train.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(first[1][0], x_test.transpose(0, 3, 1, 2))


def cifar100_file(seed, count):
    """Both kinds of labels."""
    fine = cifar_pickle(images(count, seed), [99 - i for i in range(count)], "fine_labels")
    coarse = b"U\x0dcoarse_labels(" + b"".join(b"I%d\n" % (i % 20) for i in range(count)) + b"l"
    return fine[:-2] + coarse + b"u."


def put_cifar100(cache):
    folder = {"cifar-100-python/train": cifar100_file(1, 4), "cifar-100-python/test": cifar100_file(2, 2)}
    cache("cifar-100-python-target_archive", tgz(folder), datasets.cifar100)


def test_cifar100(cache):
    put_cifar100(cache)
    (x_train, y_train), (x_test, y_test) = datasets.cifar100.load_data()
    assert y_train.tolist() == [[99], [98], [97], [96]] and y_test.tolist() == [[99], [98]]
    np.testing.assert_array_equal(x_train, images(4, 1).reshape(4, 3, 32, 32).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(x_test, images(2, 2).reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))
    assert datasets.cifar100.load_data("coarse")[0][1].tolist() == [[0], [1], [2], [3]]
    with pytest.raises(ValueError, match="label_mode to be one of .* Received: label_mode='all'"):
        datasets.cifar100.load_data("all")


CIFAR_DAMAGE = {
    "code": pickle.dumps(os.system),
    "cut off": cifar_pickle(images(2), [1, 2])[:-100],
    "labels": cifar_pickle(images(2), [1, 2, 3]),
    "key": cifar_pickle(images(2), [1, 2], "other"),
    "range": cifar_pickle(images(2), [1, 300]),
    "no dict": pickle.dumps([1, 2]),
    "opcodes": b"\x80\x02.",
}


@pytest.mark.parametrize("case", CIFAR_DAMAGE)
def test_damaged_cifar(cache, case):
    cache(
        "cifar-10-batches-py-target_archive",
        tgz({"cifar-10-batches-py/data_batch_1": CIFAR_DAMAGE[case]}),
        datasets.cifar10,
    )
    with pytest.raises(ValueError, match="data_batch_1 is no CIFAR file: "):
        datasets.cifar10.load_data()


def idx(array) -> bytes:
    header = b"\0\0\x08" + bytes([array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes(), 1)


def put_fashion(cache):
    found = {}
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        x = np.zeros((count, 28, 28), np.uint8)
        x[:, 0, 0], x[:, 3, 1] = np.arange(count) % 251, 7
        y = (np.arange(count) % 10).astype(np.uint8)
        cache(f"fashion-mnist/{part}-images-idx3-ubyte.gz", idx(x))
        cache(f"fashion-mnist/{part}-labels-idx1-ubyte.gz", idx(y))
        found[part] = x, y
    return found


def test_fashion_mnist(cache):
    found = put_fashion(cache)
    assert_same(datasets.fashion_mnist.load_data(), (found["train"], found["t10k"]))
    path = cache("fashion-mnist/t10k-labels-idx1-ubyte.gz", b"damaged")
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged: .*; delete it"):
        datasets.fashion_mnist.load_data()
    cache("fashion-mnist/t10k-labels-idx1-ubyte.gz", idx(np.zeros(9, np.uint8)))
    with pytest.raises(ValueError, match=r"expected extents \(10000,\). Received: \(9,\)"):
        datasets.fashion_mnist.load_data()


def words(pairs):
    return [x for (xs, _) in pairs for x in xs]


def test_reviews(cache):
    cache("imdb.npz", npz(REVIEWS), datasets.imdb)
    train, test = datasets.imdb.load_data(num_words=1000)
    assert sorted(train[0]) == sorted([1] + [w + 3 for w in x] for x in REVIEWS["x_train"])
    for (x, y), part in ((train, "train"), (test, "test")):
        given = {tuple(a): b for a, b in zip(REVIEWS[f"x_{part}"], REVIEWS[f"y_{part}"], strict=True)}
        assert [given[tuple(w - 3 for w in a[1:])] for a in x] == y.tolist()
    assert all(x[0] == 1 and max(x) < 20 and min(x) >= 1 for x in words(datasets.imdb.load_data(num_words=20)))
    found = words(datasets.imdb.load_data(num_words=20, skip_top=10, oov_char=None, start_char=None, index_from=0))
    assert {w for x in found for w in x} == set(range(10, 20))
    found = words(datasets.imdb.load_data(num_words=20, skip_top=10, oov_char=99, start_char=None, index_from=0))
    assert {w for x in found for w in x} == {*range(10, 20), 99}
    found = datasets.imdb.load_data(maxlen=6)
    assert all(len(x) == len(y) for x, y in found) and 0 < len(words(found)) < 32
    assert max(map(len, words(found))) == 5
    with pytest.raises(ValueError, match="imdb: no sequence is shorter than maxlen=1"):
        datasets.imdb.load_data(maxlen=1)


def test_newswires(cache):
    cache("reuters.npz", npz(NEWS), datasets.reuters)
    (x_train, y_train), (x_test, y_test) = datasets.reuters.load_data(test_split=0.25, num_words=1000)
    assert len(x_train) == len(y_train) == 24 and len(x_test) == len(y_test) == 8
    given = {tuple(a): b for a, b in zip(NEWS["x"], NEWS["y"], strict=True)}
    for x, y in ((x_train, y_train), (x_test, y_test)):
        assert [given[tuple(w - 3 for w in a[1:])] for a in x] == y.tolist()
    with pytest.raises(ValueError, match="reuters: expected test_split in"):
        datasets.reuters.load_data(test_split=1.0)
    names = datasets.reuters.get_label_names()
    assert len(set(names)) == 46 and names[3] == "earn" and names[7] == "housing"


@pytest.mark.parametrize("name", ["imdb", "reuters"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"num_words": -1},
        {"num_words": 2.5},
        {"skip_top": None},
        {"skip_top": -1},
        {"maxlen": "3"},
        {"start_char": "a"},
        {"oov_char": 1.0},
        {"index_from": -1},
    ],
)
def test_bad_arguments_of_texts(cache, name, arguments):
    [argument] = arguments
    with pytest.raises(ValueError, match=f"{name}: expected {argument} to be an integer.* Received: {argument}="):
        getattr(datasets, name).load_data(**arguments)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_dictionaries(cache, name):
    module = getattr(datasets, name)
    cache(f"{name}_word_index.json", json.dumps({"the": 1, "é": 2}).encode(), module, "WORDS_MD5")
    assert module.get_word_index() == {"the": 1, "é": 2}


def test_a_cached_file_with_another_hash_is_downloaded_again(cache):
    path = cache("imdb.npz", npz(REVIEWS))
    with pytest.raises(OSError, match="Cannot download"):
        datasets.imdb.load_data()
    assert path.read_bytes() == npz(REVIEWS)


class Code:
    def __reduce__(self):
        return os.system, ("echo run",)


def replaced(name, data) -> bytes:
    """The archive of NEWS with another content of a member."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("y.npy" if name == "x.npy" else "x.npy", npy(NEWS["y" if name == "x.npy" else "x"]))
        archive.writestr(name, data)
    return memory.getvalue()


def npy(array, version=None) -> bytes:
    memory = io.BytesIO()
    np.lib.format.write_array(memory, array, version)
    return memory.getvalue()


DAMAGED = {
    "code": npz({**NEWS, "x": np.array([Code(), None])}),
    "code in a list": npz({**NEWS, "x": np.array([[1, Code()], None], object)}),
    "missing": npz({"x": NEWS["x"]}),
    "no archive": b"nothing",
    "no array": replaced("x.npy", b"nothing at all"),
    "cut off": replaced("y.npy", npy(NEWS["y"])[:-8]),
    "cut off pickle": replaced("x.npy", npy(NEWS["x"])[:-8]),
    "other shape": replaced("x.npy", npy(NEWS["x"])[:128] + pickle.dumps(NEWS["x"][:5], 4)),
    "no array in the pickle": replaced("x.npy", npy(NEWS["x"])[:128] + pickle.dumps([1, 2], 4)),
    "other version": replaced("x.npy", b"\x93NUMPY\x09\x00" + npy(NEWS["x"])[8:]),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_archives(cache, capfd, case):
    path = cache("reuters.npz", DAMAGED[case], datasets.reuters)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged: .*; delete it to download it again"):
        datasets.reuters.load_data()
    assert "run" not in capfd.readouterr().out


def test_versions_of_the_npy_format(cache):
    cache("reuters.npz", replaced("x.npy", npy(NEWS["x"], (2, 0))), datasets.reuters)
    second = datasets.reuters.load_data()
    cache("reuters.npz", npz(NEWS), datasets.reuters)
    assert_same(second, datasets.reuters.load_data())


def test_no_words():
    assert _word_sequences.limited([[], []], None, 0, 2).tolist() == [[], []]
    assert _word_sequences.limited([], None, 0, 2).shape == (0,)


@pytest.fixture
def keras_with_our_cache(cache, monkeypatch):
    """Modules of Keras that take files from the cache without looking at their hashes."""
    pytest.importorskip("keras")
    file_utils = importlib.import_module("keras.src.utils.file_utils")
    config = importlib.import_module("keras.src.backend.config")
    monkeypatch.setattr(config, "keras_home", lambda: os.environ["KERAS_HOME"])
    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)
    return lambda name: importlib.import_module(f"keras.src.datasets.{name}")


@pytest.mark.interop
def test_same_as_keras(cache, keras_with_our_cache):
    cache("boston_housing.npz", npz(HOUSES), datasets.boston_housing)
    cache("california_housing.npz", npz(HOUSES), datasets.california_housing)
    cache("imdb.npz", npz(REVIEWS), datasets.imdb)
    cache("reuters.npz", npz(NEWS), datasets.reuters)
    put_cifar100(cache)
    texts = [{}, {"num_words": 20}, {"skip_top": 5, "oov_char": None}, {"maxlen": 8}, {"start_char": None, "seed": 4}]
    texts += [
        {"index_from": 0, "start_char": None},
        {"oov_char": 77, "num_words": 9},
        {"start_char": 5, "index_from": 9},
    ]
    houses = [{}, {"test_split": 0.37}, {"seed": 5}, {"test_split": 0}]
    calls = {
        "boston_housing": houses,
        "california_housing": [*houses, {"version": "small"}],
        "cifar100": [{}, {"label_mode": "coarse"}],
        "imdb": texts,
        "reuters": [*texts, {"test_split": 0.5}],
    }
    for name, cases in calls.items():
        theirs = keras_with_our_cache(name)
        for arguments in cases:
            ours = getattr(datasets, name).load_data(**arguments)
            expected = theirs.load_data(**arguments)
            if name == "cifar100":
                expected = [(x, y.astype("uint8")) for x, y in expected]
            assert_same(ours, expected)
    assert datasets.reuters.get_label_names() == keras_with_our_cache("reuters").get_label_names()


@pytest.mark.interop
def test_fashion_mnist_as_keras(cache, keras_with_our_cache):
    put_fashion(cache)
    assert_same(datasets.fashion_mnist.load_data(), keras_with_our_cache("fashion_mnist").load_data())


@pytest.mark.interop
def test_places_and_hashes_are_those_of_keras(monkeypatch):
    pytest.importorskip("keras")
    asked = {}

    def note(who):
        def get_file(fname=None, origin=None, **options):
            asked.setdefault(who, []).append((fname, origin, options))
            raise FileNotFoundError

        return get_file

    monkeypatch.setattr(_files, "get_file", note("ours"))
    monkeypatch.setattr("swiftbn.datasets._cifar.get_file", note("ours"))
    for name in NAMES:
        if name == "fashion_mnist":
            continue
        theirs = importlib.import_module(f"keras.src.datasets.{name}")
        monkeypatch.setattr(theirs, "get_file", note("theirs"))
        for function in ("load_data", "get_word_index"):
            for module in (getattr(datasets, name), theirs):
                if hasattr(module, function):
                    with pytest.raises(FileNotFoundError):
                        getattr(module, function)()
    assert len(asked["ours"]) == 8 and asked["ours"] == asked["theirs"]
