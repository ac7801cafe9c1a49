"""Gated recurrent units."""

from __future__ import annotations

from swiftbn import activations, ops
from swiftbn.layers._native_rnn import NativeRNN, check_cudnn, of_cell
from swiftbn.layers._recurrent_cell import RecurrentCell, split_states


class GRUCell(RecurrentCell):
    """[z, r] = σ(x·kernel + h·recurrent_kernel + bias), g = φ(x·kernel + …), h ← z·h + (1 - z)·g.

    The candidate's dots are r·(h·recurrent_kernel + bias') with `reset_after`, else (r·h)·recurrent_kernel.
    σ is `recurrent_activation`, φ is `activation`; the blocks of the weights are in the order z, r, g.

    Shapes: x (N, D), h (N, units), kernel (D, 3·units), recurrent_kernel (units, 3·units), bias (3·units,), with
    `reset_after` (2, 3·units): that of the inputs and that of the states.

    Args:
        units: extent of the states and outputs, >= 1.
        activation: of candidates and outputs, None for none.
        recurrent_activation: of gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions whose values are added to the loss.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each optimizer update.
        dropout, recurrent_dropout: fractions of the inputs and of the states that become 0 in training, the same ones
            in all steps.
        reset_after: whether the reset gate comes after the product (and there are two biases) or before.
        seed: of the dropout.

    Call:
        inputs: x. states: h, or [h]. training: whether dropout is on.
        Returns h and the new states.
    """

    _blocks = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
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
        reset_after=True,
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
        self.reset_after = bool(reset_after)

    def _bias_shape(self) -> tuple:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def biases(self) -> tuple:
        """The biases of the inputs and of the states, None where there is none."""
        if self.bias is None:
            return None, None
        return (self.bias[0], self.bias[1]) if self.reset_after else (self.bias, None)

    def call(self, inputs, states, training=False):
        (state,), nested = split_states(states)
        bias, recurrent_bias = self.biases()
        x = self._product(inputs, self.kernel, self._input_masks(inputs, training))
        x = x if bias is None else x + bias
        x_gates, x_candidate = x[:, : 2 * self.units], x[:, 2 * self.units :]
        masks = self._recurrent_masks(state, training)
        if self.reset_after:
            inner = self._product(state, self.recurrent_kernel, masks)
            inner = inner if recurrent_bias is None else inner + recurrent_bias
            gates = self.recurrent_activation(x_gates + inner[:, : 2 * self.units])
            candidate = x_candidate + gates[:, self.units :] * inner[:, 2 * self.units :]
        else:
            inner = self._product(state, self.recurrent_kernel[:, : 2 * self.units], masks[:2])
            gates = self.recurrent_activation(x_gates + inner)
            reset = gates[:, self.units :] * (state * masks[2] if masks else state)
            candidate = x_candidate + ops.matmul(reset, self.recurrent_kernel[:, 2 * self.units :])
        update = gates[:, : self.units]
        state = update * state + (1 - update) * self.activation(candidate)
        return state, [state] if nested else state

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class GRU(NativeRNN):
    """The recurrence of `GRUCell` over sequences, as one native operation forward and one backward.

    Cho et al. 2014 (arXiv 1406.1078).

    Shapes: x (N, T, D), states (N, units), mask (N, T); weights as in `GRUCell`.

    Args:
        units: extent of the states and outputs, >= 1.
        activation: of candidates and outputs, None for none.
        recurrent_activation: of gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions whose values are added to the loss.
        activity_regularizer: only None.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each optimizer update.
        dropout, recurrent_dropout: fractions of the inputs and of the states that become 0 in training, the same ones
            in all steps.
        reset_after: whether the reset gate comes after the product (and there are two biases) or before.
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

    _operation = "gru"

    recurrent_activation = of_cell("recurrent_activation")
    reset_after = of_cell("reset_after")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
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
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        check_cudnn("GRU", use_cudnn)
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
            reset_after=reset_after,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
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

    def _biases(self) -> tuple:
        bias, recurrent_bias = self.cell.biases()
        return bias, () if recurrent_bias is None else (recurrent_bias,)

    def _extras(self) -> dict:
        extras = {"reset_after": self.cell.reset_after}
        return {**extras, "has_bias": True} if self.cell.reset_after and self.cell.bias is not None else extras
