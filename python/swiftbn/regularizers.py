"""Penalties on weights that are added to the loss."""

from __future__ import annotations

from swiftbn import _registry, ops
from swiftbn._checks import finite, one_of


class Regularizer:
    """A function of a weight with a scalar value; subclasses define `__call__`."""

    def __call__(self, x):
        raise NotImplementedError(f"{type(self).__name__} has to define __call__(x)")

    def get_config(self) -> dict:
        raise NotImplementedError(f"{type(self).__name__} has to define get_config()")

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


class L1L2(Regularizer):
    """l1·Σ|w| + l2·Σw²."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = float(finite("L1L2", "l1", 0.0 if l1 is None else l1, low=0))
        self.l2 = float(finite("L1L2", "l2", 0.0 if l2 is None else l2, low=0))

    def __call__(self, x):
        total = ops.sum(ops.multiply(ops.abs(x), self.l1)) if self.l1 else None
        if self.l2:
            squares = ops.multiply(ops.sum(ops.square(x)), self.l2)
            total = squares if total is None else ops.add(total, squares)
        return ops.multiply(ops.sum(x), 0.0) if total is None else total

    def get_config(self) -> dict:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """l1·Σ|w|."""

    def __init__(self, l1=0.01):
        self.l1 = float(finite("L1", "l1", 0.01 if l1 is None else l1, low=0))

    def __call__(self, x):
        return ops.multiply(ops.sum(ops.abs(x)), self.l1)

    def get_config(self) -> dict:
        return {"l1": self.l1}


class L2(Regularizer):
    """l2·Σw²."""

    def __init__(self, l2=0.01):
        self.l2 = float(finite("L2", "l2", 0.01 if l2 is None else l2, low=0))

    def __call__(self, x):
        return ops.multiply(ops.sum(ops.square(x)), self.l2)

    def get_config(self) -> dict:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean of |cos φ| over all pairs of rows of a matrix, or of its columns, φ being their angle.

    With W of shape (n, m), its rows divided by their lengths, and P = W Wᵀ: factor · Σ_{i<j} |P_ij| / (n(n - 1)/2).
    As in Keras, it is not defined for a single row: the result is NaN. Rows of zeros count as orthogonal to all others.

    Args:
        factor: finite number >= 0.
        mode: "rows" or "columns".

    Raises:
        ValueError: arguments out of range; (in calls) a weight that is no matrix.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = float(finite("OrthogonalRegularizer", "factor", factor, low=0))
        one_of("OrthogonalRegularizer", "mode", mode, ("rows", "columns"))
        self.mode = mode

    def __call__(self, inputs):
        if len(inputs.shape) != 2:
            raise ValueError(
                f"OrthogonalRegularizer: expected a weight of rank 2. Received: shape {tuple(inputs.shape)}"
            )
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        rows = ops.normalize(rows, axis=1)
        count = rows.shape[0]
        others = ops.subtract(1.0, ops.eye(count, dtype=rows.dtype))
        total = ops.sum(ops.abs(ops.multiply(ops.matmul(rows, ops.transpose(rows)), others)))
        # As a tensor, so that a single row divides 0 by 0.
        pairs = ops.cast(count * (count - 1) / 2, rows.dtype)
        return ops.divide(ops.multiply(total, 0.5 * self.factor), pairs)

    def get_config(self) -> dict:
        return {"factor": self.factor, "mode": self.mode}


orthogonal_regularizer = OrthogonalRegularizer
l1, l2, l1_l2 = L1, L2, L1L2
_TABLE = _registry.by_name((L1, L2, L1L2, OrthogonalRegularizer), {"l1": L1, "l2": L2, "l1_l2": L1L2, "l1l2": L1L2})


def get(identifier):
    """The regularizer of a name, configuration, function or object.

    Raises:
        ValueError: an unknown name.
    """
    return _registry.get(identifier, _TABLE, "regularizer")


def serialize(regularizer):
    """The configuration of a regularizer."""
    return _registry.serialize(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)
