"""Cross-entropies of probabilities and of class numbers."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn.losses._masks import masked_by
from swiftbn.losses.base import LossFunctionWrapper, floating, without_default
from swiftbn.ops.crossentropy import logits_of


def smoothing_of(value) -> float:
    """The value if it may be `label_smoothing`; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1 or math.isnan(value):
        raise ValueError(f"Expected label_smoothing to be a number in 0 … 1. Received: label_smoothing={value!r}")
    return float(value)


def smoothed(y_true, label_smoothing, axis: int = -1):
    """Class probabilities mixed with the uniform distribution."""
    smoothing = smoothing_of(label_smoothing)
    if not smoothing:
        return y_true
    return ops.add(ops.multiply(y_true, 1 - smoothing), smoothing / y_true.shape[axis])


def binary_smoothed(y_true, label_smoothing):
    """Probabilities moved toward ½."""
    smoothing = smoothing_of(label_smoothing)
    return ops.add(ops.multiply(y_true, 1 - smoothing), 0.5 * smoothing) if smoothing else y_true


def check_axis(name: str, axis) -> None:
    """Raises ValueError unless the axis is one integer."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"{name}: expected axis to be an integer. Received: axis={axis!r}")


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-Σ y_true·log(y_pred) over `axis`.

    Args:
        y_true: class probabilities (..., K), usually one-hot.
        y_pred: probabilities or, with `from_logits`, logits (..., K).
        label_smoothing: s mixes the targets with the uniform distribution, y·(1 - s) + s / K.
    """
    check_axis("categorical_crossentropy", axis)
    smoothing = smoothing_of(label_smoothing)
    y_pred = floating(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) and y_true.shape[-1] == 1 != y_pred.shape[-1]:
        raise ValueError(
            "categorical_crossentropy: expected one-hot targets (..., K) with K > 1. "
            f"Received: y_true of shape {tuple(y_true.shape)}; for class numbers use sparse_categorical_crossentropy"
        )
    return ops.categorical_crossentropy(smoothed(y_true, smoothing, axis), y_pred, from_logits=from_logits, axis=axis)


def _not_ignored(y_true, values, ignore_class=None, **arguments):
    if ignore_class is None:
        return None
    return ops.reshape(ops.not_equal(y_true, ignore_class), values.shape)


@masked_by(_not_ignored)
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(y_pred[y_true]) over `axis`.

    Args:
        y_true: class numbers (...) or (..., 1).
        y_pred: probabilities or, with `from_logits`, logits (..., K).
        ignore_class: a class number, also outside 0 … K - 1, whose samples have the loss 0 and are not counted by the
            reductions that divide by the number of samples.
    """
    check_axis("sparse_categorical_crossentropy", axis)
    y_pred, y_true = floating(y_pred), ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    if not from_logits:
        logits = logits_of(y_pred, "softmax", axis)
        y_pred, from_logits = (y_pred, False) if logits is None else (logits, True)
    # What is left out may hold anything, NaN too, and must not reach the gradient.
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0.0)
    values = ops.sparse_categorical_crossentropy(
        ops.where(valid, y_true, 0), y_pred, from_logits=from_logits, axis=axis
    )
    return ops.where(valid, values, 0.0)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over `axis` of -y_true·log(y_pred) - (1 - y_true)·log(1 - y_pred).

    Args:
        y_true: probabilities, usually 0 or 1.
        y_pred: probabilities or, with `from_logits`, logits, of the same shape.
        label_smoothing: s moves the targets toward ½, y·(1 - s) + s / 2.
    """
    y_pred = floating(y_pred)
    y_true = binary_smoothed(ops.cast(y_true, y_pred.dtype), label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


class BinaryCrossentropy(LossFunctionWrapper):
    """Cross-entropy of independent yes-or-no targets; see `binary_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(
            binary_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=bool(from_logits),
            label_smoothing=smoothing_of(label_smoothing),
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of one-hot targets; see `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=bool(from_logits),
            label_smoothing=smoothing_of(label_smoothing),
            axis=axis,
        )

    def call(self, y_true, y_pred):
        return self.fn(y_true, y_pred, **self._fn_kwargs)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of class numbers; see `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        if ignore_class is not None and (isinstance(ignore_class, bool) or not isinstance(ignore_class, int)):
            raise ValueError(
                "SparseCategoricalCrossentropy: expected ignore_class to be a class number or None. "
                f"Received: ignore_class={ignore_class!r}"
            )
        super().__init__(
            sparse_categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=bool(from_logits),
            ignore_class=ignore_class,
            axis=axis,
        )

    def call(self, y_true, y_pred):
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict:
        """As Keras', which forgets the axis; another one than its default is kept."""
        return without_default(super().get_config(), "axis", -1)
