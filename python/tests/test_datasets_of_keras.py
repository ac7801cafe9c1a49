"""The data sets that Keras hosts, from small files of the same formats: without the net, houses, texts."""

import json

import numpy as np
import pytest
from dataset_files import HOUSES, NAMES, NEWS, REVIEWS, npz

from swiftbn import datasets
from swiftbn.datasets import _word_sequences


@pytest.mark.parametrize("name", NAMES)
def test_without_the_net(data_cache, tmp_path, name):
    with pytest.raises(OSError, match="Cannot download https://.*: Network is unreachable"):
        getattr(datasets, name).load_data()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_the_net_for_words(data_cache):
    for module in (datasets.imdb, datasets.reuters):
        with pytest.raises(OSError, match="Cannot download https://.*_word_index.json: Network is unreachable"):
            module.get_word_index()


@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
def test_housing(data_cache, name):
    module = getattr(datasets, name)
    data_cache(f"{name}.npz", npz(HOUSES), module)
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


def test_versions_of_california_housing(data_cache):
    data_cache("other.npz", npz(HOUSES), datasets.california_housing)
    (_, y_train), (_, y_test) = datasets.california_housing.load_data("small", "other.npz")
    np.testing.assert_array_equal(np.sort(np.concatenate([y_train, y_test])), np.arange(600))
    with pytest.raises(ValueError, match="expected version to be one of .* Received: version='tiny'"):
        datasets.california_housing.load_data("tiny")


def words(pairs):
    return [x for (xs, _) in pairs for x in xs]


def test_reviews(data_cache):
    data_cache("imdb.npz", npz(REVIEWS), datasets.imdb)
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


def test_newswires(data_cache):
    data_cache("reuters.npz", npz(NEWS), datasets.reuters)
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
def test_bad_arguments_of_texts(data_cache, name, arguments):
    [argument] = arguments
    with pytest.raises(ValueError, match=f"{name}: expected {argument} to be an integer.* Received: {argument}="):
        getattr(datasets, name).load_data(**arguments)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_dictionaries(data_cache, name):
    module = getattr(datasets, name)
    data_cache(f"{name}_word_index.json", json.dumps({"the": 1, "é": 2}).encode(), module, "WORDS_MD5")
    assert module.get_word_index() == {"the": 1, "é": 2}


def test_a_cached_file_with_another_hash_is_downloaded_again(data_cache):
    path = data_cache("imdb.npz", npz(REVIEWS))
    with pytest.raises(OSError, match="Cannot download"):
        datasets.imdb.load_data()
    assert path.read_bytes() == npz(REVIEWS)


def test_no_words():
    assert _word_sequences.limited([[], []], None, 0, 2).tolist() == [[], []]
    assert _word_sequences.limited([], None, 0, 2).shape == (0,)
