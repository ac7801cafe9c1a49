"""Fully connected layer."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import positive_integer
from swiftbn.layers._arguments import known_channels, only
from swiftbn.layers._kernel import KernelLayer
from swiftbn.layers.input_spec import InputSpec


class Dense(KernelLayer):
    """y = activation(x · kernel + bias) along the last axis.

    Shapes: x (N, …, D), kernel (D, units), bias (units,), y (N, …, units).

    Args:
        units: extent of the last axis of the output, >= 1.
        activation: name or function, None for none.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer: functions whose values are added to the loss.
        activity_regularizer: function of the output, see `Layer`.
        kernel_constraint, bias_constraint: applied after each optimizer update.
        lora_rank, lora_alpha, quantization_config: only None.

    Raises:
        ValueError: an argument out of its range or not supported; inputs of rank < 2 or of another D than built for.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        units = positive_integer("Dense", "units", units)
        only("Dense", lora_rank=(lora_rank, None), lora_alpha=(lora_alpha, None))
        only("Dense", quantization_config=(quantization_config, None))
        super().__init__(
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.supports_masking = True
        self.units = units
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        depth = known_channels(self, input_shape, -1)
        self._add_kernel((depth, self.units))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: depth}, built_shape=input_shape)

    def call(self, inputs):
        return self._finish(ops.dot(inputs, self.kernel), self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict:
        return {**super().get_config(), "units": self.units, **self._kernel_config()}
