"""11,228 newswires of Reuters as numbers of words, of 46 topics."""

from __future__ import annotations

from swiftbn.datasets import _files, _word_sequences

SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
WORDS_MD5 = "4d44cc38712099c9e383dc6e5f11a921"

_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass
    crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi
    iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    Args:
        path: name of the file in the cache.
        test_split: share of the newswires for testing, 0 <= test_split < 1.
        others: as of `imdb.load_data`.

    Returns:
        ((x_train, y_train), (x_test, y_test)): arrays of lists (dtype object) and int64 labels; 8982 and 2246 of each.

    Raises:
        ValueError: arguments out of range, no newswire that is short enough, or a damaged file.
        OSError: the download failed.

    Source: D. Lewis, Reuters-21578.
    """
    _word_sequences.check("reuters", num_words, skip_top, maxlen, start_char, oov_char, index_from)
    _files.check_test_split("reuters", test_split)
    x, y = _files.load_arrays(_files.keras_file(path, "reuters.npz", SHA256), "x", "y")
    x, y = _files.shuffled(seed, x, y)
    sequences, y = _word_sequences.shorter_than("reuters", maxlen, _word_sequences.moved(x, start_char, index_from), y)
    x = _word_sequences.limited(sequences, num_words, skip_top, oov_char)
    end = _files.split(len(x), test_split)
    return (x[:end], y[:end]), (x[end:], y[end:])


def get_word_index(path="reuters_word_index.json"):
    """The dictionary from words to their numbers in the file, to which `load_data` adds `index_from`."""
    return _word_sequences.word_index(path, "reuters_word_index.json", WORDS_MD5)


def get_label_names():
    """The names of the 46 topics, in the order of their labels."""
    return tuple(_TOPICS.split())
