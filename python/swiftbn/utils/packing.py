"""The tuples in which a step of training is given its data."""

from __future__ import annotations


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """(x, y, sample_weight) without what is None; x itself when it is alone and no list or tuple."""
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data) -> tuple:
    """(x, y, sample_weight) from what `train_step` is given, None for what is missing.

    Raises:
        ValueError: no or more than three parts.
    """
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"Expected data to be x, (x,), (x, y) or (x, y, sample_weight). Received: {len(data)} parts")
    return (*data, None, None)[:3]
