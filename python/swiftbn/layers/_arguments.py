"""Checks of constructor arguments that several layers share."""

from __future__ import annotations

import numpy as np


def positive_integer(layer: str, name: str, value) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{layer}: expected {name} to be an integer >= 1. Received: {name}={value!r}")
    return int(value)


def integers(layer: str, name: str, value, count: int) -> tuple:
    """Integers >= 1, given as such or as one for all."""
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,) * count
    if len(items) != count:
        expected = {1: "an integer", 2: "one or two integers", 3: "one or three integers"}[count]
        raise ValueError(f"{layer}: expected {name} to be {expected} >= 1. Received: {name}={value!r}")
    return tuple(positive_integer(layer, name, item) for item in items)


def padding_mode(layer: str, value, *more: str) -> str:
    """ "valid", "same" or one of `more`, in small letters."""
    choices = ("valid", "same", *more)
    if not isinstance(value, str) or value.lower() not in choices:
        expected = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise ValueError(f"{layer}: expected padding to be {expected}. Received: padding={value!r}")
    return value.lower()


def only(layer: str, **arguments) -> None:
    """Raises ValueError for an argument whose value is not the only one supported: only(layer, groups=(2, 1))."""
    for name, (value, supported) in arguments.items():
        if value != supported or isinstance(value, bool) != isinstance(supported, bool):
            raise ValueError(f"{layer}: only {name}={supported!r} is supported. Received: {name}={value!r}")


def number(layer: str, name: str, value, accept, expected: str) -> float:
    """The value as a float when it is a number that `accept` says yes to."""
    good = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not good or not accept(value):
        raise ValueError(f"{layer}: expected {name} to be {expected}. Received: {name}={value!r}")
    return float(value)


def one_of(layer: str, name: str, value, choices: tuple) -> None:
    """Raises ValueError for a value that is none of the choices."""
    if value not in choices:
        raise ValueError(f"{layer}: expected {name} to be one of {choices}. Received: {name}={value!r}")


def channel_axis(layer: str, axis, data_format):
    """The axis or axes of the channels, from both ways to say it."""
    if data_format is not None:
        one_of(layer, "data_format", data_format, ("channels_first", "channels_last"))
        wanted = 1 if data_format == "channels_first" else -1
        if axis not in (-1, wanted):
            raise ValueError(
                f"{layer}: expected axis or data_format, not both. Received: axis={axis!r}, data_format={data_format!r}"
            )
        return wanted
    items = axis if isinstance(axis, (list, tuple)) and axis else (axis,)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int):
            raise ValueError(f"{layer}: expected axis to be an integer or several. Received: axis={axis!r}")
    return items[0] if len(items) == 1 else tuple(items)


def known_channels(layer, input_shape, axis: int) -> int:
    """The extent of the channel axis of an input shape, which has to be known."""
    rank = len(input_shape)
    if not -rank <= axis < rank:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected -{rank} <= axis < {rank} for inputs of shape "
            f"{tuple(input_shape)}. Received: axis={axis}"
        )
    channels = input_shape[axis]
    if channels is None:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected a known extent on axis {axis}. "
            f"Received: input shape {tuple(input_shape)}"
        )
    return channels
