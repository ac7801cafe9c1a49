"""Losses of probabilities as classes, with Keras' arguments."""

from __future__ import annotations

from swiftbn._checks import finite
from swiftbn.losses.base import LossFunctionWrapper, without_default
from swiftbn.losses.focal import binary_focal_crossentropy, categorical_focal_crossentropy
from swiftbn.losses.probabilistic import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    q_of,
    smoothing_of,
    sparse_categorical_crossentropy,
)


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


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Between cross-entropy and error, for labels that may be wrong; see `categorical_generalized_cross_entropy`."""

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size", name="categorical_generalized_cross_entropy", dtype=None
    ):
        super().__init__(categorical_generalized_cross_entropy, reduction=reduction, name=name, dtype=dtype, q=q_of(q))


class KLDivergence(LossFunctionWrapper):
    """Σ y_true·log(y_true / y_pred); see `kl_divergence`."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction=reduction, name=name, dtype=dtype)


class Poisson(LossFunctionWrapper):
    """The mean of y_pred - y_true·log(y_pred); see `poisson`."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, reduction=reduction, name=name, dtype=dtype)
