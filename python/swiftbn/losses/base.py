"""The base class of losses, and how values per sample become one number."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn.config import floatx
from swiftbn.dtypes import computing_dtype, is_float_dtype
from swiftbn.ops._dispatch import dtype_of

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None, "none")


def squeeze_or_expand(x1, x2):
    """Drops a last axis of extent 1 from the one that has one axis more, as for labels (N, 1) and outputs (N,)."""
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2:
        return x1, x2
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1:
            return ops.expand_dims(x1, axis=-1), x2
        return x1, ops.squeeze(x2, axis=-1)
    return x1, x2


def weighted(values, sample_weight):
    """Values times weights, which may have fewer axes or a last one of extent 1."""
    weight = ops.cast(ops.convert_to_tensor(sample_weight), values.dtype)
    while len(weight.shape) < len(values.shape):
        weight = ops.expand_dims(weight, axis=-1)
    while len(weight.shape) > len(values.shape) and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, axis=-1)
    return ops.multiply(values, weight), weight


def reduce_values(values, reduction, weight=None):
    """One number from values per sample."""
    if reduction in (None, "none") or not len(values.shape):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return ops.divide_no_nan(total, ops.sum(ops.add(ops.zeros_like(values), weight)))
    return ops.divide(total, float(max(1, math.prod(values.shape))))


class Loss:
    """A function of targets and outputs whose value is a number; subclasses define `call`, which returns one value per
    sample. Outputs and fractional targets are brought into `dtype` first.

    Args:
        name: for messages and configurations.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or None.
        dtype: of the computation, by default `floatx()`.

    Raises:
        ValueError: an unknown reduction.
    """

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in _REDUCTIONS:
            raise ValueError(f"Expected reduction to be one of {_REDUCTIONS}. Received: reduction={reduction!r}")
        from swiftbn import naming

        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = None if dtype is None else computing_dtype(dtype)

    @property
    def dtype(self) -> str:
        return self._dtype or floatx()

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(y_pred, self.dtype)
        y_true = ops.convert_to_tensor(y_true)
        if is_float_dtype(dtype_of(y_true)):
            y_true = ops.cast(y_true, self.dtype)
        values = ops.cast(self.call(y_true, y_pred), self.dtype)
        weight = None
        if sample_weight is not None:
            values, weight = weighted(values, sample_weight)
        return reduce_values(values, self.reduction, weight)

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} has to define call(y_true, y_pred)")

    def get_config(self) -> dict:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss made of a function of targets and outputs."""

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        return self.fn(*squeeze_or_expand(y_true, y_pred), **self._fn_kwargs)

    def get_config(self) -> dict:
        config = {**super().get_config(), **self._fn_kwargs}
        if type(self) is LossFunctionWrapper:
            from swiftbn.saving import serialize_keras_object

            config["fn"] = serialize_keras_object(self.fn)
        return config

    @classmethod
    def from_config(cls, config: dict):
        if "fn" in config:
            from swiftbn import losses

            config = {**config, "fn": losses.get(config["fn"])}
        return cls(**config)
