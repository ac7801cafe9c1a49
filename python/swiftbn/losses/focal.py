"""Focal losses: cross-entropies in which what is right already counts less.

Source: Lin et al., "Focal loss for dense object detection", 2017, https://arxiv.org/abs/1708.02002, eqs. 4 and 5.
"""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import finite
from swiftbn.config import epsilon
from swiftbn.losses._logits import log_probabilities, power
from swiftbn.losses.base import LossFunctionWrapper, floating
from swiftbn.losses.crossentropy import binary_smoothed, check_axis, smoothed, smoothing_of
from swiftbn.ops.crossentropy import logits_of


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """The mean over `axis` of (1 - p)^gamma times the binary cross-entropy, with p the probability of the target.

    Args:
        y_true: probabilities, usually 0 or 1.
        y_pred: probabilities or, with `from_logits`, logits, of the same shape.
        apply_class_balancing: whether targets 1 are weighted by alpha and targets 0 by 1 - alpha.
        alpha: that weight.
        gamma: focusing parameter; 0 gives the cross-entropy.
        label_smoothing: s moves the targets toward ½, y·(1 - s) + s / 2.
    """
    check_axis("binary_focal_crossentropy", axis)
    y_pred = floating(y_pred)
    y_true = binary_smoothed(ops.cast(y_true, y_pred.dtype), label_smoothing)
    no = ops.subtract(1.0, y_true)
    logits = y_pred if from_logits else logits_of(y_pred, "sigmoid")
    if logits is None:
        entropy = ops.binary_crossentropy(y_true, y_pred)
        yes_missed, no_missed = ops.subtract(1.0, y_pred), y_pred
    else:
        entropy = ops.binary_crossentropy(y_true, logits, from_logits=True)
        yes_missed, no_missed = ops.sigmoid(ops.negative(logits)), ops.sigmoid(logits)
    missed = ops.add(ops.multiply(y_true, yes_missed), ops.multiply(no, no_missed))
    values = ops.multiply(power(missed, gamma), entropy)
    if apply_class_balancing:
        values = ops.multiply(ops.add(ops.multiply(y_true, alpha), ops.multiply(no, 1 - alpha)), values)
    return ops.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """-Σ alpha·(1 - y_pred)^gamma·y_true·log(y_pred) over `axis`.

    Args:
        y_true: class probabilities (..., K), usually one-hot.
        y_pred: probabilities (which are normalized) or, with `from_logits`, logits (..., K).
        alpha: a weight, or K weights of the classes.
        gamma: focusing parameter; 0 and alpha 1 give the cross-entropy.
        label_smoothing: s mixes the targets with the uniform distribution, y·(1 - s) + s / K.
    """
    check_axis("categorical_focal_crossentropy", axis)
    y_pred = floating(y_pred)
    y_true = smoothed(ops.cast(y_true, y_pred.dtype), label_smoothing, axis)
    logs = log_probabilities(y_pred, from_logits, axis)
    if logs is None:
        output = ops.divide(y_pred, ops.sum(y_pred, axis=axis, keepdims=True))
        output = ops.clip(output, epsilon(), 1.0 - epsilon())
        logs, missed = ops.log(output), ops.subtract(1.0, output)
    else:
        missed = ops.negative(ops.expm1(logs))
    weights = ops.multiply(power(missed, gamma), ops.cast(alpha, y_pred.dtype))
    return ops.negative(ops.sum(ops.multiply(weights, ops.multiply(y_true, logs)), axis=axis))


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy in which what is right already counts less; see `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            binary_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            apply_class_balancing=bool(apply_class_balancing),
            alpha=finite("BinaryFocalCrossentropy", "alpha", alpha),
            gamma=finite("BinaryFocalCrossentropy", "gamma", gamma, 0),
            from_logits=bool(from_logits),
            label_smoothing=smoothing_of(label_smoothing),
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of one-hot targets in which what is right already counts less; see
    `categorical_focal_crossentropy`.
    """

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            categorical_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            alpha=alpha,
            gamma=finite("CategoricalFocalCrossentropy", "gamma", gamma, 0),
            from_logits=bool(from_logits),
            label_smoothing=smoothing_of(label_smoothing),
            axis=axis,
        )
