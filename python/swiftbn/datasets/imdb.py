"""50,000 reviews of films as numbers of words, with 1 for good ones and 0 for bad ones."""

from __future__ import annotations

import numpy as np

from swiftbn.datasets import _files, _word_sequences

SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
WORDS_MD5 = "bfafd718b763782e994055a2d397834f"


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    Words are numbered by how frequent they are: `index_from + 1` is the most frequent one; 0 stands for none.

    Args:
        path: name of the file in the cache.
        num_words: numbers of words are less than this; None for all.
        skip_top: numbers of words are not less than this.
        maxlen: reviews with as many words or more are left out; None for all.
        seed: of the order of the reviews, the same as Keras'.
        start_char: number that every review begins with, None for none.
        oov_char: number for words that are left out, None to drop them.
        index_from: is added to the numbers in the file, which begin at 1.

    Returns:
        ((x_train, y_train), (x_test, y_test)): arrays of lists (dtype object) and int64 labels, each (25000,).

    Raises:
        ValueError: arguments out of range, no review that is short enough, or a damaged file.
        OSError: the download failed.

    Source: Maas, Daly, Pham, Huang, Ng, Potts 2011.
    """
    _word_sequences.check("imdb", num_words, skip_top, maxlen, start_char, oov_char, index_from)
    file = _files.keras_file(path, "imdb.npz", SHA256)
    arrays = _files.load_arrays(file, "x_train", "y_train", "x_test", "y_test")
    rng = np.random.RandomState(seed)
    parts = []
    for x, y in (arrays[:2], arrays[2:]):
        order = np.arange(len(x))
        rng.shuffle(order)
        sequences = _word_sequences.moved(x[order], start_char, index_from)
        parts.append(_word_sequences.shorter_than("imdb", maxlen, sequences, y[order]))
    (x_train, y_train), (x_test, y_test) = parts
    x = _word_sequences.limited(x_train + x_test, num_words, skip_top, oov_char)
    return (x[: len(x_train)], y_train), (x[len(x_train) :], y_test)


def get_word_index(path="imdb_word_index.json"):
    """The dictionary from words to their numbers in the file, to which `load_data` adds `index_from`."""
    return _word_sequences.word_index(path, "imdb_word_index.json", WORDS_MD5)
