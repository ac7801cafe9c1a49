"""Layers that change shapes only."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import ops
from swiftbn._checks import positive_integer
from swiftbn.config import standardize_data_format
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class Flatten(Layer):
    """All axes but the batch become one: (N, …) → (N, D), (N,) → (N, 1).

    Args:
        data_format: with "channels_first" the channels become the fastest axis; None for `image_data_format()`.
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        rank = len(inputs.shape)
        if rank == 1:
            return ops.expand_dims(inputs, 1)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.flatten(inputs)

    def compute_output_shape(self, input_shape):
        batch, *rest = input_shape
        return (batch, None if None in rest else math.prod(rest))

    def get_config(self) -> dict:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """The elements of each sample in another shape: (N, …) → (N, *target_shape).

    Args:
        target_shape: extents without the batch; one may be -1 and is worked out.
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target_shape = tuple(target_shape) if isinstance(target_shape, (list, tuple)) else (target_shape,)
        if not all(isinstance(e, (int, np.integer)) and e >= -1 for e in target_shape) or target_shape.count(-1) > 1:
            raise ValueError(
                f"Reshape: expected target_shape to be integers, at most one of them -1. "
                f"Received: target_shape={target_shape}"
            )
        self.target_shape = tuple(int(e) for e in target_shape)
        self.built = True

    def _resolved(self, sample_shape: tuple) -> tuple:
        """The target without -1, when the sample's extents are known."""
        known = [e for e in self.target_shape if e != -1]
        if None in sample_shape:
            return self.target_shape
        total, fixed = int(np.prod(sample_shape)), int(np.prod(known))
        fits = total % fixed == 0 if fixed and -1 in self.target_shape else total == fixed
        if not fits:
            raise ValueError(
                f"Reshape '{self.name}': a sample of shape {tuple(sample_shape)} cannot become {self.target_shape}"
            )
        return tuple(total // fixed if e == -1 else e for e in self.target_shape)

    def call(self, inputs):
        target = self._resolved(tuple(inputs.shape[1:]))
        batch = inputs.shape[0]
        if batch is None and -1 in target:
            raise ValueError(
                f"Reshape '{self.name}': expected one unknown extent at most. Received: inputs of shape {inputs.shape}"
            )
        return ops.reshape(inputs, (-1 if batch is None else batch, *target))

    def compute_output_shape(self, input_shape):
        target = self._resolved(tuple(input_shape[1:]))
        return (input_shape[0], *(None if extent == -1 else extent for extent in target))

    def get_config(self) -> dict:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """The axes of each sample in another order: (N, …) → (N, …).

    Args:
        dims: axis i + 1 of the output is axis dims[i] of the input; the batch, axis 0, is not among them.
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(dims, (list, tuple)) or sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(f"Permute: expected dims to be the integers 1, 2, … in any order. Received: dims={dims!r}")
        self.dims = tuple(dims)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def get_config(self) -> dict:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Each sample n times in a row: (N, D) → (N, n, D).

    Args:
        n: an integer >= 1.
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = positive_integer("RepeatVector", "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict:
        return {**super().get_config(), "n": self.n}
