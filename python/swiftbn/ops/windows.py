"""Windows of signal processing and other vectors made of numbers alone."""

from __future__ import annotations

import numpy as np

from swiftbn.dtypes import standardize_dtype
from swiftbn.ops._dispatch import dtype_of, resolve


def _length(name: str, x) -> int:
    x = np.asarray(x)
    if x.ndim or not np.issubdtype(x.dtype, np.integer) or x < 0:
        raise ValueError(f"{name}: expected x to be an integer >= 0, the length of the window. Received: x={x}")
    return int(x)


def bartlett(x) -> np.ndarray:
    """Triangle of length x from 0 over 1 to 0."""
    return np.bartlett(_length("bartlett", x)).astype(standardize_dtype(None))


def blackman(x) -> np.ndarray:
    """0.42 - 0.5·cos(2π·n/(x - 1)) + 0.08·cos(4π·n/(x - 1)) for n = 0 … x - 1."""
    return np.blackman(_length("blackman", x)).astype(standardize_dtype(None))


def hamming(x) -> np.ndarray:
    """0.54 - 0.46·cos(2π·n/(x - 1)) for n = 0 … x - 1."""
    return np.hamming(_length("hamming", x)).astype(standardize_dtype(None))


def hanning(x) -> np.ndarray:
    """0.5 - 0.5·cos(2π·n/(x - 1)) for n = 0 … x - 1."""
    return np.hanning(_length("hanning", x)).astype(standardize_dtype(None))


def kaiser(x, beta) -> np.ndarray:
    """I₀(beta·√(1 - (2n/(x - 1) - 1)²)) / I₀(beta) for n = 0 … x - 1."""
    return np.kaiser(_length("kaiser", x), float(beta)).astype(standardize_dtype(None))


def logspace(start, stop, num: int = 50, endpoint: bool = True, base=10, dtype=None, axis: int = 0) -> np.ndarray:
    """`num` numbers from base^start to base^stop, evenly spaced in their logarithm."""
    return np.logspace(start, stop, num, endpoint, base, standardize_dtype(dtype), axis)


def geomspace(start, stop, num: int = 50, endpoint: bool = True, dtype=None, axis: int = 0) -> np.ndarray:
    """`num` numbers from start to stop with equal ratios."""
    return np.geomspace(start, stop, num, endpoint, standardize_dtype(dtype), axis)


def empty(shape, dtype=None) -> np.ndarray:
    """An array of a shape; its numbers, which Keras leaves open, are zeros."""
    return np.zeros(shape, standardize_dtype(dtype))


def empty_like(x, dtype=None):
    """An array of the shape of x; its numbers, which Keras leaves open, are zeros."""
    from swiftbn.ops.creation import zeros_like

    return zeros_like(x, dtype)


def dtype(x) -> str:
    """The name of the dtype of a tensor."""
    return x.dtype if isinstance(getattr(x, "dtype", None), str) else dtype_of(resolve(x))
