"""Checks of arguments, shared by the whole package: they return the value, or say what was expected and received."""

from __future__ import annotations

import math

import numpy as np


def is_integer(value, least: float = -math.inf) -> bool:
    """Whether it is an integer, of Python or NumPy, and no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least


def is_number(value) -> bool:
    """Whether it is a number, of Python or NumPy, and no bool; NaN is one."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def finite(owner: str, name: str, value, low: float = -math.inf, high: float = math.inf):
    """The value if it is a finite number from low to high.

    Raises:
        ValueError: names the owner, the argument, what was expected and what was received.
    """
    if not is_number(value) or not math.isfinite(value) or not low <= value <= high:
        bounds = [f">= {low:g}"] * (low > -math.inf) + [f"<= {high:g}"] * (high < math.inf)
        expected = " and ".join(["a finite number", *bounds]).replace(" and >=", " >=", 1)
        raise ValueError(f"{owner}: expected {name} to be {expected}. Received: {name}={value!r}")
    return value


def number(owner: str, name: str, value, accept, expected: str) -> float:
    """The value as a float when it is a number that `accept` says yes to."""
    if not is_number(value) or not accept(value):
        raise ValueError(f"{owner}: expected {name} to be {expected}. Received: {name}={value!r}")
    return float(value)


def integer(owner: str, name: str, value, least: float = -math.inf) -> int:
    """The value if it is an integer >= least; ValueError otherwise."""
    if not is_integer(value, least):
        bound = "" if least == -math.inf else f" >= {least}"
        raise ValueError(f"{owner}: expected {name} to be an integer{bound}. Received: {name}={value!r}")
    return int(value)


def positive_integer(owner: str, name: str, value) -> int:
    """The value if it is an integer >= 1; ValueError otherwise."""
    return integer(owner, name, value, 1)


def integers(owner: str, name: str, value, count: int, least: int = 1) -> tuple:
    """`count` integers >= least, given as such or as one for all."""
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,) * count
    if len(items) != count or not all(is_integer(item, least) for item in items):
        expected = {1: "an integer", 2: "one or two integers", 3: "one or three integers"}[count]
        raise ValueError(f"{owner}: expected {name} to be {expected} >= {least}. Received: {name}={value!r}")
    return tuple(int(item) for item in items)


def one_of(owner: str, name: str, value, choices: tuple) -> None:
    """Raises ValueError for a value that is none of the choices."""
    if value not in choices:
        raise ValueError(f"{owner}: expected {name} to be one of {choices}. Received: {name}={value!r}")


def padding_mode(owner: str, value, *more: str) -> str:
    """ "valid", "same" or one of `more`, in small letters."""
    choices = ("valid", "same", *more)
    if not isinstance(value, str) or value.lower() not in choices:
        expected = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise ValueError(f"{owner}: expected padding to be {expected}. Received: padding={value!r}")
    return value.lower()
