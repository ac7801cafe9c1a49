"""What SimpleRNN, LSTM and GRU share: whole sequences as one native operation, where the options allow it."""

from __future__ import annotations

import numpy as np

from swiftbn import activations, ops, random
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer
from swiftbn.layers.rnn import RNN
from swiftbn.ops._dispatch import call as native

# What the operations know.
_NAMES = {getattr(activations, name): name for name in ("linear", "tanh", "sigmoid", "relu", "hard_sigmoid")}


def of_cell(name: str) -> property:
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class OfCell:
    """The arguments that all recurrent layers take for their cells."""

    activation = of_cell("activation")
    use_bias = of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout = of_cell("dropout")
    recurrent_dropout = of_cell("recurrent_dropout")


class NativeRNN(OfCell, RNN):
    """A recurrent layer whose cell is known to the native core; subclasses name the operation."""

    _operation = ""

    units = of_cell("units")

    def __init__(self, cell, **kwargs):
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _activations(self) -> dict:
        """The cell's activations by the operation's attributes."""
        return {"activation": self.cell.activation}

    def _is_native(self, training) -> bool:
        cell = self.cell
        if self.unroll or any(function not in _NAMES for function in self._activations().values()):
            return False
        return not training or (not cell.recurrent_dropout and not (cell.dropout and cell.implementation == 1))

    def compute_output_spec(self, sequences, initial_state=None, mask=None, training=False):
        if not self._is_native(training):
            return super().compute_output_spec(sequences, initial_state, mask, training)
        return Layer.compute_output_spec(self, sequences, initial_state=initial_state, mask=mask, training=training)

    def _biases(self) -> tuple:
        """What is added to the projected inputs, and the recurrent bias as inputs of the operation."""
        return self.cell.bias, ()

    def _extras(self) -> dict:
        """Further attributes of the operation."""
        return {}

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if not self._is_native(training):
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        if training and cell.dropout:
            ones = ops.ones_like(sequences[:, 0])
            sequences = sequences * ops.expand_dims(random.dropout(ones, cell.dropout, seed=cell.seed_generator), 1)
        bias, recurrent_bias = self._biases()
        projected = _projected(sequences, cell.kernel, bias)
        states = () if initial_state is None else tuple(initial_state)
        outputs, *last = native(
            self._operation,
            projected,
            cell.recurrent_kernel,
            *recurrent_bias,
            *states,
            *(() if mask is None else (mask,)),
            go_backwards=self.go_backwards,
            has_state=bool(states),
            has_mask=mask is not None,
            **{name: _NAMES[function] for name, function in self._activations().items()},
            **self._extras(),
        )
        last = last[: len(self.state_size)]
        output = last[0]
        if mask is not None:
            mask = ops.flip(mask, axis=1) if self.go_backwards else mask
            kept = None
            if self.zero_output_for_mask:
                kept = mask
            elif states:
                # Before the first step that counts there is no output to repeat.
                kept = _seen(mask, self.dtype)
            if kept is not None:
                outputs = ops.where(ops.expand_dims(kept, -1), outputs, 0)
                output = ops.where(kept[:, -1:], output, 0) if mask.shape[1] is not None else output
        return output, outputs, last

    def _cell_config(self) -> dict:
        names = ("name", "trainable", "dtype")
        return {name: value for name, value in self.cell.get_config().items() if name not in names}

    def get_config(self) -> dict:
        return {**Layer.get_config(self), **self._loop_config(), **self._cell_config()}

    @classmethod
    def from_config(cls, config: dict):
        return Layer.from_config.__func__(cls, config)


def _projected(x, kernel, bias):
    """x·kernel + bias for all steps. As one matrix, where the extents allow it, so that the bias joins the product."""
    shape = tuple(-1 if extent is None else extent for extent in x.shape[:-1])
    whole = shape.count(-1) > 1
    product = ops.dot(x, kernel) if whole else ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel)
    if bias is not None:
        product = product + bias
    return product if whole else ops.reshape(product, (*shape, kernel.shape[-1]))


def _seen(mask, dtype: str):
    """Whether a step (N, T) or one before it counts: a sum over time, by the recurrence that leaves its inputs as they
    are."""
    steps = ops.expand_dims(ops.cast(mask, dtype), -1)
    sums = native("simple_rnn", steps, np.ones((1, 1), dtype), activation="linear")[0]
    return ops.squeeze(ops.greater(sums, 0), -1)


def check_cudnn(layer: str, value) -> None:
    """Raises ValueError for use_cudnn=True: there is no GPU."""
    if value not in ("auto", False) or value is True:
        raise ValueError(f"{layer}: only use_cudnn='auto' and use_cudnn=False are supported. Received: {value!r}")
