"""Prices of 506 houses in the suburbs of Boston in the 1970s, each with 13 numbers.

One of these numbers is made from the share of Black inhabitants, on an assumption about its effect on prices that
Keras' documentation warns of; `california_housing` has none like it.
"""

from __future__ import annotations

from swiftbn.datasets import _housing

SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    Args:
        path: name of the file in the cache.
        test_split: share of the houses for testing, 0 <= test_split < 1.
        seed: of the order of the houses, the same as Keras'.

    Returns:
        ((x_train, y_train), (x_test, y_test)): float64 arrays (404, 13), (404,), (102, 13), (102,); prices are in
        thousands of dollars.

    Raises:
        ValueError: arguments out of range, or a damaged file.
        OSError: the download failed.

    Source: Harrison and Rubinfeld 1978.
    """
    return _housing.load("boston_housing", path, SHA256, test_split, seed)
