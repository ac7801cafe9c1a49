"""Training data: arrays checked and brought into the form that programs take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from swiftbn import tree
from swiftbn.dtypes import to_host_array


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
    x = _arrays("x", x)
    y = None if y is None else _arrays("y", y)
    leaves = [(f"x[{i}]" if tree.is_nested(x) else "x", a) for i, a in enumerate(tree.flatten(x))]
    if y is not None:
        labels = [(f"y[{i}]" if tree.is_nested(y) else "y", a) for i, a in enumerate(tree.flatten(y))]
        for name, array in labels:
            _check_finite(name, array)
        leaves += labels
    weights = _weights(sample_weight, class_weight, y)
    leaves += [("sample_weight", w) for w in weights or () if w is not None]
    counts = {name: array.shape[0] for name, array in leaves}
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(f"Expected the same number of samples everywhere. Received: {listing}")
    count = leaves[0][1].shape[0]
    if count == 0:
        raise ValueError(f"Expected at least one sample. Received: x of shape {leaves[0][1].shape}")
    return Data(x, y, weights, count)


def order_targets(data: Data, names: list[str]) -> Data:
    """Targets given by output name as a list in the order of the outputs, with their sample weights."""
    if set(data.y) != set(names):
        raise ValueError(
            f"Expected y for the outputs {', '.join(names)}. Received: y for {', '.join(map(str, data.y))}"
        )
    flat = sorted(names)
    weights = data.weights and [data.weights[flat.index(name)] for name in names]
    return data._replace(y=[data.y[name] for name in names], weights=weights)


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


def _arrays(name: str, structure):
    if structure is None:
        raise ValueError(f"Expected {name} to be arrays. Received: {name}=None")
    if isinstance(structure, list) and not any(hasattr(item, "__array__") for item in tree.flatten(structure)):
        # Nested lists of numbers are one array, lists of arrays are several.
        return _array(name, structure)
    if tree.is_nested(structure) and not tree.flatten(structure):
        raise ValueError(f"Expected {name} to hold arrays. Received: {name}={structure!r}")
    return tree.map_structure(lambda leaf: _array(name, leaf), structure)


def _array(name: str, value) -> np.ndarray:
    if not hasattr(value, "__array__") and not isinstance(value, (list, int, float)):
        raise TypeError(
            f"Expected {name} to be NumPy arrays or nested lists, tuples and dicts of them. "
            f"Received: {name} of type {type(value).__name__}"
        )
    try:
        array = to_host_array(value)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    if array.ndim == 0:
        raise ValueError(f"Expected {name} to have one row per sample. Received: {name} of shape ()")
    return array


def _check_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f":
        bad = np.isnan(array)
        if bad.any():
            raise ValueError(
                f"Expected labels without NaN. Received: {name} with {int(bad.sum())} NaN, "
                f"the first at index {tuple(int(i) for i in np.argwhere(bad)[0])}"
            )


def _weights(sample_weight, class_weight, y) -> list | None:
    if sample_weight is None and class_weight is None:
        return None
    if y is None:
        raise ValueError("Expected y with sample_weight or class_weight. Received: y=None")
    if sample_weight is not None and class_weight is not None:
        raise ValueError("Expected sample_weight or class_weight. Received: both")
    if class_weight is not None:
        return [_class_weights(class_weight, y)]
    outputs = len(tree.flatten(y))
    if isinstance(y, dict) != isinstance(sample_weight, dict) and outputs > 1 and tree.is_nested(sample_weight):
        raise ValueError("Expected sample_weight to be nested as y. Received: one by name, the other by position")
    weights = tree.flatten(_arrays("sample_weight", sample_weight))
    if len(weights) == 1 and outputs > 1:
        weights = weights * outputs
    if len(weights) != outputs:
        raise ValueError(
            f"Expected sample_weight to be one array or one for each of {outputs} outputs. Received: {len(weights)}"
        )
    for weight in weights:
        if weight.dtype.kind != "f":
            continue
        if not np.isfinite(weight).all():
            raise ValueError("Expected sample_weight to be finite. Received: NaN or infinite weights")
    return [w if w.dtype.kind == "f" else w.astype("float32") for w in weights]


def _class_weights(class_weight, y) -> np.ndarray:
    if tree.is_nested(y):
        raise ValueError("class_weight: only models with one output are supported. Received: y with several arrays")
    if not isinstance(class_weight, dict):
        raise ValueError(f"Expected class_weight to be a dict of class to weight. Received: {class_weight!r}")
    for name, weight in class_weight.items():
        is_number = isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool)
        if not is_number or not np.isfinite(weight):
            raise ValueError(f"Expected class_weight to hold finite numbers. Received: {weight!r} for class {name!r}")
    labels = y
    if y.ndim == 2 and y.shape[1] > 1:
        labels = y.argmax(axis=1)
    labels = labels.reshape(-1).astype("int64")
    missing = sorted(set(labels.tolist()) - set(class_weight))
    if missing:
        # Keras lets absent classes count 1.
        class_weight = {**class_weight, **dict.fromkeys(missing, 1.0)}
    classes = np.array(sorted(class_weight), "int64")
    table = np.array([class_weight[c] for c in classes.tolist()], "float32")
    return table[np.searchsorted(classes, labels)]


def check_batch_size(value, default: int = 32) -> int:
    """An integer >= 1, or the default for None.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"Expected batch_size to be an integer >= 1. Received: batch_size={value!r}")
    return int(value)
