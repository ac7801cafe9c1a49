"""Layers that compute on the host, on strings above all, before the graph of a model begins."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.layers.layer import Layer
from swiftbn.layers.preprocessing.categories import encoded
from swiftbn.tensor import KerasTensor, Tensor


class HostLayer(Layer):
    """A layer whose `call` is given arrays and lists as they are."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True

    def _convert(self, value):
        return value

    def compute_output_spec(self, *args, **kwargs):
        raise TypeError(
            f"{type(self).__name__} '{self.name}' computes on the host, outside of models: call it on data, and give a "
            "model what it returns"
        )

    def _check_host(self, *values) -> None:
        if any(isinstance(value, (Tensor, KerasTensor)) for value in values):
            HostLayer.compute_output_spec(self)

    def _texts(self, values, encoding: str = "utf-8") -> np.ndarray:
        """Strings, bytes, or (nested) lists or an array of them as an array of objects of type str."""
        self._check_host(values)
        array = (
            np.asarray(values, dtype=object) if isinstance(values, (str, bytes, list, tuple)) else np.asarray(values)
        )
        array = array.astype(object)
        flat = [x.decode(encoding) if isinstance(x, bytes) else x for x in array.ravel().tolist()]
        wrong = [x for x in flat if not isinstance(x, str)]
        if wrong:
            raise TypeError(
                f"{type(self).__name__} '{self.name}': expected strings, or nested lists of them of equal lengths. "
                f"Received: {wrong[0]!r} (of type {type(wrong[0]).__name__})"
            )
        return object_array(flat, array.shape)


def object_array(items: list, shape) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)


def encoded_on_host(indices, depth: int, mode: str, dtype: str):
    """As `encoded` for "one_hot", "multi_hot" and "count", of arrays without an array of all one-hot vectors."""
    if not isinstance(indices, np.ndarray) or mode == "one_hot":
        return encoded(indices, depth, mode, dtype)
    indices = indices[None] if not indices.ndim else indices
    flat, count = indices.ravel(), math.prod(indices.shape[:-1])
    places = np.repeat(np.arange(count), indices.shape[-1]) * depth + flat
    valid = (flat >= 0) & (flat < depth)
    counts = np.bincount(places[valid], minlength=count * depth).reshape(*indices.shape[:-1], depth)
    return (counts > 0 if mode == "multi_hot" else counts).astype(dtype)
