"""Hinge losses: outputs have to be on the right side, by a margin."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.losses.base import LossFunctionWrapper, pair


def _signs(y_true):
    """Targets -1 and 1; if all are 0 or 1, these are converted."""
    is_binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(is_binary, ops.subtract(ops.multiply(2.0, y_true), 1.0), y_true)


def _shortfall(y_true, y_pred):
    y_true, y_pred = pair(y_true, y_pred)
    return ops.maximum(ops.subtract(1.0, ops.multiply(_signs(y_true), y_pred)), 0.0)


def hinge(y_true, y_pred):
    """The mean over the last axis of max(1 - y_true·y_pred, 0).

    Args:
        y_true: -1 or 1; targets that are all 0 or 1 are converted.
        y_pred: numbers of the same shape.
    """
    return ops.mean(_shortfall(y_true, y_pred), axis=-1)


def squared_hinge(y_true, y_pred):
    """The mean over the last axis of max(1 - y_true·y_pred, 0)²; see `hinge`."""
    return ops.mean(ops.square(_shortfall(y_true, y_pred)), axis=-1)


def categorical_hinge(y_true, y_pred):
    """max(1 + max((1 - y_true)·y_pred) - Σ y_true·y_pred, 0) over the last axis; y_true are one-hot rows."""
    y_true, y_pred = pair(y_true, y_pred)
    right = ops.sum(ops.multiply(y_true, y_pred), axis=-1)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis=-1)
    return ops.maximum(ops.add(ops.subtract(wrong, right), 1.0), 0.0)


class Hinge(LossFunctionWrapper):
    """The mean of max(1 - y_true·y_pred, 0); see `hinge`."""

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(hinge, reduction=reduction, name=name, dtype=dtype)


class SquaredHinge(LossFunctionWrapper):
    """The mean of max(1 - y_true·y_pred, 0)²; see `hinge`."""

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction=reduction, name=name, dtype=dtype)


class CategoricalHinge(LossFunctionWrapper):
    """The output of the class has to exceed all others by 1; see `categorical_hinge`."""

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, reduction=reduction, name=name, dtype=dtype)
