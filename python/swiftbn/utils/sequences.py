"""Sequences of different lengths as one array."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import one_of, positive_integer


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0) -> np.ndarray:
    """An array with a row for each sequence, filled up with `value`, and cut where a sequence is too long.

    Args:
        sequences: list of lists of numbers, or of arrays of equal shapes but for the first axis.
        maxlen: length of the rows, by default that of the longest sequence.
        dtype: of the array; `object` for strings of different lengths.
        padding: "pre" or "post", the end of rows that is filled up.
        truncating: "pre" or "post", the end that is cut off.
        value: what rows are filled up with.

    Shapes: N sequences (n, …) → (N, maxlen, …).

    Raises:
        ValueError: something that is no list of sequences, elements of different shapes, or arguments out of range.
    """
    name = "pad_sequences"
    one_of(name, "padding", padding, ("pre", "post"))
    one_of(name, "truncating", truncating, ("pre", "post"))
    try:
        lengths = [len(sequence) for sequence in sequences]
    except TypeError:
        raise ValueError(f"{name}: expected a list of sequences. Received: sequences={sequences!r}") from None
    if maxlen is None:
        maxlen = max(lengths, default=0)
    else:
        maxlen = positive_integer(name, "maxlen", maxlen)
    is_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and dtype is not object and not is_text:
        raise ValueError(f"{name}: expected dtype=object for strings. Received: dtype={dtype!r}, value={value!r}")
    shape = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    rows = np.full((len(lengths), maxlen, *shape), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        if not len(sequence):
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
        if kept.shape[1:] != shape:
            raise ValueError(
                f"{name}: expected elements of shape {shape}, as in the first sequence. "
                f"Received: shape {kept.shape[1:]} in sequence {index}"
            )
        if padding == "pre":
            rows[index, maxlen - len(kept) :] = kept
        else:
            rows[index, : len(kept)] = kept
    return rows
