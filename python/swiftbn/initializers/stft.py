"""Fourier transforms as weights."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import one_of
from swiftbn._windows import check_window, fourier, window_values
from swiftbn.dtypes import standardize_dtype
from swiftbn.initializers.initializer import Initializer


class STFT(Initializer):
    """The real or imaginary part of a discrete Fourier transform of windows, as a kernel of a convolution.

    kernel[t, 0, f] = window[t]·cos(-2π·t·f/F)/scale, or with sin, for a shape (T, 1, F/2 + 1).

    Args:
        side: "real" or "imag".
        window: "hann", "hamming", "blackman", "bartlett", "boxcar", an array of T numbers, or None for no window.
        scaling: "density": scale is the root of the sum of squares of the window, "spectrum": the sum of its absolute
            values, None: 1.
        periodic: whether the value behind the window's last one would be its first.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        one_of("STFT", "side", side, ("real", "imag"))
        one_of("STFT", "scaling", scaling, (None, "density", "spectrum"))
        check_window("STFT", window)
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = bool(periodic)

    def __call__(self, shape, dtype=None):
        if len(shape) != 3 or shape[1] != 1:
            raise ValueError(f"STFT: expected a shape (T, 1, F/2 + 1). Received: shape={tuple(shape)}")
        window = window_values("STFT", self.window, shape[0], self.periodic)
        kernel = fourier(shape[0], 2 * (shape[2] - 1))[self.side == "imag"] * window[:, None]
        if self.window is not None and self.scaling is not None:
            kernel /= np.sqrt(np.square(window).sum()) if self.scaling == "density" else np.abs(window).sum()
        return kernel[:, None].astype(standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"side": self.side, "window": self.window, "scaling": self.scaling, "periodic": self.periodic}
