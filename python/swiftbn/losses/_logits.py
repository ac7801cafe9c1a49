"""Logarithms of probabilities without rounding to 0 or 1: from logits where there are such."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.ops.crossentropy import logits_of


def log_probabilities(y_pred, from_logits: bool, axis: int = -1):
    """log softmax of the logits that `y_pred` holds or was made of; None when it was not made by a softmax."""
    logits = y_pred if from_logits else logits_of(y_pred, "softmax", axis)
    return None if logits is None else ops.log_softmax(logits, axis=axis)


def power(base, exponent: float):
    """base^exponent for base >= 0 with a finite gradient at 0 (where exponents under 1 have an infinite one)."""
    if exponent == 0:
        return ops.ones_like(base)
    return ops.power(ops.maximum(base, 1e-30) if exponent < 1 else base, float(exponent))
