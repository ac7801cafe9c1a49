"""The base class of metrics, and means."""

from __future__ import annotations

import numpy as np

from swiftbn import initializers, losses, naming, ops
from swiftbn.config import floatx
from swiftbn.dtypes import computing_dtype
from swiftbn.losses._masks import value_mask
from swiftbn.losses.base import mask_weights, squeeze_or_expand
from swiftbn.masking import get_keras_mask
from swiftbn.variable import Variable


def present(variable):
    """What a variable holds now, as a tensor that later updates leave alone."""
    value = variable.value
    return value.copy() if isinstance(value, np.ndarray) else value


class Metric:
    """A quantity gathered over batches: `update_state` adds a batch, `result` reads it, `reset_state` forgets.

    Args:
        dtype: of the state, by default `floatx()`.
        name: key in logs; by default made of the class name and a number.
    """

    # "up" where larger values are better, "down" where smaller ones are, None where it is not known.
    _direction: str | None = None

    def __init__(self, dtype=None, name=None):
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype = computing_dtype(dtype) if dtype is not None else floatx()
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: variables of the metric, then those of metrics in its attributes."""
        inner = [metric for metric in vars(self).values() if isinstance(metric, Metric)]
        return self._variables + [variable for metric in inner for variable in metric.variables]

    def add_variable(self, shape, initializer, dtype=None, name=None) -> Variable:
        """A new variable of the metric's state, not trainable."""
        with naming.name_scope(self.name, caller=self):
            variable = Variable(
                initializers.get(initializer), shape=shape, dtype=dtype or self.dtype, trainable=False, name=name
            )
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None) -> Variable:
        """The same; a number that begins with 0 unless told otherwise."""
        return self.add_variable(shape, "zeros" if initializer is None else initializer, dtype, name)

    def update_state(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has to define update_state()")

    def result(self):
        raise NotImplementedError(f"{type(self).__name__} has to define result()")

    def reset_state(self) -> None:
        """Sets all variables to 0."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs) -> list:
        """What `update_state` would make of a state that is given, as a list of tensors; the metric keeps its own."""
        return self._from(metric_variables, lambda: self.update_state(*args, **kwargs))[1]

    def stateless_result(self, metric_variables):
        """The result of a state that is given; the metric keeps its own."""
        return self._from(metric_variables, self.result)[0]

    def stateless_reset_state(self) -> list:
        """The state of nothing seen, as a list of tensors."""
        return [np.zeros(variable.shape, variable.dtype) for variable in self.variables]

    def _from(self, state, action) -> tuple:
        """(What an action returns, the state behind it) when it begins with a state, after which the old one is back.

        Raises:
            ValueError: not one tensor for each variable.
        """
        variables = self.variables
        if len(state) != len(variables):
            raise ValueError(
                f"{type(self).__name__}: expected metric_variables to be {len(variables)} tensors, one for each of its "
                f"variables. Received: {len(state)}"
            )
        before = [present(variable) for variable in variables]
        try:
            for variable, value in zip(variables, state, strict=True):
                variable.assign(value)
            result = action()
            return result, [present(variable) for variable in variables]
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)

    def get_config(self) -> dict:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def per_sample(values, sample_weight, reduce, dtype: str) -> tuple:
    """One value per sample, times its weight, and the weights (or None); `reduce` is applied to the other axes.

    Weights may have fewer axes than the values, which are reduced to them first.
    """
    values = ops.cast(values, dtype)
    weight = None
    if sample_weight is not None:
        values, weight = squeeze_or_expand(values, ops.cast(sample_weight, dtype))
        rank = len(weight.shape)
        if len(values.shape) > rank:
            values = reduce(values, axis=tuple(range(rank, len(values.shape))))
        weight = ops.broadcast_to(weight, values.shape)
        values = ops.multiply(values, weight)
        if rank > 1:
            weight = reduce(weight, axis=tuple(range(1, rank)))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    return values, weight


def _masked(sample_weight, mask, dtype: str):
    """Weights without what a mask of the values leaves out; as in Keras, it counts only where there are weights."""
    return None if sample_weight is None else mask_weights(sample_weight, mask, dtype, "sum")


class Sum(Metric):
    """The sum of values, each times its weight."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values, sample_weight=None):
        sample_weight = _masked(sample_weight, get_keras_mask(values), self.dtype)
        values, _ = per_sample(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self):
        return present(self.total)


class Mean(Metric):
    """The (weighted) mean of values."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values, sample_weight=None):
        sample_weight = _masked(sample_weight, get_keras_mask(values), self.dtype)
        values, weight = per_sample(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        if weight is not None:
            self.count.assign_add(ops.sum(weight))
        else:
            self.count.assign_add(float(values.shape[0]) if values.shape else 1.0)

    def result(self):
        """The mean, 0 before the first value."""
        return ops.divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The mean of a function of targets and outputs; a mask of the outputs (`_keras_mask`) leaves samples out."""

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if self._direction is None and (isinstance(fn, losses.Loss) or losses.is_own(fn)):
            self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        mask = get_keras_mask(y_pred)
        sample_weight = mask_weights(sample_weight, mask, self.dtype, "sum")
        sample_weight = _masked(sample_weight, value_mask(self._fn, y_true, values, self._fn_kwargs), self.dtype)
        return super().update_state(values, sample_weight=sample_weight)

    def get_config(self) -> dict:
        config = {"name": self.name, "dtype": self.dtype, **self._fn_kwargs}
        if type(self) is MeanMetricWrapper:
            from swiftbn.saving import serialize_keras_object

            config["fn"] = serialize_keras_object(self._fn)
        return config

    @classmethod
    def from_config(cls, config: dict):
        if "fn" in config:
            from swiftbn.saving import deserialize_keras_object, serialization

            fn = config["fn"]
            fn = serialization.own_function(fn) if isinstance(fn, str) else deserialize_keras_object(fn)
            config = {**config, "fn": fn}
        return cls(**config)


def aligned(y_true, y_pred):
    """Targets and outputs as tensors, a last axis of extent 1 dropped where only one has it."""
    return squeeze_or_expand(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
