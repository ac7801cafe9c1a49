"""Features normalized by statistics of data that are known, or measured once."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import ops
from swiftbn.config import epsilon
from swiftbn.layers._shapes import SameShape
from swiftbn.ops._dispatch import to_dtype


class Normalization(SameShape):
    """(x - mean)/√variance, with statistics for each place of `axis` that `adapt` measures or that are given.

    Args:
        axis: the axis, or several, whose places have statistics of their own; None for one mean and one variance.
        mean, variance: both or neither, of the shape of these axes, or scalars.
        invert: whether x·√variance + mean is returned instead.

    Raises:
        ValueError: one of mean and variance alone, shapes that do not fit, axes of unknown extent.
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        items = () if axis is None else tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        if not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in items):
            raise ValueError(f"Normalization: expected axis to be None or integers. Received: axis={axis!r}")
        if (mean is None) != (variance is None) or np.shape(mean) != np.shape(variance):
            raise ValueError(
                "Normalization: expected mean and variance of one shape, or neither. "
                f"Received: mean={mean!r}, variance={variance!r}"
            )
        if mean is not None and np.ndim(mean) > len(items):
            raise ValueError(
                f"Normalization: expected mean of rank {len(items)} or less for axis={axis!r}. "
                f"Received: mean of shape {np.shape(mean)}"
            )
        self.axis = items
        self.input_mean = mean
        self.input_variance = variance
        self.invert = bool(invert)
        self._build_input_shape = None

    def build(self, input_shape):
        if input_shape is None:
            return
        rank = len(input_shape)
        if not all(-rank <= a < rank for a in self.axis):
            raise ValueError(
                f"Normalization '{self.name}': expected -{rank} <= axis < {rank}. Received: axis={self.axis} for "
                f"inputs of shape {tuple(input_shape)}"
            )
        self._kept = tuple(sorted(a % rank for a in self.axis))
        extents = tuple(input_shape[a] for a in self._kept)
        if None in extents:
            raise ValueError(
                f"Normalization '{self.name}': expected known extents on axis={self.axis}. "
                f"Received: inputs of shape {tuple(input_shape)}"
            )
        self._build_input_shape = tuple(input_shape)
        self._wide_shape = tuple(input_shape[a] if a in self._kept else 1 for a in range(rank))
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(shape=extents, initializer="zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(shape=extents, initializer="ones", trainable=False, name="variance")
            self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="count")

    def _statistics(self) -> tuple:
        """(mean, variance) in shapes that broadcast to the inputs."""
        if self.input_mean is None:
            return tuple(ops.reshape(v, self._wide_shape) for v in (self.adapt_mean, self.adapt_variance))
        found = []
        for value in (self.input_mean, self.input_variance):
            value = np.asarray(value, self.dtype)
            kept = [self._wide_shape[a] for a in self._kept]
            found.append(np.broadcast_to(value, kept).reshape(self._wide_shape) if kept else value)
        return tuple(found)

    @property
    def mean(self):
        return self._statistics()[0] if self.built else None

    @property
    def variance(self):
        return self._statistics()[1] if self.built else None

    def call(self, inputs):
        mean, variance = self._statistics()
        deviation = ops.maximum(ops.sqrt(variance), epsilon())
        x = ops.cast(inputs, self.dtype)
        if self.invert:
            return ops.add(ops.multiply(x, deviation), mean)
        return ops.divide(ops.subtract(x, mean), deviation)

    def adapt(self, data) -> None:
        """Takes mean and variance of data: an array, or an iterable of batches (or of tuples that begin with one).

        Raises:
            ValueError: no data, or a shape that does not fit; a layer that was given its statistics.
        """
        if self.input_mean is not None:
            raise ValueError(f"Normalization '{self.name}': adapt() is for layers without a given mean and variance")
        is_array = hasattr(data, "shape")
        mean = variance = None
        total = 0
        for batch in [data] if is_array else data:
            x = to_dtype(batch[0] if isinstance(batch, tuple) else batch, "float64")
            if not self.built:
                self.build(x.shape)
            self._check_extents(x.shape)
            axes = tuple(a for a in range(len(x.shape)) if a not in self._kept)
            count = math.prod(x.shape[a] for a in axes)
            if not count:
                continue
            part, spread = ops.moments(x, axes) if axes else (x, ops.zeros_like(x))
            total += count
            if mean is None:
                mean, variance = part, spread
                continue
            # Chan et al. 1979: of two parts, by their shares.
            share = count / total
            delta = ops.subtract(part, mean)
            mean = ops.add(mean, ops.multiply(delta, share))
            within = ops.add(ops.multiply(variance, 1 - share), ops.multiply(spread, share))
            variance = ops.add(within, ops.multiply(ops.square(delta), share * (1 - share)))
        if mean is None:
            raise ValueError(f"Normalization '{self.name}': adapt() expected data. Received: nothing")
        self.adapt_mean.assign(to_dtype(mean, self.dtype))
        self.adapt_variance.assign(to_dtype(variance, self.dtype))

    def _check_extents(self, shape: tuple) -> None:
        rank = len(self._build_input_shape)
        if len(shape) != rank or any(shape[a] != self._build_input_shape[a] for a in self._kept):
            raise ValueError(
                f"Normalization '{self.name}': expected data that fits the input shape {self._build_input_shape}. "
                f"Received: shape {tuple(shape)}"
            )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }
