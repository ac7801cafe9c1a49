"""Losses as functions: one value per sample."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn.losses.base import squeeze_or_expand


def _smoothing(value) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1 or math.isnan(value):
        raise ValueError(f"Expected label_smoothing to be a number in 0 … 1. Received: label_smoothing={value!r}")
    return float(value)


def _check_last(name: str, axis: int) -> None:
    if isinstance(axis, (list, tuple)):
        raise ValueError(f"{name}: expected axis to be an integer. Received: axis={axis!r}")


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-Σ y_true·log(y_pred) over `axis`.

    Args:
        y_true: class probabilities (..., K), usually one-hot.
        y_pred: probabilities or, with `from_logits`, logits (..., K).
        label_smoothing: s mixes the targets with the uniform distribution, y·(1 - s) + s / K.
    """
    _check_last("categorical_crossentropy", axis)
    smoothing = _smoothing(label_smoothing)
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) and y_true.shape[-1] == 1:
        raise ValueError(
            "categorical_crossentropy: expected one-hot targets (..., K) with K > 1. "
            f"Received: y_true of shape {tuple(y_true.shape)}; for class numbers use sparse_categorical_crossentropy"
        )
    if smoothing:
        classes = y_true.shape[axis]
        y_true = ops.add(ops.multiply(y_true, 1 - smoothing), smoothing / classes)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(y_pred[y_true]).

    Args:
        y_true: class numbers (...) or (..., 1).
        y_pred: probabilities or, with `from_logits`, logits (..., K).
        ignore_class: only None.
    """
    if ignore_class is not None:
        raise ValueError(
            f"sparse_categorical_crossentropy: only ignore_class=None is supported. Received: {ignore_class!r}"
        )
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over `axis` of -y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred).

    Args:
        y_true: probabilities, usually 0 or 1.
        y_pred: probabilities or, with `from_logits`, logits, of the same shape.
        label_smoothing: s moves the targets toward ½, y·(1 - s) + s / 2.
    """
    smoothing = _smoothing(label_smoothing)
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if smoothing:
        y_true = ops.add(ops.multiply(y_true, 1 - smoothing), 0.5 * smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def mean_squared_error(y_true, y_pred):
    """The mean over the last axis of (y_true - y_pred)²."""
    y_true, y_pred = squeeze_or_expand(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    return ops.mean(ops.square(ops.subtract(ops.cast(y_true, y_pred.dtype), y_pred)), axis=-1)
