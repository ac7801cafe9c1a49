"""Intersection over union of regions: metrics of segmentation, from a confusion matrix."""

from __future__ import annotations

import math
import warnings

import numpy as np

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.dtypes import is_float_dtype
from swiftbn.metrics.base import Metric
from swiftbn.ops._dispatch import dtype_of

# Whole numbers up to here are exact in float32.
_EXACT = 2**24


class IoU(Metric):
    """The mean over some classes of |both| / |either|: elements whose target and output are the class, over elements of
    which one is. Classes that do not occur do not count.

    Args:
        num_classes: number K of classes; elements with others are left out.
        target_class_ids: the classes.
        dtype: of the confusion matrix (K, K), by default int32.
        ignore_class: a class number; elements with this target are left out.
        sparse_y_true, sparse_y_pred: whether targets and outputs are class numbers; else the largest along `axis`.
        axis: where the classes are.

    Raises:
        ValueError: class numbers outside 0 … K - 1.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        kind = type(self).__name__
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(
                f"{kind}: expected num_classes to be an integer >= 1. Received: num_classes={num_classes!r}"
            )
        ids = list(target_class_ids)
        if not ids or any(isinstance(i, bool) or not isinstance(i, (int, np.integer)) for i in ids):
            raise ValueError(
                f"{kind}: expected target_class_ids to be class numbers. "
                f"Received: target_class_ids={target_class_ids!r}"
            )
        if min(ids) < 0 or max(ids) >= num_classes:
            raise ValueError(
                f"{kind}: expected target_class_ids in 0 … {num_classes - 1}. Received: target_class_ids={ids}"
            )
        self.num_classes, self.target_class_ids, self.ignore_class = num_classes, ids, ignore_class
        self.sparse_y_true, self.sparse_y_pred, self.axis = bool(sparse_y_true), bool(sparse_y_pred), axis
        self.total_cm = self.add_variable((num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        # Fractions are cut off in targets and outputs alike.
        y_true, y_pred = (ops.reshape(ops.cast(y, "int64"), (-1,)) for y in (y_true, y_pred))
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(
                f"{type(self).__name__}: expected as many targets as outputs. "
                f"Received: {y_true.shape[0]} targets, {y_pred.shape[0]} outputs"
            )
        exact = sample_weight is None and math.prod(y_true.shape) < _EXACT
        wide = "float32" if exact else "float64"
        # Class numbers out of range have rows of zeros.
        targets = ops.one_hot(y_true, self.num_classes, dtype=wide)
        outputs = ops.one_hot(y_pred, self.num_classes, dtype=wide)
        if sample_weight is not None:
            targets = ops.multiply(targets, ops.expand_dims(self._weights(sample_weight, y_true.shape, wide), axis=1))
        if self.ignore_class is not None:
            kept = ops.cast(ops.not_equal(y_true, self.ignore_class), wide)
            targets = ops.multiply(targets, ops.expand_dims(kept, axis=1))
        self.total_cm.assign_add(ops.cast(ops.matmul(ops.transpose(targets), outputs), self.dtype))

    def _weights(self, sample_weight, shape: tuple, wide: str):
        weights = ops.convert_to_tensor(sample_weight)
        if not is_float_dtype(self.dtype) and is_float_dtype(dtype_of(weights)):
            warnings.warn(
                f"{type(self).__name__}: the fractions of sample_weight are cut off, as dtype is {self.dtype}; "
                "give dtype='float32' to keep them",
                stacklevel=3,
            )
        weights = ops.cast(ops.cast(weights, self.dtype), wide)
        if len(weights.shape) > 1:
            weights = ops.reshape(weights, (-1,))
        return ops.broadcast_to(weights, shape)

    def result(self):
        """The mean, 0 of nothing."""
        matrix = ops.cast(self.total_cm.value, "float32")
        common = ops.sum(ops.multiply(matrix, ops.eye(self.num_classes, dtype="float32")), axis=0)
        either = ops.subtract(ops.add(ops.sum(matrix, axis=0), ops.sum(matrix, axis=1)), common)
        common, either = (ops.take(x, np.array(self.target_class_ids), axis=0) for x in (common, either))
        occurs = ops.greater(either, 1e-9)
        ratios = ops.where(occurs, ops.divide(common, ops.add(either, epsilon())), 0.0)
        return ops.divide(ops.sum(ratios), ops.add(ops.sum(ops.cast(occurs, "float32")), epsilon()))

    def get_config(self) -> dict:
        own = {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }
        return {**super().get_config(), **own}

    def _config_without(self, *names) -> dict:
        return {key: value for key, value in IoU.get_config(self).items() if key not in names}


class BinaryIoU(IoU):
    """`IoU` of classes 0 and 1, outputs being chances of 1.

    Args:
        target_class_ids: (0, 1), (0,) or (1,).
        threshold: outputs from here on are class 1.
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        above = ops.greater_equal(ops.cast(y_pred, "float32"), self.threshold)
        return super().update_state(y_true, ops.cast(above, "int32"), sample_weight)

    def get_config(self) -> dict:
        config = self._config_without("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**config, "threshold": self.threshold}


class MeanIoU(IoU):
    """`IoU` of all classes."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        ids = range(num_classes) if isinstance(num_classes, int) else ()
        super().__init__(num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict:
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """`IoU` for one-hot targets, and outputs one for each class."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict:
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets, and outputs one for each class."""

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict:
        return self._config_without("target_class_ids", "sparse_y_true")
