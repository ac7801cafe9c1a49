"""Activations as layers."""

from __future__ import annotations

import math

from swiftbn import activations, ops
from swiftbn.layers._arguments import number
from swiftbn.layers.layer import Layer
from swiftbn.ops._dispatch import dtype_of


def _not_negative(layer: str, name: str, value) -> float:
    return number(layer, name, value, lambda v: math.isfinite(v) and v >= 0, "a finite number >= 0")


class Activation(Layer):
    """Any activation, by name or as a function, element by element."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)

    def call(self, inputs):
        return inputs if self.activation is None else self.activation(inputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(Layer):
    """max_value where x ≥ max_value, x where threshold ≤ x < max_value, else negative_slope·(x - threshold).

    Args:
        max_value: >= 0, None for no bound.
        negative_slope: >= 0.
        threshold: >= 0.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.max_value = None if max_value is None else _not_negative("ReLU", "max_value", max_value)
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = _not_negative("ReLU", "threshold", threshold)

    def call(self, inputs):
        if self.threshold:
            below = (inputs - self.threshold) * self.negative_slope
            # NaN is not below the threshold and stays.
            outputs = ops.where(ops.less(inputs, self.threshold), below, inputs)
        elif self.negative_slope:
            outputs = ops.leaky_relu(inputs, self.negative_slope)
        else:
            outputs = ops.relu(inputs)
        return outputs if self.max_value is None else ops.minimum(outputs, self.max_value)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """x where x > 0, else negative_slope·x.

    Args:
        negative_slope: >= 0.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.negative_slope = _not_negative("LeakyReLU", "negative_slope", negative_slope)

    def call(self, inputs):
        return ops.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> dict:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class Softmax(Layer):
    """exp(x) / Σ exp(x) along an axis.

    Args:
        axis: an integer.

    Call:
        mask: which elements count, broadcast to x; the others have no part in the sum and become 0.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"Softmax: only an integer axis is supported. Received: axis={axis!r}")
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.softmax(inputs, axis=self.axis)
        # As in Keras, numbers tell by > 0.5 whether an element counts.
        mask = mask if dtype_of(mask) == "bool" else ops.greater(mask, 0.5)
        shape, rank = mask.shape, len(inputs.shape)
        fits = all(m in (1, None) or x in (m, None) for m, x in zip(shape[::-1], inputs.shape[::-1], strict=False))
        if len(shape) > rank or not fits:
            raise ValueError(
                f"Softmax '{self.name}': expected a mask that broadcasts to inputs of shape {tuple(inputs.shape)}. "
                f"Received: mask of shape {tuple(shape)}"
            )
        outputs = ops.softmax(ops.where(mask, inputs, -1e9), axis=self.axis)
        return ops.where(mask, outputs, 0)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis}
