"""The data sets that Keras hosts, read by it and by us from the same files."""

import importlib
import os

import pytest
from dataset_files import HOUSES, NAMES, NEWS, REVIEWS, assert_same, npz, put_cifar100, put_fashion

from swiftbn import datasets
from swiftbn.datasets import _files

pytestmark = pytest.mark.interop


@pytest.fixture
def keras_with_our_cache(data_cache, monkeypatch):
    """Modules of Keras that take files from the cache without looking at their hashes."""
    pytest.importorskip("keras")
    file_utils = importlib.import_module("keras.src.utils.file_utils")
    config = importlib.import_module("keras.src.backend.config")
    monkeypatch.setattr(config, "keras_home", lambda: os.environ["KERAS_HOME"])
    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)
    return lambda name: importlib.import_module(f"keras.src.datasets.{name}")


def test_same_as_keras(data_cache, keras_with_our_cache):
    data_cache("boston_housing.npz", npz(HOUSES), datasets.boston_housing)
    data_cache("california_housing.npz", npz(HOUSES), datasets.california_housing)
    data_cache("imdb.npz", npz(REVIEWS), datasets.imdb)
    data_cache("reuters.npz", npz(NEWS), datasets.reuters)
    put_cifar100(data_cache)
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


def test_fashion_mnist_as_keras(data_cache, keras_with_our_cache):
    put_fashion(data_cache)
    assert_same(datasets.fashion_mnist.load_data(), keras_with_our_cache("fashion_mnist").load_data())


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
