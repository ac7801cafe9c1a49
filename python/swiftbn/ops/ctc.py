"""Connectionist temporal classification: sequences of labels that are not aligned with the outputs."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import integer, one_of, positive_integer
from swiftbn.operation import operation
from swiftbn.ops._dispatch import dtype_of, to_dtype, to_float
from swiftbn.ops.elementwise import (
    add,
    equal,
    exp,
    greater_equal,
    less,
    log,
    logical_and,
    maximum,
    multiply,
    negative,
    not_equal,
    stop_gradient,
    subtract,
    where,
)
from swiftbn.ops.indexing import getitem
from swiftbn.ops.linear import matmul
from swiftbn.ops.nn import log_softmax, one_hot
from swiftbn.ops.reduction import argmax
from swiftbn.ops.reduction import max as reduce_max
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.shaping import concatenate, expand_dims, pad, reshape, stack, transpose
from swiftbn.tensor import Tensor

# Stands for log 0, and stays finite in sums and gradients.
_NEVER = -1e5


@operation
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """-log Σ exp(Σₜ log softmax(output)[t, kₜ]) over all paths k that become the labels when repetitions are joined and
    blanks dropped, (N,).

    About 1e5 when there is no path, as T is too small. The steps become a chain of operations in the program, so that
    tracing takes time in proportion to T.

    Args:
        target: labels (N, L).
        output: logits (N, T, K).
        target_length, output_length: how many of L and of T count, (N,).
        mask_index: the class of blanks, negative ones counted from the end.

    Raises:
        ValueError: other shapes, a class out of range.

    Source: Graves et al., "Connectionist temporal classification", 2006, section 4.1.
    """
    output, labels = to_float(output), to_dtype(target, "int64")
    if len(labels.shape) != 2 or len(output.shape) != 3:
        raise ValueError(
            "ctc_loss: expected labels target (N, L) and logits output (N, T, K). "
            f"Received: target {tuple(labels.shape)}, output {tuple(output.shape)}"
        )
    blank = _class("ctc_loss", mask_index, output.shape[2])
    lengths = [to_dtype(length, "int64") for length in (target_length, output_length)]
    if any(len(length.shape) != 1 for length in lengths):
        raise ValueError(
            "ctc_loss: expected target_length and output_length (N,). "
            f"Received: shapes {', '.join(str(tuple(length.shape)) for length in lengths)}"
        )
    target_length, output_length = (expand_dims(length, 1) for length in lengths)
    states, may_skip = _states(labels, blank)
    emissions = _emissions(output, states)
    count = states.shape[1]
    scores = where(np.arange(count) < 2, getitem(emissions, (slice(None), 0)), _NEVER)
    for step in range(1, output.shape[1]):
        skipped = where(may_skip, _shifted(scores, 2), _NEVER)
        moved = add(_log_sum(scores, _shifted(scores, 1), skipped), getitem(emissions, (slice(None), step)))
        scores = where(less(step, output_length), moved, scores)
    behind = subtract(multiply(2, target_length), np.arange(count))
    # A path ends in the last label or the blank behind it.
    ends = (reduce_max(where(equal(behind, offset), scores, 2 * _NEVER), axis=1) for offset in (1, 0))
    return negative(_log_sum(*ends))


def _class(name: str, index, classes: int) -> int:
    index = integer(name, "mask_index", index)
    if not -classes <= index < classes:
        raise ValueError(f"{name}: expected -{classes} <= mask_index < {classes}. Received: mask_index={index}")
    return index % classes


def _states(labels, blank: int) -> tuple:
    """The labels with blanks around them (N, 2L + 1), and where a path may skip the blank before: between two labels
    that differ.
    """
    count, length = labels.shape
    # As differences to the blank, which are 0 where nothing is.
    pairs = stack([multiply(labels, 0), subtract(labels, blank)], axis=2)
    states = pad(reshape(pairs, (-1 if count is None else count, 2 * length)), ((0, 0), (0, 1)))
    two_before = getitem(pad(states, ((0, 0), (2, 0))), (slice(None), slice(0, 2 * length + 1)))
    return add(states, blank), logical_and(not_equal(states, 0), not_equal(states, two_before))


def _emissions(output, states):
    """The logarithm of each state's probability at each step, (N, T, 2L + 1); of labels out of range never."""
    logs = maximum(log_softmax(output), _NEVER)
    chosen = transpose(one_hot(states, output.shape[2], dtype=dtype_of(output)), (0, 2, 1))
    unknown = subtract(1.0, reduce_sum(chosen, axis=1, keepdims=True))
    return add(matmul(logs, chosen), multiply(_NEVER, unknown))


def _shifted(scores, by: int):
    """Scores of the states `by` places before."""
    wide = pad(scores, ((0, 0), (by, 0)), constant_values=_NEVER)
    return getitem(wide, (slice(None), slice(0, scores.shape[1])))


def _log_sum(first, *others):
    """log Σ exp, element by element."""
    peak = first
    for other in others:
        peak = maximum(peak, other)
    peak = stop_gradient(peak)
    total = exp(subtract(first, peak))
    for other in others:
        total = add(total, exp(subtract(other, peak)))
    return add(peak, log(total))


