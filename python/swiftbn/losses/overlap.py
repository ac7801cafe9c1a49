"""Losses of segmentation: how much regions do not overlap."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import finite
from swiftbn.config import epsilon
from swiftbn.losses.base import LossFunctionWrapper, pair


def dice(y_true, y_pred, axis=None):
    """1 - 2·Σ y_true·y_pred / (Σ y_true + Σ y_pred + ε) over `axis` (None: all axes, one value for the batch).

    Source: Milletari et al., "V-Net", 2016, https://arxiv.org/abs/1606.04797, eq. 3 (without the squares).
    """
    y_true, y_pred = pair(y_true, y_pred)
    common = ops.sum(ops.multiply(y_true, y_pred), axis=axis)
    sizes = ops.add(ops.sum(y_true, axis=axis), ops.sum(y_pred, axis=axis))
    return ops.subtract(1.0, ops.divide(ops.multiply(2.0, common), ops.add(sizes, epsilon())))


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - I / (I + alpha·Σ y_true·(1 - y_pred) + beta·Σ (1 - y_true)·y_pred + ε), I = Σ y_true·y_pred, over `axis`
    (None: all axes, one value for the batch).

    `alpha` weighs what was missed and `beta` what was found wrongly, as in Keras.

    Source: Salehi et al., "Tversky loss function", 2017, https://arxiv.org/abs/1706.05721.
    """
    y_true, y_pred = pair(y_true, y_pred)
    common = ops.sum(ops.multiply(y_true, y_pred), axis=axis)
    missed = ops.sum(ops.multiply(y_true, ops.subtract(1.0, y_pred)), axis=axis)
    wrong = ops.sum(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis=axis)
    errors = ops.add(ops.multiply(float(alpha), missed), ops.multiply(float(beta), wrong))
    return ops.subtract(1.0, ops.divide(common, ops.add(ops.add(common, errors), epsilon())))


class Dice(LossFunctionWrapper):
    """1 - the Dice coefficient of regions; see `dice`."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(dice, reduction=reduction, name=name, dtype=dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 - the Tversky index of regions; see `tversky`."""

    def __init__(self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None):
        super().__init__(
            tversky,
            reduction=reduction,
            name=name,
            dtype=dtype,
            alpha=finite("Tversky", "alpha", alpha),
            beta=finite("Tversky", "beta", beta),
            axis=axis,
        )
