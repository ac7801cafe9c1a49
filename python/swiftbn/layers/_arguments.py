"""Checks of constructor arguments that several layers share."""

from __future__ import annotations

from swiftbn._checks import one_of


def only(layer: str, **arguments) -> None:
    """Raises ValueError for an argument whose value is not the only one supported: only(layer, groups=(2, 1))."""
    for name, (value, supported) in arguments.items():
        if value != supported or isinstance(value, bool) != isinstance(supported, bool):
            raise ValueError(f"{layer}: only {name}={supported!r} is supported. Received: {name}={value!r}")


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
