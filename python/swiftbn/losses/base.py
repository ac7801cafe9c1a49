"""The base class of losses, and how values per sample become one number."""

from __future__ import annotations

import math

from swiftbn import ops, tree
from swiftbn.config import floatx
from swiftbn.dtypes import computing_dtype, is_float_dtype
from swiftbn.losses._masks import value_mask
from swiftbn.masking import get_keras_mask
from swiftbn.ops._dispatch import dtype_of

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None, "none")


def squeeze_or_expand(x1, x2, expand_rank_1: bool = True):
    """Drops a last axis of extent 1 from the one that has one axis more, as for labels (N, 1) and outputs (N,).

    One that has a single axis is given that axis instead, unless `expand_rank_1` is false.
    """
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, axis=-1), x2
        return x1, ops.squeeze(x2, axis=-1)
    return x1, x2


def floating(x):
    """x as a tensor, integers in `floatx()`."""
    x = ops.convert_to_tensor(x)
    return x if is_float_dtype(dtype_of(x)) else ops.cast(x, floatx())


def pair(y_true, y_pred):
    """Targets and outputs as tensors of one float dtype, the outputs', and of one rank where that is clear."""
    y_pred = floating(y_pred)
    return squeeze_or_expand(ops.cast(y_true, y_pred.dtype), y_pred)


def _fitted(values, weight) -> tuple:
    """Values and weights of one rank: weights of fewer axes belong to the first axes."""
    values, weight = squeeze_or_expand(values, weight)
    while len(weight.shape) < len(values.shape):
        weight = ops.expand_dims(weight, axis=-1)
    return values, weight


def mask_weights(sample_weight, mask, dtype: str, reduction):
    """Sample weights that leave out what the mask (None: there is none) does.

    With a reduction that divides by the number of values they are scaled so that it counts only those that remain.
    """
    if mask is None:
        return sample_weight
    mask = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        mask = ops.multiply(mask, ops.divide_no_nan(float(math.prod(mask.shape)), ops.sum(mask)))
    if sample_weight is None:
        return mask
    mask, sample_weight = _fitted(mask, ops.cast(sample_weight, dtype))
    return ops.multiply(sample_weight, mask)


def reduce_values(values, reduction, weight=None):
    """One number from values per sample; 0 from none."""
    if weight is not None:
        values, weight = _fitted(values, ops.cast(weight, values.dtype))
        values = ops.multiply(values, weight)
    if reduction in (None, "none") or not len(values.shape):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return ops.divide_no_nan(total, ops.sum(ops.broadcast_to(weight, values.shape)))
    return ops.divide(total, float(max(1, math.prod(values.shape))))


def without_default(config: dict, key: str, default) -> dict:
    """The configuration without an entry that has the value that it has by default."""
    return {name: value for name, value in config.items() if name != key or value != default}


def _convert(y, convert):
    """`convert` of targets or outputs, or of each when they are nested; lists of numbers are one tensor."""
    if isinstance(y, dict) or (
        isinstance(y, (list, tuple)) and any(isinstance(item, dict) or getattr(item, "shape", ()) for item in y)
    ):
        return tree.map_structure(convert, y)
    return convert(y)


class Loss:
    """A function of targets and outputs whose value is a number; subclasses define `call`, which returns one value per
    sample. Outputs and fractional targets are brought into `dtype` first; a mask of the outputs (`_keras_mask`) leaves
    samples out.

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
        mask = get_keras_mask(y_pred)
        y_pred = _convert(y_pred, lambda y: ops.cast(y, self.dtype))
        y_true = _convert(y_true, self._convert_target)
        values = self.call(y_true, y_pred)
        valid = self._value_mask(y_true, values)
        if valid is not None:
            mask = valid if mask is None else ops.logical_and(mask, valid)
        values = ops.cast(values, self.dtype)
        return reduce_values(values, self.reduction, mask_weights(sample_weight, mask, self.dtype, self.reduction))

    def _convert_target(self, y):
        y = ops.convert_to_tensor(y)
        return ops.cast(y, self.dtype) if is_float_dtype(dtype_of(y)) else y

    def _value_mask(self, y_true, values):
        """Which of the values count, None for all."""
        return get_keras_mask(values)

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
        if not tree.is_nested(y_true) and not tree.is_nested(y_pred):
            y_true, y_pred = squeeze_or_expand(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def _value_mask(self, y_true, values):
        return value_mask(self.fn, y_true, values, self._fn_kwargs)

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
