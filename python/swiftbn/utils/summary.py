"""The table of a model's layers, through rich."""

from __future__ import annotations

import io
import re

from swiftbn import messages


def _shape_text(layer) -> str:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError, RuntimeError):
        return "?"
    return str(tuple(shape))


def _count(variables) -> int:
    total = 0
    for variable in variables:
        size = 1
        for extent in variable.shape:
            size *= extent
        total += size
    return total


def _size(variables) -> str:
    import numpy as np

    size = float(sum(_count([v]) * np.dtype(v.dtype).itemsize for v in variables))
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024
    return ""


def _rows(layers, expand: bool, depth: int = 0):
    for layer in layers:
        yield depth, layer
        if expand and hasattr(layer, "layers"):
            yield from _rows(layer.layers, expand, depth + 1)


def _between(layers: list, layer_range) -> list:
    """The layers from the first whose name one expression matches to the last that the other does, with both."""
    if layer_range is None:
        return layers
    if not isinstance(layer_range, (list, tuple)) or [type(name) for name in layer_range] != [str, str]:
        raise ValueError(f"summary: expected layer_range to be two names of layers. Received: {layer_range=}")
    found = [[i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range]
    if not all(found):
        names = ", ".join(layer.name for layer in layers)
        raise ValueError(f"summary: expected layer_range among {names}. Received: {layer_range=}")
    ends = found[0][0], found[1][-1]
    return layers[min(ends) : max(ends) + 1]


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
) -> None:
    """Prints the layers with output shapes and numbers of parameters, and the totals.

    Args:
        line_length: width in characters.
        positions: only None.
        print_fn: function that gets the text instead of standard output.
        expand_nested: whether layers of nested models are listed.
        show_trainable: whether a column says what is trained.
        layer_range: two names (or regular expressions) of layers, between which layers are listed.

    Raises:
        ValueError: `positions`, which is not supported, or layers that are not there.
    """
    if positions is not None:
        raise ValueError(f"summary: only positions=None is supported. Received: positions={positions!r}")
    if print_fn is None and not messages.is_interactive_logging_enabled():
        print_fn = messages.show
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f'Model: "{escape(model.name)}"', title_justify="left")
    table.add_column("Layer (type)")
    table.add_column("Output Shape")
    table.add_column("Param #", justify="right")
    if show_trainable:
        table.add_column("Trainable")
    for depth, layer in _rows(_between(model.layers, layer_range), expand_nested):
        parameters = f"{_count(layer.weights):,}" if layer.built else "0 (unbuilt)"
        cells = [f"{'  ' * depth}{layer.name} ({type(layer).__name__})", _shape_text(layer), parameters]
        if show_trainable:
            cells.append("Y" if layer.trainable else "N")
        table.add_row(*(escape(cell) for cell in cells))
    lines = [
        f" Total params: {_count(model.weights):,} ({_size(model.weights)})",
        f" Trainable params: {_count(model.trainable_weights):,} ({_size(model.trainable_weights)})",
        f" Non-trainable params: {_count(model.non_trainable_weights):,} ({_size(model.non_trainable_weights)})",
    ]
    if model.optimizer is not None and model.optimizer.built:
        lines.append(f" Optimizer params: {_count(model.optimizer.variables):,} ({_size(model.optimizer.variables)})")
    memory = io.StringIO()
    console = Console(width=line_length) if print_fn is None else Console(width=line_length or 80, file=memory)
    console.print(table)
    for line in lines:
        console.print(line, highlight=False)
    if print_fn is not None:
        print_fn(memory.getvalue().rstrip("\n"))
