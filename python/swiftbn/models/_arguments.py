"""Checks of what fit, evaluate and predict are given."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import integer, is_integer, one_of
from swiftbn.messages import has_terminal


def check_epoch(name: str, value) -> int:
    return integer("fit", name, value, 0)


def check_count(name: str, value) -> int | None:
    """An integer >= 1, or None."""
    if value is None:
        return None
    if not is_integer(value, 1):
        raise ValueError(f"Expected {name} to be an integer >= 1. Received: {name}={value!r}")
    return int(value)


def check_division(owner: str, model, accumulate, statistics) -> tuple[int, str]:
    """The number of micro-batches of a batch, and whose statistics normalize them.

    Raises:
        ValueError: values that there are not, or several micro-batches of a model with a train_step of its own.
    """
    accumulate = check_count("accumulate", accumulate) or 1
    one_of(owner, "accumulate_statistics", statistics, ("each", "union"))
    if accumulate > 1 and model._is_custom("train"):
        raise ValueError(
            f"{owner}: only accumulate=1 is supported for a model with a train_step of its own. "
            f"Received: accumulate={accumulate}"
        )
    return accumulate, statistics


def check_shuffle(value):
    if not isinstance(value, (bool, np.bool_)) and not (isinstance(value, str) and value == "batch"):
        raise ValueError(f"fit: expected shuffle to be True, False or 'batch'. Received: shuffle={value!r}")
    return value if isinstance(value, str) else bool(value)


def check_verbose(verbose) -> int:
    if verbose == "auto":
        return 1 if has_terminal() else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    return int(verbose)


def check_validation_data(value) -> tuple:
    """(x, y, sample_weight) from (x, y), (x, y, sample_weight) or data in batches."""
    if not isinstance(value, (list, tuple)):
        from swiftbn.models.batches import is_array_data

        if not is_array_data(value):
            return value, None, None
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= 3:
        raise ValueError(
            "fit: expected validation_data to be (x, y), (x, y, sample_weight) or data in batches. "
            f"Received: {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, (list, tuple)) else "")
        )
    return (*value, None)[:3]


def validation_epochs(value):
    """The function that says whether to evaluate behind an epoch, counted from 1."""
    if isinstance(value, (list, tuple, set)):
        epochs = set(value)
        if not all(isinstance(epoch, (int, np.integer)) for epoch in epochs):
            raise ValueError(f"fit: expected validation_freq to hold numbers of epochs. Received: {value!r}")
        return lambda epoch: epoch in epochs
    if not is_integer(value, 1):
        raise ValueError(f"fit: expected validation_freq to be an integer >= 1 or a list. Received: {value!r}")
    return lambda epoch: epoch % value == 0
