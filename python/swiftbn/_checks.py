"""Checks of numbers given as arguments, shared by initializers, constraints, regularizers and random functions."""

from __future__ import annotations

import math

import numpy as np


def finite(owner: str, name: str, value, low: float = -math.inf, high: float = math.inf):
    """The value if it is a finite number from low to high.

    Raises:
        ValueError: names the owner, the argument, what was expected and what was received.
    """
    good = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or not low <= value <= high:
        bounds = [f">= {low:g}"] * (low > -math.inf) + [f"<= {high:g}"] * (high < math.inf)
        expected = " and ".join(["a finite number", *bounds]).replace(" and >=", " >=", 1)
        raise ValueError(f"{owner}: expected {name} to be {expected}. Received: {name}={value!r}")
    return value


def integer(owner: str, name: str, value) -> int:
    """The value if it is an integer; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{owner}: expected {name} to be an integer. Received: {name}={value!r}")
    return int(value)