@operation
def ctc_decode(
    inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True, mask_index=0
):
    """Labels of logits (N, T, K), without blanks, and how good they are.

    Args:
        inputs: logits.
        sequence_lengths: how many of T count, (N,).
        strategy: "greedy": the most probable class of each step; "beam_search": the most probable labels, of arrays
            outside of programs only.
        beam_width: how many beginnings of labels are followed.
        top_paths: how many labels are returned for each sample.
        merge_repeated: whether repetitions are joined, with "greedy".
        mask_index: the class of blanks, negative ones counted from the end.

    Returns:
        Labels, int32, -1 behind the last one: (1, N, T), or with "beam_search" (top_paths, N, T); and the negative sum
        of the logits, (N, 1), or with "beam_search" the logarithm of the labels' probability, (N, top_paths).

    Raises:
        ValueError: other shapes, an argument out of its range.
    """
    name = "ctc_decode"
    one_of(name, "strategy", strategy, ("greedy", "beam_search"))
    logits, lengths = to_float(inputs), to_dtype(sequence_lengths, "int32")
    if len(logits.shape) != 3 or len(lengths.shape) != 1:
        raise ValueError(
            f"{name}: expected logits (N, T, K) and sequence_lengths (N,). "
            f"Received: shapes {tuple(logits.shape)} and {tuple(lengths.shape)}"
        )
    blank = _class(name, mask_index, logits.shape[2])
    if strategy == "greedy":
        return _greedy(logits, lengths, blank, bool(merge_repeated))
    width, paths = positive_integer(name, "beam_width", beam_width), positive_integer(name, "top_paths", top_paths)
    if isinstance(logits, Tensor) or isinstance(lengths, Tensor):
        raise ValueError(f"{name}: strategy='beam_search' is for arrays, outside of programs. Received: a tensor")
    if paths > width:
        raise ValueError(f"{name}: expected top_paths <= beam_width={width}. Received: top_paths={paths}")
    return _searched(log_softmax(logits), lengths, blank, width, paths)


def _greedy(logits, lengths, blank: int, merge: bool):
    from swiftbn.ops.scattering import take_along_axis
    from swiftbn.ops.sorting import argsort

    steps = logits.shape[1]
    counts = less(np.arange(steps, dtype="int32")[None], expand_dims(lengths, 1))
    labels = where(counts, to_dtype(argmax(logits, axis=-1), "int32"), np.int32(blank))
    scores = negative(reduce_sum(where(counts, reduce_max(logits, axis=-1), 0.0), axis=1, keepdims=True))
    kept = not_equal(labels, blank)
    if merge and steps > 1:
        rest = not_equal(getitem(labels, (slice(None), slice(1, None))), getitem(labels, (slice(None), slice(0, -1))))
        kept = logical_and(kept, concatenate([greater_equal(getitem(labels, (slice(None), slice(0, 1))), 0), rest], 1))
    # Labels that stay come first, in their order.
    order = argsort(to_dtype(where(kept, np.int32(0), np.int32(1)), "int32"), axis=-1)
    labels = take_along_axis(where(kept, labels, np.int32(-1)), order, axis=-1)
    return expand_dims(labels, 0), scores


def _searched(logs: np.ndarray, lengths: np.ndarray, blank: int, width: int, paths: int):
    """Prefix beam search (Graves and Jaitly 2014)."""
    count, steps, _ = logs.shape
    labels = np.full((paths, count, steps), -1, "int32")
    scores = np.full((count, paths), -np.inf, logs.dtype)
    for sample in range(count):
        # Of each beginning the logarithms of its probability with a blank at the end, and with its last label there.
        beams = {(): (0.0, -np.inf)}
        for row in logs[sample, : max(0, int(lengths[sample]))].astype("float64"):
            beams = _followed(beams, row, blank, width)
        best = sorted(beams.items(), key=lambda item: -np.logaddexp(*item[1]))[:paths]
        for path, (found, parts) in enumerate(best):
            labels[path, sample, : len(found)] = found
            scores[sample, path] = np.logaddexp(*parts)
    return labels, scores


def _followed(beams: dict, row: np.ndarray, blank: int, width: int) -> dict:
    """The beams after one more step."""
    found: dict = {}

    def gains(key, part: int, value: float):
        parts = found.setdefault(key, [-np.inf, -np.inf])
        parts[part] = np.logaddexp(parts[part], value)

    for labels, (with_blank, with_label) in beams.items():
        total = np.logaddexp(with_blank, with_label)
        gains(labels, 0, total + row[blank])
        last = labels[-1] if labels else None
        for label, value in enumerate(row.tolist()):
            if label == blank:
                continue
            if label == last:
                # A repetition is joined, but behind a blank.
                gains(labels, 1, with_label + value)
                gains((*labels, label), 1, with_blank + value)
            else:
                gains((*labels, label), 1, total + value)
    best = sorted(found.items(), key=lambda item: -np.logaddexp(*item[1]))[:width]
    return {labels: tuple(parts) for labels, parts in best}
