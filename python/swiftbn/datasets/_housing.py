"""Data sets of houses: rows of numbers and a price for each."""

from __future__ import annotations

from swiftbn.datasets import _files


def load(owner: str, path: str, file_hash: str, test_split: float, seed, rows=None) -> tuple:
    """((x_train, y_train), (x_test, y_test)) of the first `rows` houses, or of all."""
    _files.check_test_split(owner, test_split)
    x, y = _files.load_arrays(_files.keras_file(path, f"{owner}.npz", file_hash), "x", "y")
    x, y = _files.shuffled(seed, x[:rows], y[:rows])
    end = _files.split(len(x), test_split)
    return (x[:end], y[:end]), (x[end:], y[end:])
