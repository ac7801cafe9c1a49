"""Plain recurrent layers."""

from __future__ import annotations

from swiftbn.layers._native_rnn import NativeRNN
from swiftbn.layers._recurrent_cell import RecurrentCell, split_states


class SimpleRNNCell(RecurrentCell):
    """h ← activation(x·kernel + h·recurrent_kernel + bias).

    Shapes: x (N, D), h (N, units), kernel (D, units), recurrent_kernel (units, units), bias (units,).

    Args:
        units: extent of the states and outputs, >= 1.
        activation: of candidates and outputs, None for none.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions whose values are added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each optimizer update.
        dropout, recurrent_dropout: fractions of the inputs and of the states that become 0 in training, the same ones
            in all steps.
        seed: of the dropout.

    Call:
        inputs: x. states: h, or [h]. training: whether dropout is on.
        Returns h and the new states.
    """

    _blocks = 1

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
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

    def call(self, sequence, states, training=False):
        (state,), nested = split_states(states)
        output = self._product(sequence, self.kernel, self._input_masks(sequence, training))
        output = output + self._product(state, self.recurrent_kernel, self._recurrent_masks(state, training))
        if self.bias is not None:
            output = output + self.bias
        output = self.activation(output)
        return output, [output] if nested else output


class SimpleRNN(NativeRNN):
    """The recurrence of `SimpleRNNCell` over sequences, as one native operation forward and one backward.


    Shapes: x (N, T, D), states (N, units), mask (N, T); weights as in `SimpleRNNCell`.

    Args:
        units: extent of the states and outputs, >= 1.
        activation: of candidates and outputs, None for none.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
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
        zero_output_for_mask: as for `RNN`.

    Call: as for `RNN`.
    """

    _operation = "simple_rnn"

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
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
            name="simple_rnn_cell",
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
