"""Checks of optimizers' arguments."""

from __future__ import annotations

import math

import numpy as np

from swiftbn._checks import is_integer, is_number


def checked_number(optimizer, name: str, value, low=0.0, high=math.inf, open_high: bool = True) -> float:
    """The value as a float; ValueError names the optimizer, the argument and its range."""
    if not is_number(value) or not low <= value <= high or (open_high and value == high):
        end = "" if high == math.inf else f" and {'<' if open_high else '<='} {high}"
        kind = type(optimizer).__name__
        raise ValueError(f"{kind}: expected {name} to be a number >= {low}{end}. Received: {name}={value!r}")
    return float(value)


def checked_flag(optimizer, name: str, value) -> bool:
    """The value if it is True or False; ValueError names the optimizer and the argument."""
    if not isinstance(value, (bool, np.bool_)):
        kind = type(optimizer).__name__
        raise ValueError(f"{kind}: expected {name} to be True or False. Received: {name}={value!r}")
    return bool(value)


def checked_count(optimizer, name: str, value, least: int) -> int | None:
    """None, or the value as an integer; ValueError names the optimizer, the argument and its least value."""
    if value is None:
        return None
    if not is_integer(value, least):
        kind = type(optimizer).__name__
        raise ValueError(f"{kind}: expected {name} to be None or an integer >= {least}. Received: {name}={value!r}")
    return int(value)
