"""Fully connected layer over any axes."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import activations, constraints, initializers, ops, regularizers
from swiftbn.layers._arguments import only
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class EinsumDense(Layer):
    """y = activation(einsum(equation, x, kernel) + bias).

    Args:
        equation: "ab,bc->ac", with "..." in front ("...x,xy->...y") or behind ("ab...,bc->ac...") of x and y for axes
            that stay. The first axis is the batch.
        output_shape: extents of the output without the batch and without what "..." stands for; None where the extent
            is that of the input.
        activation: name or function, None for none.
        bias_axes: letters of the output along which the bias has values of its own; None for no bias.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer: functions whose values are added to the loss.
        kernel_constraint, bias_constraint: applied after each optimizer update.
        lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config: only None.

    Raises:
        ValueError: an equation of another form, or shapes that do not fit it.
    """

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        only("EinsumDense", lora_rank=(lora_rank, None), lora_alpha=(lora_alpha, None))
        only("EinsumDense", gptq_unpacked_column_size=(gptq_unpacked_column_size, None))
        only("EinsumDense", quantization_config=(quantization_config, None))
        super().__init__(**kwargs)
        _parse(equation)
        self.equation = equation
        extents = tuple(output_shape) if isinstance(output_shape, (list, tuple)) else (output_shape,)
        if not all(e is None or (isinstance(e, (int, np.integer)) and not isinstance(e, bool)) for e in extents):
            raise ValueError(
                f"EinsumDense: expected output_shape to be integers and Nones. Received: output_shape={output_shape!r}"
            )
        self.partial_output_shape = extents
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(
            "glorot_uniform" if kernel_initializer is None else kernel_initializer
        )
        self.bias_initializer = initializers.get("zeros" if bias_initializer is None else bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel = None
        self.bias = None

    def build(self, input_shape):
        x, kernel, _ = _parse(self.equation)[:3]
        extents = self._extents(input_shape)
        unknown = [letter for letter in kernel if extents[letter] is None]
        if unknown:
            raise ValueError(
                f"EinsumDense '{self.name}': expected known extents of {', '.join(unknown)} in {self.equation!r}. "
                f"Received: input shape {tuple(input_shape)}, output_shape={self.partial_output_shape}"
            )
        inner = [i for i, letter in enumerate(kernel) if letter in x and letter not in self._output_letters]
        outer = [i for i in range(len(kernel)) if i not in inner]
        self.kernel = self.add_weight(
            shape=tuple(extents[letter] for letter in kernel),
            initializer=_with_fans(self.kernel_initializer, inner, outer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.bias_axes is not None:
            self.bias = self.add_weight(
                shape=self._bias_shape(extents, len(input_shape) - len(x)),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(ndim=len(input_shape), built_shape=input_shape)

    @property
    def _output_letters(self) -> str:
        return _parse(self.equation)[2]

    def _extents(self, input_shape) -> dict:
        """The extent of every letter, None where unknown."""
        x, kernel, y, place = _parse(self.equation)
        elided = len(input_shape) - len(x)
        if elided < 0 or (elided and place is None):
            raise ValueError(
                f"EinsumDense '{self.name}': {self.equation!r} does not fit inputs of shape {tuple(input_shape)}"
            )
        extents = dict(zip(x, input_shape[elided:] if place == "front" else input_shape, strict=False))
        # The batch is a letter of y unless "..." in front stands for it.
        named = y if place == "front" else y[1:]
        if len(named) != len(self.partial_output_shape):
            raise ValueError(
                f"EinsumDense '{self.name}': expected output_shape with {len(named)} extents for {self.equation!r}. "
                f"Received: output_shape={self.partial_output_shape}"
            )
        for letter, extent in zip(named, self.partial_output_shape, strict=True):
            if letter not in extents:
                extents[letter] = extent
            elif extent is not None and extents[letter] != extent:
                raise ValueError(
                    f"EinsumDense '{self.name}': expected extent {extents[letter]} of {letter!r} as in inputs of shape "
                    f"{tuple(input_shape)}. Received: output_shape={self.partial_output_shape}"
                )
        return extents

    def _bias_shape(self, extents: dict, elided: int) -> tuple:
        y, place = self._output_letters, _parse(self.equation)[3]
        if not isinstance(self.bias_axes, str) or not self.bias_axes or not set(self.bias_axes) <= set(y):
            raise ValueError(
                f"EinsumDense: expected bias_axes to be letters of the output of {self.equation!r}. "
                f"Received: bias_axes={self.bias_axes!r}"
            )
        first = min(y.index(letter) for letter in self.bias_axes)
        shape = tuple(extents[letter] if letter in self.bias_axes else 1 for letter in y[first:])
        return shape + (1,) * elided if place != "front" else shape

    def call(self, inputs, training=None):
        outputs = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        x, _, y, place = _parse(self.equation)
        extents = self._extents(input_shape)
        named = tuple(extents[letter] for letter in y)
        elided = len(input_shape) - len(x)
        if place == "front":
            return (*input_shape[:elided], *named)
        return (*named, *input_shape[len(x) :])

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


def _parse(equation) -> tuple:
    """Letters of the inputs, the kernel and the outputs, and where "..." stands: "front", "back" or None."""
    text = equation.replace(" ", "") if isinstance(equation, str) else ""
    left, _, y = text.partition("->")
    x, _, kernel = left.partition(",")
    place = "front" if x.startswith("...") else "back" if x.endswith("...") else None
    dots = "..." if place else ""
    if place == "front":
        good = y.startswith(dots)
        x, y = x.removeprefix(dots), y.removeprefix(dots)
    else:
        good = y.endswith(dots)
        x, y = x.removesuffix(dots), y.removesuffix(dots)
    parts = (x, kernel, y)
    letters = all(part.isascii() and part.isalpha() and len(set(part)) == len(part) for part in parts)
    if not good or not letters or not set(y) <= set(x + kernel) or not set(kernel) <= set(x + y):
        raise ValueError(
            "EinsumDense: expected an equation like 'ab,bc->ac', '...x,xy->...y' or 'ab...,bc->ac...'. "
            f"Received: equation={equation!r}"
        )
    return x, kernel, y, place


def _with_fans(initializer, inner: list, outer: list):
    """An initializer for which the axes `inner` of a kernel are inputs and `outer` outputs.

    Its own idea of a kernel with many axes is that of a convolution's.
    """
    if not isinstance(initializer, initializers.VarianceScaling):
        return initializer

    def values(shape, dtype=None):
        order = [*inner, *outer]
        fans = (math.prod(shape[i] for i in inner), math.prod(shape[i] for i in outer))
        matrix = np.asarray(initializer(fans, dtype=dtype))
        return np.ascontiguousarray(np.transpose(matrix.reshape([shape[i] for i in order]), np.argsort(order)))

    return values
