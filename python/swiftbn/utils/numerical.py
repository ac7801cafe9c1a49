"""Preparing targets and features on the host."""

from __future__ import annotations

import numpy as np

from swiftbn.ops._dispatch import normalize_axis


def to_categorical(x, num_classes=None):
    """Class numbers as one-hot rows.

    Args:
        x: integers in 0 … num_classes - 1, of any shape; a last axis of extent 1 is dropped.
        num_classes: by default one more than the largest.

    Returns:
        float64 array of x's shape with an axis of `num_classes` added.

    Raises:
        ValueError: numbers that are not whole, or out of range.
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"to_categorical: expected class numbers. Received: an array of dtype {labels.dtype}")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.floor(labels)).all()):
        raise ValueError("to_categorical: expected class numbers. Received: NaN, infinities or fractions")
    labels = labels.astype("int64")
    shape = labels.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    labels = labels.reshape(-1)
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)) or num_classes < 0:
        raise ValueError(f"to_categorical: expected num_classes to be an integer. Received: {num_classes!r}")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: expected class numbers in 0 … {num_classes - 1}. "
            f"Received: numbers from {labels.min()} to {labels.max()}"
        )
    rows = np.zeros((labels.size, num_classes))
    rows[np.arange(labels.size), labels] = 1
    return rows.reshape(*shape, num_classes)


def normalize(x, axis=-1, order=2):
    """x divided by its norm of an order along an axis; zero vectors stay zero.

    Raises:
        ValueError: no numbers, or an axis out of range.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"normalize: expected numbers. Received: an array of dtype {x.dtype}")
    axis = normalize_axis(axis, x.ndim, "normalize")
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
