"""Window functions by name, as SciPy has them under these names."""

from __future__ import annotations

import numpy as np

_WINDOWS = {
    "hann": np.hanning,
    "hamming": np.hamming,
    "blackman": np.blackman,
    "bartlett": np.bartlett,
    "boxcar": np.ones,
}


def check_window(owner: str, window) -> None:
    """Raises ValueError for what is no name of a window, no vector of numbers and not None."""
    if isinstance(window, str) and window in _WINDOWS or window is None:
        return
    array = np.asarray(window)
    if isinstance(window, str) or array.ndim != 1 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{owner}: expected window to be one of {tuple(_WINDOWS)}, an array of numbers or None. "
            f"Received: window={window!r}"
        )


def window_values(owner: str, window, length: int, periodic: bool) -> np.ndarray:
    """(length,) values in float64, all 1 for None.

    Args:
        periodic: whether the value behind the last one would be the first.

    Raises:
        ValueError: an array of another length.
    """
    if window is None or (isinstance(window, str) and length == 1):
        return np.ones(length)
    if isinstance(window, str):
        function = _WINDOWS[window]
        return function(length + 1)[:-1] if periodic else function(length)
    values = np.asarray(window, "float64")
    if values.shape != (length,):
        raise ValueError(f"{owner}: expected a window of {length} values. Received: {values.shape[0]}")
    return values


def fourier(frame_length: int, fft_length: int) -> tuple:
    """cos and sin of -2π·t·f/fft_length for t < frame_length (rows) and f ≤ fft_length/2 (columns), in float64."""
    # Whole turns are taken off before, so that large products do not lose digits.
    turns = np.outer(np.arange(frame_length), np.arange(fft_length // 2 + 1)) % fft_length
    angles = -2 * np.pi * turns / fft_length
    return np.cos(angles), np.sin(angles)
