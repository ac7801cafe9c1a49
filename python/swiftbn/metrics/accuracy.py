"""How often outputs are right."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import floatx
from swiftbn.metrics.base import MeanMetricWrapper, aligned


def accuracy(y_true, y_pred):
    """1 where target and output are equal, else 0."""
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.cast(ops.equal(ops.cast(y_true, y_pred.dtype), y_pred), floatx())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where (output > threshold) equals the target, else 0."""
    y_true, y_pred = aligned(y_true, y_pred)
    guess = ops.cast(ops.greater(y_pred, threshold), floatx())
    return ops.cast(ops.equal(ops.cast(y_true, floatx()), guess), floatx())


def categorical_accuracy(y_true, y_pred):
    """Whether the largest output is where the largest target is."""
    wanted = ops.argmax(ops.convert_to_tensor(y_true), axis=-1)
    return ops.cast(ops.equal(wanted, ops.argmax(ops.convert_to_tensor(y_pred), axis=-1)), floatx())


def _class_numbers(y_true, y_pred):
    """Labels without a last axis of extent 1."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    return y_true, y_pred


def sparse_categorical_accuracy(y_true, y_pred):
    """Whether the largest output is the one of the target's class."""
    y_true, y_pred = _class_numbers(y_true, y_pred)
    guess = ops.argmax(y_pred, axis=-1)
    return ops.cast(ops.equal(ops.cast(y_true, "int64"), ops.cast(guess, "int64")), floatx())


def _in_top_k(y_pred, chosen, k):
    """Whether fewer than k outputs are larger than the chosen one (which has a last axis of extent 1)."""
    larger = ops.sum(ops.cast(ops.greater(y_pred, chosen), floatx()), axis=-1)
    return ops.cast(ops.less(larger, float(k)), floatx())


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Whether the output of the target's class is among the k largest; with `from_sorted_ids` the outputs are class
    numbers, best first.
    """
    y_true, y_pred = _class_numbers(y_true, y_pred)
    if from_sorted_ids:
        best = ops.equal(ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1), y_pred[..., :k])
        return ops.cast(ops.any(best, axis=-1), floatx())
    mask = ops.one_hot(ops.cast(y_true, "int64"), y_pred.shape[-1], dtype=y_pred.dtype)
    return _in_top_k(y_pred, ops.sum(ops.multiply(mask, y_pred), axis=-1, keepdims=True), k)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Whether the output where the target is largest is among the k largest."""
    return sparse_top_k_categorical_accuracy(ops.argmax(ops.convert_to_tensor(y_true), axis=-1), y_pred, k)


def _check_k(metric, k) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"{type(metric).__name__}: expected k to be an integer >= 1. Received: k={k!r}")


class Accuracy(MeanMetricWrapper):
    """Part of outputs equal to their targets."""

    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name=name, dtype=dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Part of outputs on the right side of a threshold."""

    _direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold < 1:
            raise ValueError(f"BinaryAccuracy: expected threshold between 0 and 1. Received: threshold={threshold!r}")
        super().__init__(binary_accuracy, name=name, dtype=dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """Part of samples whose largest output is right, for one-hot targets."""

    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name=name, dtype=dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Part of samples whose largest output is right, for class numbers."""

    _direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Part of samples whose class is among the k largest outputs, for one-hot targets."""

    _direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        _check_k(self, k)
        super().__init__(top_k_categorical_accuracy, name=name, dtype=dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Part of samples whose class is among the k largest outputs, for class numbers."""

    _direction = "up"

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        _check_k(self, k)
        super().__init__(
            sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )

    def get_config(self) -> dict:
        config = super().get_config()
        if not config["from_sorted_ids"]:
            del config["from_sorted_ids"]
        return config
