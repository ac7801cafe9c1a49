"""Counts of true and false, positive and negative outputs at thresholds."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.losses.base import squeeze_or_expand

KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
# What outputs that are not among the k largest become.
LEAST = -1e10


def thresholds_of(name: str, thresholds, default: float) -> list:
    """The thresholds as a list.

    Raises:
        ValueError: one outside 0 … 1.
    """
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    for threshold in found:
        is_number = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
        if not is_number or not 0 <= threshold <= 1:
            raise ValueError(f"{name}: expected thresholds between 0 and 1. Received: thresholds={thresholds!r}")
    if not found:
        raise ValueError(f"{name}: expected at least one threshold. Received: thresholds={thresholds!r}")
    return [float(threshold) for threshold in found]


def is_even(thresholds) -> bool:
    """Whether three or more thresholds go from 0 to 1 in equal steps; outputs are then cut to 0 … 1, as in Keras."""
    count = len(thresholds)
    return count >= 3 and np.allclose(thresholds, np.arange(count) / (count - 1), atol=epsilon())


def count_at(
    thresholds,
    kinds,
    y_true,
    y_pred,
    sample_weight=None,
    *,
    dtype: str,
    even: bool,
    top_k=None,
    class_id=None,
    label_weights=None,
    by_label: bool = False,
) -> list:
    """(Weighted) numbers of outputs of each of the `kinds` at T thresholds: tensors (T,), or (T, L) with `by_label`.

    An output is positive if it is larger than the threshold; a target is if it is not 0.

    Args:
        sample_weight: for samples or for elements.
        even: whether the thresholds are even, see `is_even`.
        top_k: only the k largest outputs of the last axis may be positive.
        class_id: only this index of the last axis counts.
        label_weights: (L,) weights of the last axis.
        by_label: whether the counts of the L columns are kept apart.
    """
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    y_pred, y_true = squeeze_or_expand(y_pred, y_true)
    if tuple(y_pred.shape) != tuple(y_true.shape):
        raise ValueError(
            "Expected y_true and y_pred of the same shape. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    if sample_weight is not None:
        sample_weight = ops.expand_dims(ops.cast(sample_weight, dtype), axis=-1)
        sample_weight = squeeze_or_expand(y_true, sample_weight, expand_rank_1=False)[1]
    if top_k is not None:
        y_pred = _largest(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) < 2:
            raise ValueError(f"Expected outputs (N, K) with class_id={class_id}. Received: shape {tuple(y_pred.shape)}")
        y_true, y_pred = (ops.take(y, np.array([class_id]), axis=-1) for y in (y_true, y_pred))
    if even:
        y_pred = ops.clip(y_pred, 0.0, 1.0)
    weights = _weights(y_pred, sample_weight, label_weights, dtype)
    is_true = ops.cast(ops.not_equal(y_true, 0), dtype)
    labels = [ops.multiply(is_true, weights), ops.multiply(ops.subtract(1.0, is_true), weights)]
    thresholds = np.asarray(thresholds, dtype)
    count = _count_labels if by_label else _count_all
    above = None
    found = {}
    if set(kinds) & {"true_positives", "false_positives"}:
        above = _above(y_pred, thresholds, by_label, dtype)
        found["true_positives"], found["false_positives"] = count(labels, above)
    if set(kinds) & {"true_negatives", "false_negatives"}:
        above = _above(y_pred, thresholds, by_label, dtype) if above is None else above
        found["false_negatives"], found["true_negatives"] = count(labels, ops.subtract(1.0, above))
    return [found[kind] for kind in kinds]


def _weights(y_pred, sample_weight, label_weights, dtype: str):
    weights = np.ones((), dtype)
    if sample_weight is not None:
        weights = ops.multiply(weights, sample_weight)
    if label_weights is not None:
        weights = ops.multiply(weights, ops.cast(label_weights, dtype))
    return ops.broadcast_to(weights, y_pred.shape)


def _above(y_pred, thresholds: np.ndarray, by_label: bool, dtype: str):
    """1 where an output is above a threshold: (elements, T), or (N, T, L) by label."""
    if by_label:
        return ops.cast(ops.greater(ops.expand_dims(y_pred, axis=1), thresholds[:, None]), dtype)
    return ops.cast(ops.greater(ops.reshape(y_pred, (-1, 1)), thresholds), dtype)


def _count_all(labels, above) -> tuple:
    counts = ops.matmul(ops.stack([ops.reshape(label, (-1,)) for label in labels]), above)
    return counts[0], counts[1]


def _count_labels(labels, above) -> tuple:
    return tuple(ops.sum(ops.multiply(ops.expand_dims(label, axis=1), above), axis=0) for label in labels)


def _largest(x, k: int):
    """x where it is among the k largest of the last axis, else `LEAST`; the first ones among equals."""
    classes = x.shape[-1]
    if k > classes:
        raise ValueError(f"Expected top_k <= {classes}, the extent of the last axis. Received: top_k={k}")
    rest, kept = x, ops.zeros_like(x)
    for _ in range(k):
        best = ops.one_hot(ops.argmax(rest, axis=-1), classes, dtype=x.dtype)
        kept = ops.add(kept, best)
        rest = ops.where(best, float("-inf"), rest)
    return ops.where(kept, x, LEAST)
