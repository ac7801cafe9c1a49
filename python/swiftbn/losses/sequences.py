"""Connectionist temporal classification: sequences of labels that are not aligned with the outputs."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.losses.base import LossFunctionWrapper, floating


def ctc(y_true, y_pred):
    """-log Σ exp(Σₜ log softmax(y_pred)[t, kₜ]) over all paths k that become the labels when repetitions are joined and
    blanks (class 0) dropped.

    About 1e5 when there is no path, as T is too small. The steps become a chain of operations in the program, so that
    tracing takes time in proportion to T.

    Args:
        y_true: labels (N, L), 1 … K - 1, zeros behind the last one.
        y_pred: logits (N, T, K).

    Raises:
        ValueError: other ranks.

    Source: Graves et al., "Connectionist temporal classification", 2006, section 4.1.
    """
    y_pred, labels = floating(y_pred), ops.cast(y_true, "int64")
    if len(labels.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc: expected labels y_true (N, L) and logits y_pred (N, T, K). "
            f"Received: y_true.shape={tuple(labels.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    lengths = ops.sum(ops.cast(ops.not_equal(labels, 0), "int64"), axis=1)
    steps = ops.add(ops.multiply(lengths, 0), y_pred.shape[1])
    return ops.ctc_loss(labels, y_pred, lengths, steps)


class CTC(LossFunctionWrapper):
    """Loss of label sequences that are not aligned with the outputs; see `ctc`."""

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction=reduction, name=name, dtype=dtype)
