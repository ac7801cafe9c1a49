"""Losses of probabilities: cross-entropies and their relatives."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.losses._logits import log_probabilities
from swiftbn.losses._masks import masked_by
from swiftbn.losses.base import floating, pair
from swiftbn.ops.crossentropy import logits_of


def smoothing_of(value) -> float:
    """The value if it may be `label_smoothing`; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1 or math.isnan(value):
        raise ValueError(f"Expected label_smoothing to be a number in 0 … 1. Received: label_smoothing={value!r}")
    return float(value)


def smoothed(y_true, label_smoothing, axis: int = -1):
    """Class probabilities mixed with the uniform distribution."""
    smoothing = smoothing_of(label_smoothing)
    if not smoothing:
        return y_true
    return ops.add(ops.multiply(y_true, 1 - smoothing), smoothing / y_true.shape[axis])


def binary_smoothed(y_true, label_smoothing):
    """Probabilities moved toward ½."""
    smoothing = smoothing_of(label_smoothing)
    return ops.add(ops.multiply(y_true, 1 - smoothing), 0.5 * smoothing) if smoothing else y_true


def check_axis(name: str, axis) -> None:
    """Raises ValueError unless the axis is one integer."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"{name}: expected axis to be an integer. Received: axis={axis!r}")


def q_of(value) -> float:
    """The value if it may be the exponent of the generalized cross-entropy; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ValueError(f"Expected q to be a number between 0 and 1. Received: q={value!r}")
    return float(value)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-Σ y_true·log(y_pred) over `axis`.

    Args:
        y_true: class probabilities (..., K), usually one-hot.
        y_pred: probabilities or, with `from_logits`, logits (..., K).
        label_smoothing: s mixes the targets with the uniform distribution, y·(1 - s) + s / K.
    """
    check_axis("categorical_crossentropy", axis)
    smoothing = smoothing_of(label_smoothing)
    y_pred = floating(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) and y_true.shape[-1] == 1 != y_pred.shape[-1]:
        raise ValueError(
            "categorical_crossentropy: expected one-hot targets (..., K) with K > 1. "
            f"Received: y_true of shape {tuple(y_true.shape)}; for class numbers use sparse_categorical_crossentropy"
        )
    return ops.categorical_crossentropy(smoothed(y_true, smoothing, axis), y_pred, from_logits=from_logits, axis=axis)


def _not_ignored(y_true, values, ignore_class=None, **arguments):
    if ignore_class is None:
        return None
    return ops.reshape(ops.not_equal(y_true, ignore_class), values.shape)


@masked_by(_not_ignored)
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(y_pred[y_true]) over `axis`.

    Args:
        y_true: class numbers (...) or (..., 1).
        y_pred: probabilities or, with `from_logits`, logits (..., K).
        ignore_class: a class number, also outside 0 … K - 1, whose samples have the loss 0 and are not counted by the
            reductions that divide by the number of samples.
    """
    check_axis("sparse_categorical_crossentropy", axis)
    y_pred, y_true = floating(y_pred), ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    if not from_logits:
        logits = logits_of(y_pred, "softmax", axis)
        y_pred, from_logits = (y_pred, False) if logits is None else (logits, True)
    # What is left out may hold anything, NaN too, and must not reach the gradient.
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0.0)
    values = ops.sparse_categorical_crossentropy(
        ops.where(valid, y_true, 0), y_pred, from_logits=from_logits, axis=axis
    )
    return ops.where(valid, values, 0.0)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - y_pred[y_true]^q) / q over the last axis: between the cross-entropy (q → 0) and the error (q → 1), and so
    less sensitive to wrong labels.

    Args:
        y_true: class numbers (...).
        y_pred: probabilities (..., K).
        q: exponent, 0 < q < 1.

    Source: Zhang and Sabuncu, "Generalized cross entropy loss", 2018, https://arxiv.org/abs/1805.07836, eq. 6.
    """
    q = q_of(q)
    y_pred = floating(y_pred)
    wanted = ops.one_hot(ops.cast(y_true, "int64"), y_pred.shape[-1], dtype=y_pred.dtype)
    logs = log_probabilities(y_pred, from_logits=False)
    if logs is None:
        raised = ops.power(ops.sum(ops.multiply(y_pred, wanted), axis=-1), q)
    else:
        # p^q itself has an infinite gradient where p rounds to 0.
        raised = ops.exp(ops.multiply(q, ops.sum(ops.multiply(logs, wanted), axis=-1)))
    return ops.divide(ops.subtract(1.0, raised), q)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over `axis` of -y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred).

    Args:
        y_true: probabilities, usually 0 or 1.
        y_pred: probabilities or, with `from_logits`, logits, of the same shape.
        label_smoothing: s moves the targets toward ½, y·(1 - s) + s / 2.
    """
    y_pred = floating(y_pred)
    y_true = binary_smoothed(ops.cast(y_true, y_pred.dtype), label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def kl_divergence(y_true, y_pred):
    """Σ y_true·log(y_true / y_pred) over the last axis, of probabilities cut to ε … 1."""
    y_true, y_pred = pair(y_true, y_pred)
    y_true = ops.clip(y_true, epsilon(), 1.0)
    logs = log_probabilities(y_pred, from_logits=False)
    if logs is None:
        logs = ops.log(ops.clip(y_pred, epsilon(), 1.0))
    return ops.sum(ops.multiply(y_true, ops.subtract(ops.log(y_true), logs)), axis=-1)


def poisson(y_true, y_pred):
    """The mean over the last axis of y_pred - y_true·log(y_pred + ε): the negative log-likelihood of counts y_true
    where y_pred are expected, without the part that does not depend on y_pred.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.subtract(y_pred, ops.multiply(y_true, ops.log(ops.add(y_pred, epsilon())))), axis=-1)
