"""Activations as layers."""

from __future__ import annotations

import math

from swiftbn import activations, constraints, initializers, ops, regularizers
from swiftbn._checks import number
from swiftbn.layers._shapes import SameShape
from swiftbn.layers.input_spec import InputSpec
from swiftbn.ops._dispatch import dtype_of


def _not_negative(layer: str, name: str, value) -> float:
    return number(layer, name, value, lambda v: math.isfinite(v) and v >= 0, "a finite number >= 0")


class Activation(SameShape):
    """Any activation, by name or as a function, element by element."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return inputs if self.activation is None else self.activation(inputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(SameShape):
    """max_value where x ≥ max_value, x where threshold ≤ x < max_value, else negative_slope·(x - threshold).

    Args:
        max_value: >= 0, None for no bound.
        negative_slope: >= 0.
        threshold: >= 0.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
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


class LeakyReLU(SameShape):
    """x where x > 0, else negative_slope·x.

    Args:
        negative_slope: >= 0.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = _not_negative("LeakyReLU", "negative_slope", negative_slope)

    def call(self, inputs):
        return ops.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> dict:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(SameShape):
    """x where x > 0, else alpha·(eˣ - 1).

    Args:
        alpha: a finite number.
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = number("ELU", "alpha", alpha, math.isfinite, "a finite number")

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)


class PReLU(SameShape):
    """x where x > 0, else alpha·x, with a weight alpha for each place of a sample (He et al. 2015).

    Shapes: x (N, …), y like x; alpha like one sample, with extent 1 on the shared axes.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: as of any weight.
        shared_axes: axes >= 1, counted with the batch, along which alpha is the same; None for none.
    """

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get("zeros" if alpha_initializer is None else alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]
            if not all(isinstance(a, int) and not isinstance(a, bool) and a >= 1 for a in shared_axes):
                raise ValueError(
                    f"PReLU: expected shared_axes to be integers >= 1. Received: shared_axes={shared_axes}"
                )
        self.shared_axes = shared_axes

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if axis > len(shape):
                raise ValueError(
                    f"PReLU '{self.name}': expected shared_axes below {len(shape) + 1} for inputs of shape "
                    f"{tuple(input_shape)}. Received: shared_axes={self.shared_axes}"
                )
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"PReLU '{self.name}': expected known extents but on the shared axes. "
                f"Received: input shape {tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        self.alpha = self.add_weight(
            shape=tuple(shape),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        axes = {i: extent for i, extent in enumerate(input_shape) if i and i not in (self.shared_axes or ())}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes, built_shape=input_shape)

    def call(self, inputs):
        return ops.add(ops.relu(inputs), ops.multiply(self.alpha, ops.minimum(inputs, 0.0)))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }


class Softmax(SameShape):
    """exp(x) / Σ exp(x) along an axis, or over several together.

    Args:
        axis: an integer, or several as a list or tuple.

    Call:
        mask: which elements count, broadcast to x; the others have no part in the sum and become 0.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        items = axis if isinstance(axis, (list, tuple)) else (axis,)
        if not items or not all(isinstance(a, int) and not isinstance(a, bool) for a in items):
            raise ValueError(f"Softmax: expected axis to be an integer or several. Received: axis={axis!r}")
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is None:
            return self._softmax(inputs)
        # As in Keras, numbers tell by > 0.5 whether an element counts.
        mask = mask if dtype_of(mask) == "bool" else ops.greater(mask, 0.5)
        shape, rank = mask.shape, len(inputs.shape)
        fits = all(m in (1, None) or x in (m, None) for m, x in zip(shape[::-1], inputs.shape[::-1], strict=False))
        if len(shape) > rank or not fits:
            raise ValueError(
                f"Softmax '{self.name}': expected a mask that broadcasts to inputs of shape {tuple(inputs.shape)}. "
                f"Received: mask of shape {tuple(shape)}"
            )
        outputs = self._softmax(ops.where(mask, inputs, -1e9))
        return ops.where(mask, outputs, 0)

    def _softmax(self, x):
        axes = self.axis if isinstance(self.axis, (list, tuple)) else (self.axis,)
        if len(axes) == 1:
            return ops.softmax(x, axis=axes[0])
        return ops.exp(ops.subtract(x, ops.logsumexp(x, axis=axes, keepdims=True)))

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis}
