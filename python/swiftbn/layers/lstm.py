"""Long short-term memory."""

from __future__ import annotations

from swiftbn import activations, initializers, ops
from swiftbn.layers._native_rnn import NativeRNN, check_cudnn, of_cell
from swiftbn.layers._recurrent_cell import RecurrentCell


class LSTMCell(RecurrentCell):
    """[i, f, g, o] = x·kernel + h·recurrent_kernel + bias; c ← σ(f)·c + σ(i)·φ(g); h ← σ(o)·φ(c).

    σ is `recurrent_activation`, φ is `activation`.

    Shapes: x (N, D), h, c (N, units), kernel (D, 4·units), recurrent_kernel (units, 4·units), bias (4·units,).

    Args:
        units: extent of the states and outputs, >= 1.
        activation: of candidates and outputs, None for none.
        recurrent_activation: of gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        unit_forget_bias: whether the forget gate's bias begins with 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions whose values are added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each optimizer update.
        dropout, recurrent_dropout: fractions of the inputs and of the states that become 0 in training, the same ones
            in all steps.
        seed: of the dropout.

    Call:
        inputs: x. states: [h, c]. training: whether dropout is on.
        Returns h and the new states.
    """

    _blocks = 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.state_size = [self.units, self.units]

    def _first_bias(self):
        if not self.unit_forget_bias:
            return self.bias_initializer
        first, ones = self.bias_initializer, initializers.Ones()

        def initializer(shape, dtype=None):
            units = self.units
            parts = (first((units,), dtype=dtype), ones((units,), dtype=dtype), first((2 * units,), dtype=dtype))
            return ops.concatenate(parts)

        return initializer

    def call(self, inputs, states, training=False):
        state, cell = states
        z = self._product(inputs, self.kernel, self._input_masks(inputs, training))
        z = z + self._product(state, self.recurrent_kernel, self._recurrent_masks(state, training))
        if self.bias is not None:
            z = z + self.bias
        i, f, g, o = ops.split(z, 4, axis=1)
        gate = self.recurrent_activation
        cell = gate(f) * cell + gate(i) * self.activation(g)
        state = gate(o) * self.activation(cell)
        return state, [state, cell]

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


class LSTM(NativeRNN):
    """The recurrence of `LSTMCell` over sequences, as one native operation forward and one backward.

    Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000.

    Shapes: x (N, T, D), states (N, units), mask (N, T); weights as in `LSTMCell`.

    Args:
        units: extent of the states and outputs, >= 1.
        activation: of candidates and outputs, None for none.
        recurrent_activation: of gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        unit_forget_bias: whether the forget gate's bias begins with 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions whose values are added to the loss.
        activity_regularizer: only None.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each optimizer update.
        dropout, recurrent_dropout: fractions of the inputs and of the states that become 0 in training, the same ones
            in all steps.
        seed: of the dropout.
        return_sequences: whether the outputs of all steps are returned, (N, T, units), else of the last, (N, units).
        return_state: whether the last states are returned, too.
        go_backwards: the last time step comes first; outputs are in the order of the computation.
        stateful: each batch goes on from the states that the batch before ended with.
        unroll: the steps are written out one after another, as they are for other activations than linear, tanh,
            sigmoid, relu and hard_sigmoid, and for recurrent dropout in training; else they are one native operation.
        use_cudnn: 'auto' or False.
        zero_output_for_mask: as for `RNN`.

    Call: as for `RNN`.
    """

    _operation = "lstm"

    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        check_cudnn("LSTM", use_cudnn)
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="lstm_cell",
            implementation=kwargs.pop("implementation", 2),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def _activations(self) -> dict:
        return {**super()._activations(), "recurrent_activation": self.cell.recurrent_activation}
