"""Weights of samples: given as such, or by the classes of the targets."""

from __future__ import annotations

import numpy as np

from swiftbn import tree
from swiftbn.models.arrays import as_arrays


def make_weights(sample_weight, class_weight, y) -> list | None:
    """For each output weights or None; None when there are none at all.

    Raises:
        ValueError: both kinds of weights, weights without targets, or weights that do not fit the targets.
    """
    if sample_weight is None and class_weight is None:
        return None
    if y is None:
        raise ValueError("Expected y with sample_weight or class_weight. Received: y=None")
    if sample_weight is not None and class_weight is not None:
        raise ValueError("Expected sample_weight or class_weight. Received: both")
    if class_weight is not None:
        return [_class_weights(class_weight, y)]
    weights = [None if w is None else _array(w) for w in _per_output(sample_weight, y)]
    return weights if any(w is not None for w in weights) else None


def _per_output(sample_weight, y) -> list:
    outputs = len(tree.flatten(y))
    if not tree.is_nested(y) or not tree.is_nested(sample_weight) or not _holds_arrays(sample_weight):
        weight = sample_weight[0] if _holds_arrays(sample_weight) and len(sample_weight) == 1 else sample_weight
        if _holds_arrays(weight):
            raise ValueError(
                f"Expected sample_weight to be one array or one for each of {outputs} outputs. "
                f"Received: {len(tree.flatten(weight))}"
            )
        weight = as_arrays("sample_weight", weight)
        if outputs > 1 and weight.size != len(weight):
            raise ValueError(
                f"Expected sample_weight for {outputs} outputs to be one number for each sample, or one array for each "
                f"output. Received: sample_weight of shape {weight.shape}"
            )
        return [weight] * outputs
    if isinstance(y, dict) != isinstance(sample_weight, dict):
        raise ValueError("Expected sample_weight to be nested as y. Received: one by name, the other by position")
    if isinstance(y, dict):
        unknown = [str(name) for name in sample_weight if name not in y]
        if unknown:
            raise ValueError(
                f"Expected sample_weight for the outputs {', '.join(map(str, y))}. Received: {', '.join(unknown)}"
            )
        return [weight for name in tree.keys(y) for weight in _fitted(sample_weight.get(name), y[name])]
    weights = tree.flatten(sample_weight)
    if len(weights) == 1:
        weights = weights * outputs
    if len(weights) != outputs:
        raise ValueError(
            f"Expected sample_weight to be one array or one for each of {outputs} outputs. Received: {len(weights)}"
        )
    return weights


def _fitted(weight, y) -> list:
    return [None] * len(tree.flatten(y)) if weight is None else _per_output(weight, y)


def _holds_arrays(value) -> bool:
    """Several arrays and not one: nested, but no list of numbers."""
    if isinstance(value, list):
        return any(item is None or hasattr(item, "__array__") or isinstance(item, dict) for item in tree.flatten(value))
    return tree.is_nested(value)


def _array(weight) -> np.ndarray:
    array = as_arrays("sample_weight", weight)
    if array.dtype.kind != "f":
        return array.astype("float32")
    if not np.isfinite(array).all():
        raise ValueError("Expected sample_weight to be finite. Received: NaN or infinite weights")
    return array


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
