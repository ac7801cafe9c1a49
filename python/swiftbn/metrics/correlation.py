"""How outputs go with targets."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.losses.base import pair
from swiftbn.metrics.base import MeanMetricWrapper


def pearson_correlation(y_true, y_pred, axis=-1):
    """mean((t - mean(t))·(p - mean(p))) / (std(t)·std(p)) over `axis`, of targets t and outputs p; NaN where one of
    them is constant.
    """
    y_true, y_pred = pair(y_true, y_pred)
    scaled = []
    for y in (y_true, y_pred):
        centered = ops.subtract(y, ops.mean(y, axis=axis, keepdims=True))
        scaled.append(ops.divide(centered, ops.std(centered, axis=axis, keepdims=True)))
    return ops.mean(ops.multiply(*scaled), axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """2·covariance(t, p) / (var(t) + var(p) + (mean(t) - mean(p))² + ε) over `axis`, of targets t and outputs p.

    Source: Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.
    """
    y_true, y_pred = pair(y_true, y_pred)
    means = [ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    spread = ops.add(*(ops.var(y, axis=axis, keepdims=True) for y in (y_true, y_pred)))
    spread = ops.add(ops.add(spread, ops.square(ops.subtract(*means))), epsilon())
    product = ops.multiply(ops.subtract(y_true, means[0]), ops.subtract(y_pred, means[1]))
    return ops.mean(ops.divide(ops.multiply(2.0, product), spread), axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean Pearson correlation; see `pearson_correlation`."""

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name=name, dtype=dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean concordance correlation; see `concordance_correlation`."""

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name=name, dtype=dtype, axis=axis)
