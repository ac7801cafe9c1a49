"""The beginning of a functional or sequential model."""

from __future__ import annotations

import numpy as np

from swiftbn.dtypes import standardize_dtype
from swiftbn.layers._arguments import only
from swiftbn.layers.layer import Layer
from swiftbn.operation import Node
from swiftbn.tensor import KerasTensor


class InputLayer(Layer):
    """Holds the symbolic tensor that `Input` returns.

    Args:
        shape: extents of one sample, None where unknown.
        batch_size: number of samples, if fixed.
        dtype: element type, by default `floatx()`.
        sparse, ragged, input_tensor, optional: only None or False.
        batch_shape: extents with the batch, instead of `shape`.
        name: unique name.
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
    ):
        super().__init__(name=name)
        only(
            "Input",
            sparse=(sparse or None, None),
            ragged=(ragged or None, None),
            optional=(optional, False),
        )
        if input_tensor is not None:
            raise ValueError("Input: only input_tensor=None is supported. Received: a tensor")
        if (shape is None) == (batch_shape is None) or (batch_size is not None and batch_shape is not None):
            raise ValueError(
                "Input: expected either shape (with or without batch_size) or batch_shape. "
                f"Received: shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}"
            )
        extents = tuple(batch_shape) if batch_shape is not None else (batch_size, *_extents(shape))
        self._batch_shape = _extents(extents)
        self._dtype = standardize_dtype(dtype)
        Node(self, (), {}, KerasTensor(self._batch_shape, self._dtype, name=self.name))
        self.built = True

    @property
    def batch_shape(self) -> tuple:
        return self._batch_shape

    def call(self):
        raise TypeError(f"Input layer '{self.name}' is not called; use it as the beginning of a model")

    def get_config(self) -> dict:
        return {
            "batch_shape": self._batch_shape,
            "dtype": self._dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """A symbolic tensor to begin a model with; arguments are those of `InputLayer`.

    Example: `Input((28, 28, 1))` for images of 28 × 28 pixels of one channel.
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output


def _extents(shape) -> tuple:
    if isinstance(shape, (int, np.integer)) or not hasattr(shape, "__iter__"):
        raise ValueError(f"Input: expected shape to be a tuple of extents, such as (10,). Received: shape={shape!r}")
    shape = tuple(shape)
    for extent in shape:
        if extent is not None and (isinstance(extent, bool) or not isinstance(extent, (int, np.integer)) or extent < 0):
            raise ValueError(f"Input: expected extents >= 0 or None. Received: shape={shape}")
    return tuple(None if extent is None else int(extent) for extent in shape)
