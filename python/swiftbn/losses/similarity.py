"""Circle loss of embeddings."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import finite
from swiftbn.losses._masks import masked_by
from swiftbn.losses.base import LossFunctionWrapper


def _positive(y_true, values, **arguments):
    """Samples without a partner of their class, or of another, do not count."""
    return ops.greater(values, 0)


@masked_by(_positive)
def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """softplus(log Σₚ exp(-gamma·[m + dₚ]·(m - dₚ)) + log Σₙ exp(gamma·[1 + m - dₙ]·(1 - m - dₙ))) for each sample.

    d = max(1 - cosine, 0) are its distances to the references p of its class and n of others, m is the margin, and
    [·] is cut at 0.

    Args:
        y_true: class numbers (N,) or (N, 1).
        y_pred: embeddings (N, D) of length 1.
        ref_labels, ref_embeddings: those to compare with, by default the same.
        remove_diagonal: whether a sample is left out of its own references.
        gamma: scale.
        margin: relaxation of the similarities, 0 … 1.

    Source: Sun et al., "Circle loss", 2020, https://arxiv.org/abs/2002.10857.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.cast(y_true, "int32")
    references = y_pred if ref_embeddings is None else ops.cast(ref_embeddings, y_pred.dtype)
    ref_labels = labels if ref_labels is None else ops.cast(ref_labels, "int32")
    distances = ops.maximum(ops.subtract(1.0, ops.matmul(y_pred, ops.transpose(references))), 0.0)
    if not distances.shape[1]:
        return ops.sum(distances, axis=1)
    same, other = _pairs(labels, ref_labels, remove_diagonal)
    attraction = ops.multiply(ops.maximum(ops.add(distances, margin), 0.0), ops.subtract(distances, margin))
    closeness = ops.maximum(ops.subtract(1.0 + margin, distances), 0.0)
    repulsion = ops.multiply(closeness, ops.subtract(1.0 - margin, distances))
    has_same, log_same = _masked_logsumexp(ops.multiply(float(gamma), attraction), same)
    has_other, log_other = _masked_logsumexp(ops.multiply(float(gamma), repulsion), other)
    return ops.where(ops.logical_and(has_same, has_other), ops.softplus(ops.add(log_same, log_other)), 0.0)


def _pairs(labels, ref_labels, remove_diagonal: bool) -> tuple:
    """Whether sample and reference are of one class, and whether of two."""
    rows, columns = ops.reshape(labels, (-1, 1)), ops.reshape(ref_labels, (1, -1))
    same, other = ops.equal(rows, columns), ops.not_equal(rows, columns)
    if remove_diagonal:
        same = ops.logical_and(same, ops.logical_not(ops.eye(rows.shape[0], columns.shape[1], dtype="bool")))
    return same, other


def _masked_logsumexp(x, mask) -> tuple:
    """(Whether a row has an element in the mask, log Σ exp over those, 0 if there are none), with finite gradients."""
    peak = ops.stop_gradient(ops.max(ops.where(mask, x, -1e30), axis=1, keepdims=True))
    total = ops.sum(ops.where(mask, ops.exp(ops.where(mask, ops.subtract(x, peak), 0.0)), 0.0), axis=1)
    has = ops.any(mask, axis=1)
    return has, ops.where(has, ops.add(ops.log(ops.where(has, total, 1.0)), ops.squeeze(peak, axis=1)), 0.0)


class Circle(LossFunctionWrapper):
    """Circle loss of embeddings; see `circle`."""

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(
            circle,
            reduction=reduction,
            name=name,
            dtype=dtype,
            gamma=finite("Circle", "gamma", gamma),
            margin=finite("Circle", "margin", margin),
            remove_diagonal=bool(remove_diagonal),
        )
