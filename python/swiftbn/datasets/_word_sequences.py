"""Texts as lists of word numbers, where 1 is the most frequent word: which of them are kept, and how they are told."""

from __future__ import annotations

import json

import numpy as np

from swiftbn._checks import integer
from swiftbn.datasets import _files


def check(owner: str, num_words, skip_top, maxlen, start_char, oov_char, index_from) -> None:
    """Raises ValueError for arguments of `load_data` that are out of range."""
    for name, value in dict(num_words=num_words, maxlen=maxlen).items():
        if value is not None:
            integer(owner, name, value, 0)
    for name, value in dict(start_char=start_char, oov_char=oov_char).items():
        if value is not None:
            integer(owner, name, value)
    for name, value in dict(skip_top=skip_top, index_from=index_from).items():
        integer(owner, name, value, 0)


def moved(sequences, start_char, index_from: int) -> list:
    """Lists whose words are counted from `index_from` on, behind the sign of a start."""
    start = [] if start_char is None else [start_char]
    return [start + [word + index_from for word in sequence] for sequence in sequences]


def shorter_than(owner: str, maxlen, sequences: list, labels) -> tuple:
    """The sequences of fewer than `maxlen` words, with their labels; all when it is None or 0."""
    if not maxlen:
        return sequences, labels
    kept = [i for i, sequence in enumerate(sequences) if len(sequence) < maxlen]
    if not kept:
        raise ValueError(f"{owner}: no sequence is shorter than {maxlen=}, expected a greater one")
    return [sequences[i] for i in kept], np.asarray(labels)[kept]


def limited(sequences: list, num_words, skip_top: int, oov_char) -> np.ndarray:
    """An array of lists of the words from `skip_top` to `num_words`, with `oov_char` for others, or without them."""
    # As in Keras, the last word is outside of the limit that the words themselves make.
    limit = num_words or max(map(max, filter(None, sequences)), default=0)
    found = np.empty(len(sequences), object)
    for i, sequence in enumerate(sequences):
        if oov_char is None:
            found[i] = [word for word in sequence if skip_top <= word < limit]
        else:
            found[i] = [word if skip_top <= word < limit else oov_char for word in sequence]
    return found


def word_index(path: str, name: str, md5: str) -> dict:
    """The dictionary of a data set, from words to numbers."""
    with open(_files.keras_file(path, name, md5), encoding="utf-8") as file:
        return json.load(file)
