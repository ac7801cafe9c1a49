"""Several recurrent cells as one."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn.layers.layer import Layer


def sizes_of(state_size) -> list:
    """A cell's sizes of states as a list, nested where cells are stacked.

    Raises:
        ValueError: something else than integers and lists of them.
    """
    sizes = list(state_size) if isinstance(state_size, (list, tuple)) else [state_size]
    for size in tree.flatten(sizes):
        if isinstance(size, bool) or not isinstance(size, int):
            raise ValueError(
                f"Expected a cell's state_size to be an integer or a list of them. Received: state_size={state_size!r}"
            )
    return [list(size) if isinstance(size, tuple) else size for size in sizes]


class StackedRNNCells(Layer):
    """Cells one on another: each is given what the one before it returns, and has states of its own.

    Args:
        cells: list of cells, as for `RNN`.
    """

    def __init__(self, cells, **kwargs):
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(f"StackedRNNCells: expected cells to be a list of cells. Received: cells={cells!r}")
        for cell in cells:
            for attribute in ("call", "state_size"):
                if not hasattr(cell, attribute):
                    raise ValueError(f"StackedRNNCells: expected cells with {attribute}. Received: {cell!r}")
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self) -> list:
        """The sizes of each cell's states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The extent of what the last cell returns."""
        return _output_size(self.cells[-1])

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], _output_size(cell))

    def get_initial_state(self, batch_size=None) -> list:
        """The states that each cell begins with."""
        states = []
        for cell in self.cells:
            own = getattr(cell, "get_initial_state", None)
            if own is not None:
                states.append(own(batch_size=batch_size))
            elif isinstance(cell.state_size, int):
                states.append(ops.zeros((batch_size, cell.state_size), dtype=self.dtype))
            else:
                states.append([ops.zeros((batch_size, size), dtype=self.dtype) for size in cell.state_size])
        return states

    def call(self, inputs, states, training=False, **kwargs):
        new_states = []
        for cell, own in zip(self.cells, states, strict=True):
            nested = isinstance(own, (list, tuple))
            options = dict(kwargs)
            if isinstance(cell, Layer) and "training" in cell._call_signature.parameters:
                options["training"] = training
            call = cell if callable(cell) else cell.call
            inputs, new = call(inputs, list(own) if nested else [own], **options)
            new = list(new) if isinstance(new, (list, tuple)) else [new]
            new_states.append(new if nested or len(new) > 1 else new[0])
        return inputs, new_states

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        cells = config.pop("cells")
        return cls([deserialize_keras_object(cell, custom_objects=custom_objects) for cell in cells], **config)


def _output_size(cell) -> int:
    size = getattr(cell, "output_size", None)
    return tree.flatten(cell.state_size)[0] if size is None else size
