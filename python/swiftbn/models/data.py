"""Training data: arrays checked and brought into the form that programs take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from swiftbn import tree
from swiftbn._checks import is_integer
from swiftbn.models.arrays import as_arrays
from swiftbn.models.weights import make_weights


class Data(NamedTuple):
    """Arrays with one row per sample. `x` and `y` are nested as the model takes and returns them, y may be None.

    `weights` holds a flat list of sample weights, one or None for each output, or is None.
    """

    x: object
    y: object
    weights: list | None
    count: int

    @property
    def arrays(self) -> tuple:
        """All arrays, flat, in the order in which programs take them."""
        weights = [w for w in self.weights or () if w is not None]
        return (*tree.flatten(self.x), *(() if self.y is None else tree.flatten(self.y)), *weights)

    def rows(self, begin: int, end: int) -> tuple:
        """Views of the arrays' rows begin … end - 1."""
        return tuple(array[begin:end] for array in self.arrays)

    def part(self, begin: int, end: int) -> Data:
        def cut(array):
            return array[begin:end]

        return Data(
            tree.map_structure(cut, self.x),
            None if self.y is None else tree.map_structure(cut, self.y),
            None if self.weights is None else [None if w is None else cut(w) for w in self.weights],
            end - begin,
        )


def make_data(x, y=None, sample_weight=None, class_weight=None) -> Data:
    """Checks what a user passes as data.

    Raises:
        TypeError: not arrays of numbers.
        ValueError: no samples, different numbers of them, NaN labels, weights that do not fit.
    """
    x = as_arrays("x", x)
    y = None if y is None else as_arrays("y", y)
    leaves = [(f"x[{i}]" if tree.is_nested(x) else "x", a) for i, a in enumerate(tree.flatten(x))]
    if y is not None:
        labels = [(f"y[{i}]" if tree.is_nested(y) else "y", a) for i, a in enumerate(tree.flatten(y))]
        for name, array in labels:
            _check_finite(name, array)
        leaves += labels
    weights = make_weights(sample_weight, class_weight, y)
    leaves += [("sample_weight", w) for w in weights or () if w is not None]
    counts = {name: array.shape[0] for name, array in leaves}
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"Expected the same number of samples everywhere. Received: {listing}")
    count = leaves[0][1].shape[0]
    if count == 0:
        raise ValueError(f"Expected at least one sample. Received: x of shape {leaves[0][1].shape}")
    return Data(x, y, weights, count)


def order_targets(data: Data, names: list[str], with_loss: list[str]) -> Data:
    """Targets given by output name as a list in the order of the outputs, with their sample weights.

    Raises:
        ValueError: targets for other outputs than all, or than those that have a loss.
    """
    if set(data.y) not in (set(names), set(with_loss)):
        raise ValueError(
            f"Expected y for the outputs {', '.join(names)}. Received: y for {', '.join(map(str, data.y))}"
        )
    flat = sorted(data.y)
    given = [name for name in names if name in data.y]
    weights = data.weights and [data.weights[flat.index(name)] for name in given]
    return data._replace(y=[data.y[name] for name in given], weights=weights)


def split(data: Data, fraction: float) -> tuple[Data, Data]:
    """The first part for training and the last `fraction` for validation."""
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise ValueError(f"Expected validation_split to be between 0 and 1. Received: validation_split={fraction!r}")
    at = int(np.floor(data.count * (1 - fraction)))
    if at in (0, data.count):
        raise ValueError(
            f"Expected samples for training and for validation. "
            f"Received: {data.count} samples with validation_split={fraction}"
        )
    return data.part(0, at), data.part(at, data.count)


def _check_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f":
        bad = np.isnan(array)
        if bad.any():
            raise ValueError(
                f"Expected labels without NaN. Received: {name} with {int(bad.sum())} NaN, "
                f"the first at index {tuple(int(i) for i in np.argwhere(bad)[0])}"
            )


def check_batch_size(value, default: int = 32) -> int:
    """An integer >= 1, or the default for None.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return default
    if not is_integer(value, 1):
        raise ValueError(f"Expected batch_size to be an integer >= 1. Received: batch_size={value!r}")
    return int(value)
