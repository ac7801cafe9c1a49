"""Mean hinge losses."""

from __future__ import annotations

from swiftbn import losses
from swiftbn.metrics.base import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """The mean of max(1 - y_true·y_pred, 0); see `losses.hinge`."""

    _direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(losses.hinge, name=name, dtype=dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of max(1 - y_true·y_pred, 0)²; see `losses.squared_hinge`."""

    _direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(losses.squared_hinge, name=name, dtype=dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean categorical hinge loss; see `losses.categorical_hinge`."""

    _direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(losses.categorical_hinge, name=name, dtype=dtype)
