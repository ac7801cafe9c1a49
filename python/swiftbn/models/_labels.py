"""Class numbers, checked before a model is trained on any of them."""

from __future__ import annotations

import numpy as np


def check_labels(compiled_loss, targets: list, outputs: list) -> None:
    """Raises ValueError for class numbers that are fractions or outside 0 … K - 1 of an output with K classes."""
    for index, (labels, output) in enumerate(zip(targets, outputs, strict=False)):
        if labels is None or not compiled_loss.is_sparse(index) or labels.size == 0:
            continue
        ignored = compiled_loss.ignored_class(index)
        if ignored is not None:
            labels = labels[labels != ignored]
            if labels.size == 0:
                continue
        classes = output.shape[compiled_loss.class_axis(index)]
        if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
            raise ValueError(f"Expected y to hold class numbers. Received: {labels.dtype} with fractions")
        low, high = labels.min(), labels.max()
        if low < 0 or (classes is not None and high >= classes):
            raise ValueError(
                f"Expected labels y in 0 … {classes - 1} for an output of shape {tuple(output.shape)}. "
                f"Received: labels from {_text(low)} to {_text(high)}"
            )


def _text(label) -> str:
    return str(int(label)) if np.isfinite(label) else str(label)
