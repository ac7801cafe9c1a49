"""Connectionist temporal classification: sequences of labels that are not aligned with the outputs."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn.losses.base import LossFunctionWrapper, floating

# Stands for log 0, and stays finite in sums and gradients.
_NEVER = -1e5


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
    states, may_skip = _states(labels)
    emissions = _emissions(y_pred, states)
    count = states.shape[1]
    scores = ops.where(np.arange(count) < 2, emissions[:, 0], _NEVER)
    for step in range(1, y_pred.shape[1]):
        skipped = ops.where(may_skip, _shifted(scores, 2), _NEVER)
        scores = ops.add(_log_sum(scores, _shifted(scores, 1), skipped), emissions[:, step])
    ends = ops.multiply(2, ops.sum(ops.cast(ops.not_equal(labels, 0), "int64"), axis=1, keepdims=True))
    behind = ops.subtract(ends, np.arange(count))
    # A path ends in the last label or the blank behind it.
    last, blank = (ops.max(ops.where(ops.equal(behind, offset), scores, 2 * _NEVER), axis=1) for offset in (1, 0))
    return ops.negative(_log_sum(last, blank))


def _states(labels) -> tuple:
    """The labels with blanks around them (N, 2L + 1), and where a path may skip the blank before: between two labels
    that differ.
    """
    blanks = ops.zeros_like(labels)
    pairs = ops.reshape(ops.stack([blanks, labels], axis=2), (labels.shape[0], 2 * labels.shape[1]))
    states = ops.concatenate([pairs, ops.zeros((labels.shape[0], 1), "int64")], axis=1)
    two_before = ops.pad(states, ((0, 0), (2, 0)))[:, : states.shape[1]]
    return states, ops.logical_and(ops.not_equal(states, 0), ops.not_equal(states, two_before))


def _emissions(y_pred, states):
    """The logarithm of each state's probability at each step, (N, T, 2L + 1); of labels out of range never."""
    logs = ops.maximum(ops.log_softmax(y_pred), _NEVER)
    chosen = ops.transpose(ops.one_hot(states, y_pred.shape[2], dtype=y_pred.dtype), (0, 2, 1))
    unknown = ops.subtract(1.0, ops.sum(chosen, axis=1, keepdims=True))
    return ops.add(ops.matmul(logs, chosen), ops.multiply(_NEVER, unknown))


def _shifted(scores, by: int):
    """Scores of the states `by` places before."""
    return ops.pad(scores, ((0, 0), (by, 0)), constant_values=_NEVER)[:, : scores.shape[1]]


def _log_sum(first, *others):
    """log Σ exp, element by element."""
    peak = first
    for other in others:
        peak = ops.maximum(peak, other)
    peak = ops.stop_gradient(peak)
    total = ops.exp(ops.subtract(first, peak))
    for other in others:
        total = ops.add(total, ops.exp(ops.subtract(other, peak)))
    return ops.add(peak, ops.log(total))


class CTC(LossFunctionWrapper):
    """Loss of label sequences that are not aligned with the outputs; see `ctc`."""

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction=reduction, name=name, dtype=dtype)
