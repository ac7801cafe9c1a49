"""Masks: those that come with outputs, and those of losses that leave out some of their values."""

from __future__ import annotations

_rules: dict = {}


def mask_of(x):
    """Which elements of an output count, as the layers say; None for all."""
    return getattr(x, "_keras_mask", None)


def masked_by(rule):
    """A decorator for a loss function some of whose values do not count: `rule(y_true, values, **arguments)` returns
    a mask of those that do, or None.
    """

    def decorator(function):
        _rules[function] = rule
        return function

    return decorator


def value_mask(function, y_true, values, arguments: dict):
    """Which of the values that a loss function returned count, None for all."""
    rule = _rules.get(function)
    return mask_of(values) if rule is None else rule(y_true, values, **arguments)
