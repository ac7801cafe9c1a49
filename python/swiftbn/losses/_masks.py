"""Masks: those that come with outputs, and those of losses that leave out some of their values."""

from __future__ import annotations

from swiftbn.masking import get_keras_mask

_rules: dict = {}


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
    return get_keras_mask(values) if rule is None else rule(y_true, values, **arguments)
