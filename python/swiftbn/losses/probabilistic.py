"""Losses of probabilities beside the cross-entropies."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.losses._logits import log_probabilities
from swiftbn.losses.base import LossFunctionWrapper, floating, pair


def q_of(value) -> float:
    """The value if it may be the exponent of the generalized cross-entropy; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ValueError(f"Expected q to be a number between 0 and 1. Received: q={value!r}")
    return float(value)


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


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Between cross-entropy and error, for labels that may be wrong; see `categorical_generalized_cross_entropy`."""

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size", name="categorical_generalized_cross_entropy", dtype=None
    ):
        super().__init__(categorical_generalized_cross_entropy, reduction=reduction, name=name, dtype=dtype, q=q_of(q))


class KLDivergence(LossFunctionWrapper):
    """Σ y_true·log(y_true / y_pred); see `kl_divergence`."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction=reduction, name=name, dtype=dtype)


class Poisson(LossFunctionWrapper):
    """The mean of y_pred - y_true·log(y_pred); see `poisson`."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, reduction=reduction, name=name, dtype=dtype)
