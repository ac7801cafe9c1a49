"""Median prices of houses in 20,640 districts of California in 1990, each with 8 numbers."""

from __future__ import annotations

from swiftbn._checks import one_of
from swiftbn.datasets import _housing

SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    The numbers of a district say where it is, how old its houses are, how many rooms, bedrooms, inhabitants and
    households there are, and what is earned.

    Args:
        version: "large" for all districts, "small" for the first 600 in the file.
        path: name of the file in the cache.
        test_split: share of the districts for testing, 0 <= test_split < 1.
        seed: of the order of the districts, the same as Keras'.

    Returns:
        ((x_train, y_train), (x_test, y_test)): arrays of shapes (N, 8) and (N,); prices are in dollars.

    Raises:
        ValueError: arguments out of range, or a damaged file.
        OSError: the download failed.

    Source: Pace and Barry 1997.
    """
    one_of("california_housing", "version", version, ("small", "large"))
    rows = 600 if version == "small" else None
    return _housing.load("california_housing", path, SHA256, test_split, seed, rows)
