"""Reproducible randomness."""

from __future__ import annotations

import random as python_random

import numpy as np


def set_random_seed(seed: int) -> None:
    """Seeds Python's and NumPy's generators and swiftbn's own: initial weights, shuffling and dropout repeat.

    Raises:
        ValueError: no integer in 0 … 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"Expected seed to be an integer in 0 … 2**32 - 1. Received: seed={seed!r}")
    from swiftbn.random import reset_global_seed

    python_random.seed(int(seed))
    np.random.seed(int(seed))
    reset_global_seed(int(seed))
