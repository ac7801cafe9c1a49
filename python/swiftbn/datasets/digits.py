"""1,797 handwritten digits, 8 × 8, carried by the package.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49 (its test set, as scikit-learn's `load_digits` gives it). Licence: CC BY 4.0.
The file `data/digits.npz` holds the pixels (0 to 16) and the labels, unchanged.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

_FILE = Path(__file__).parent / "data" / "digits.npz"
_TEST = 360


def load_data(size=28):
    """The digits, split as the first 1,437 for training and the last 360, by other writers, for testing.

    Args:
        size: 28 for images like MNIST's: each 8 × 8 image is brought to 24 × 24 by bilinear interpolation, with a
            border of two pixels, and to 0 … 255; 8 for the originals, 0 … 16.

    Returns:
        ((x_train, y_train), (x_test, y_test)): uint8 arrays (1437, size, size), (1437,), (360, size, size), (360,).

    Raises:
        ValueError: another size, or a damaged file.
    """
    if size not in (8, 28):
        raise ValueError(f"digits.load_data: expected size 8 or 28. Received: size={size!r}")
    try:
        with np.load(_FILE, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, KeyError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{_FILE.name} is damaged: {error}; install swiftbn again") from None
    if size == 28:
        x = _enlarge(x)
    return (x[:-_TEST], y[:-_TEST]), (x[-_TEST:], y[-_TEST:])


def _enlarge(x: np.ndarray) -> np.ndarray:
    """8 × 8 to 28 × 28: bilinear to 24 × 24 (pixel centres aligned), a border of 2, 0 … 16 to 0 … 255."""
    position = np.clip((np.arange(24) + 0.5) / 3 - 0.5, 0, 7)
    low = np.minimum(position.astype(int), 6)
    weight = position - low
    blend = np.zeros((24, 8))
    blend[np.arange(24), low] = 1 - weight
    blend[np.arange(24), low + 1] = weight
    images = blend @ x.astype(float) @ blend.T
    return np.pad(np.round(images * (255 / 16)).astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
