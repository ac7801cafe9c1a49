"""Losses of numbers: distances between targets and outputs."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn._checks import finite
from swiftbn.config import epsilon
from swiftbn.losses.base import LossFunctionWrapper, pair, without_default


def mean_squared_error(y_true, y_pred):
    """The mean over the last axis of (y_true - y_pred)²."""
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.square(ops.subtract(y_true, y_pred)), axis=-1)


def mean_absolute_error(y_true, y_pred):
    """The mean over the last axis of |y_true - y_pred|."""
    y_true, y_pred = pair(y_true, y_pred)
    return ops.mean(ops.abs(ops.subtract(y_true, y_pred)), axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    """The mean over the last axis of 100·|y_true - y_pred| / max(|y_true|, ε)."""
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.divide(ops.subtract(y_true, y_pred), ops.maximum(ops.abs(y_true), epsilon()))
    return ops.multiply(100.0, ops.mean(ops.abs(error), axis=-1))


def mean_squared_logarithmic_error(y_true, y_pred):
    """The mean over the last axis of (log(1 + y_true) - log(1 + y_pred))²; what is below ε counts as ε."""
    y_true, y_pred = pair(y_true, y_pred)
    logs = [ops.log1p(ops.maximum(y, epsilon())) for y in (y_true, y_pred)]
    return ops.mean(ops.square(ops.subtract(*logs)), axis=-1)


def huber(y_true, y_pred, delta=1.0):
    """The mean over the last axis of ½·e² where |e| ≤ delta, else delta·|e| - ½·delta², with e = y_pred - y_true.

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    finite("huber", "delta", delta)
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.subtract(y_pred, y_true)
    size = ops.abs(error)
    far = ops.subtract(ops.multiply(float(delta), size), 0.5 * delta**2)
    return ops.mean(ops.where(ops.less_equal(size, delta), ops.multiply(0.5, ops.square(error)), far), axis=-1)


def log_cosh(y_true, y_pred):
    """The mean over the last axis of log(cosh(e)), e = y_pred - y_true: about ½·e² near 0, |e| - log 2 far away."""
    y_true, y_pred = pair(y_true, y_pred)
    error = ops.subtract(y_pred, y_true)
    # cosh itself overflows; log(cosh(e)) = e + log(1 + exp(-2e)) - log 2.
    value = ops.add(error, ops.softplus(ops.multiply(-2.0, error)))
    return ops.mean(ops.subtract(value, math.log(2.0)), axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """-Σ y_true·y_pred over `axis` of the vectors divided by their lengths: -1 for the same direction, 0 for a right
    angle or a vector of zeros, 1 for opposite directions.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return ops.negative(ops.sum(ops.multiply(_direction(y_true, axis), _direction(y_pred, axis)), axis=axis))


def _direction(x, axis):
    """x divided by its length, or by ε if that is more; zeros have the gradient 0 / ε and not NaN."""
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(square, epsilon() ** 2)))


class MeanSquaredError(LossFunctionWrapper):
    """The mean of (y_true - y_pred)²."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of |y_true - y_pred|."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of 100·|y_true - y_pred| / |y_true|; see `mean_absolute_percentage_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, reduction=reduction, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of (log(1 + y_true) - log(1 + y_pred))²; see `mean_squared_logarithmic_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, reduction=reduction, name=name, dtype=dtype)


class Huber(LossFunctionWrapper):
    """Squares of errors up to delta, absolute values of larger ones; see `huber`."""

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        delta = finite("Huber", "delta", delta)
        super().__init__(huber, reduction=reduction, name=name, dtype=dtype, delta=delta)

    def get_config(self) -> dict:
        """As Keras', which forgets delta; another one than its default is kept."""
        return without_default(super().get_config(), "delta", 1.0)


class LogCosh(LossFunctionWrapper):
    """The mean of log(cosh(y_pred - y_true)); see `log_cosh`."""

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction=reduction, name=name, dtype=dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between target and output; see `cosine_similarity`."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(cosine_similarity, reduction=reduction, name=name, dtype=dtype, axis=axis)

    def get_config(self) -> dict:
        """As Keras', which forgets the axis; another one than its default is kept."""
        return without_default(super().get_config(), "axis", -1)
