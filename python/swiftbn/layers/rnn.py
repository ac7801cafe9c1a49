"""Recurrent layers of any cell."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn.layers._recurrent_cell import same_dropout_in_all_steps
from swiftbn.layers._recurrent_loop import time_mask, unrolled
from swiftbn.layers.layer import Layer
from swiftbn.layers.stacked_rnn_cells import StackedRNNCells, sizes_of
from swiftbn.operation import trace_output_spec
from swiftbn.ops._dispatch import to_dtype
from swiftbn.tensor import KerasTensor
from swiftbn.trace import suspend_trace
from swiftbn.variable import Variable


class RNN(Layer):
    """A cell applied to each time step of a sequence: (output, states) ← cell(x_t, states).

    The steps are written out one after another when a plan is made, so that the number of steps should be moderate;
    `SimpleRNN`, `LSTM` and `GRU` run any number of steps as one native operation.

    Shapes: x (N, T, …), states (N, size) each, y (N, units), with `return_sequences` (N, T, units).

    Args:
        cell: a layer or object with `call(inputs, states)` that returns (output, new states) and `state_size`, an
            integer or a list of them; a list of cells is stacked. `output_size` and `get_initial_state(batch_size)`
            are used where it has them.
        return_sequences: whether y holds the outputs of all steps.
        return_state: whether the states after the last step are returned, too: y, *states.
        go_backwards: the last time step comes first; outputs are in the order of the computation.
        stateful: each batch goes on from the states that the batch before ended with; all have the same size.
        unroll: has no effect here but that the number of steps has to be known.
        zero_output_for_mask: steps that the mask leaves out give 0; else what the step before gave.

    Call:
        sequences: x.
        initial_state: states to begin with, by default zeros. As in Keras, sequences do not pass on their mask by
            themselves when this is given.
        mask: (N, T); where it is false the states stay as they are.
        training: whether dropout is on.
    """

    _untracked = Layer._untracked | {"states"}

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        for attribute in ("call", "state_size"):
            if not hasattr(cell, attribute):
                raise ValueError(f"{type(self).__name__}: expected a cell with {attribute}. Received: cell={cell!r}")
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.supports_masking = True
        self.states = None
        self.state_size = sizes_of(cell.state_size)

    # Shapes

    def build(self, sequences_shape, initial_state_shape=None):
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True
        if not self.stateful:
            return
        if self.states is not None:
            self.reset_state()
            return
        if sequences_shape[0] is None:
            raise ValueError(
                f"{self._what} is stateful and needs a known batch size: give Input(batch_shape=…). "
                f"Received: inputs of shape {tuple(sequences_shape)}"
            )
        with suspend_trace():
            self.states = tree.map_structure(
                lambda value: Variable(value, dtype=self.dtype, trainable=False, name="rnn_state"),
                self.get_initial_state(sequences_shape[0]),
            )

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        size = getattr(self.cell, "output_size", None) or tree.flatten(self.state_size)[0]
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        return (output, *self._state_shapes(batch)) if self.return_state else output

    def _state_shapes(self, batch) -> list:
        return tree.map_structure(lambda size: (batch, size), self.state_size)

    def compute_output_spec(self, sequences, initial_state=None, mask=None, training=False):
        """One step tells what all give, so that symbolic calls do not write the steps out."""
        self._check_sequences(sequences)
        batch, steps = sequences.shape[:2]
        if initial_state is not None:
            self._check_states(initial_state, batch)
        step = KerasTensor((batch, *sequences.shape[2:]), sequences.dtype)
        states = [
            KerasTensor(shape, self.dtype) if isinstance(shape, tuple) else [KerasTensor(s, self.dtype) for s in shape]
            for shape in self._state_shapes(batch)
        ]
        output, new_states = trace_output_spec(self._step(training), (step, states), {})
        for new, old in zip(tree.flatten(new_states), tree.flatten(states), strict=False):
            if new.shape != old.shape:
                raise ValueError(
                    f"{self._what}: expected the cell to return states of shape {old.shape}, as its state_size says. "
                    f"Received: shape {new.shape}"
                )
        shape = (batch, steps, *output.shape[1:]) if self.return_sequences else output.shape
        output = KerasTensor(shape, output.dtype)
        return (output, *states) if self.return_state else output

    def compute_mask(self, _, mask):
        mask = tree.flatten(mask)[0] if self.return_sequences else None
        return [mask, *(None for _ in tree.flatten(self.state_size))] if self.return_state else mask

    # States

    def get_initial_state(self, batch_size) -> list:
        """The states that a batch begins with: the cell's, or zeros."""
        own = getattr(self.cell, "get_initial_state", None)
        if own is None:
            return tree.map_structure(lambda size: ops.zeros((batch_size, size), dtype=self.dtype), self.state_size)
        states = own(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def reset_state(self) -> None:
        """Sets the states of a stateful layer to zeros."""
        for variable in tree.flatten(self.states) if self.states is not None else []:
            variable.assign(ops.zeros_like(variable))

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    # Calls

    def call(self, sequences, initial_state=None, mask=None, training=False):
        self._check_sequences(sequences)
        if initial_state is not None:
            self._check_states(initial_state, sequences.shape[0])
            states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
            initial_state = tree.map_structure(lambda state: to_dtype(state, self.dtype), states)
        elif self.stateful:
            initial_state = tree.map_structure(lambda variable: variable.value, self.states)
        self._check_batch(sequences)
        mask = time_mask(self, mask, sequences)
        output, outputs, states = self.inner_loop(sequences, initial_state, mask, training)
        if self.stateful:
            for variable, state in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                variable.assign(state)
        output = outputs if self.return_sequences else output
        return (output, *states) if self.return_state else output

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, outputs of all steps, last states); an initial state of None is the default."""
        if initial_state is None:
            initial_state = self.get_initial_state(sequences.shape[0])
        with same_dropout_in_all_steps(self.cell):
            return unrolled(
                self._what,
                self._step(training),
                sequences,
                initial_state,
                mask=mask,
                go_backwards=self.go_backwards,
                zero_output_for_mask=self.zero_output_for_mask,
                all_outputs=self.return_sequences,
            )

    def _step(self, training):
        options = {}
        if isinstance(self.cell, Layer) and "training" in self.cell._call_signature.parameters:
            options["training"] = training
        call = self.cell if callable(self.cell) else self.cell.call

        def step(x, states):
            output, new_states = call(x, states, **options)
            return output, list(new_states) if isinstance(new_states, (list, tuple)) else [new_states]

        return step

    # Checks

    @property
    def _what(self) -> str:
        return f"{type(self).__name__} '{self.name}'"

    def _check_sequences(self, sequences) -> None:
        if len(getattr(sequences, "shape", ())) < 3 or sequences.shape[1] == 0:
            shape = tuple(sequences.shape) if hasattr(sequences, "shape") else sequences
            raise ValueError(
                f"{self._what}: expected sequences (N, T, …) of at least one time step. Received: shape {shape}"
            )
        if self.unroll and sequences.shape[1] is None:
            raise ValueError(
                f"{self._what}: unroll=True needs a known number of time steps. "
                f"Received: inputs of shape {tuple(sequences.shape)}"
            )

    def _check_states(self, states, batch) -> None:
        found, sizes = tree.flatten(states), tree.flatten(self.state_size)
        if len(found) != len(sizes):
            raise ValueError(
                f"{self._what}: expected initial_state to have {len(sizes)} state(s). Received: {len(found)}"
            )
        for state, size in zip(found, sizes, strict=True):
            shape = tuple(state.shape)
            if shape[-1:] != (size,) or (None not in (batch, shape[0]) and shape[0] != batch):
                raise ValueError(
                    f"{self._what}: expected a state in initial_state to have shape ({batch}, {size}). "
                    f"Received: shape {shape}"
                )

    def _check_batch(self, sequences) -> None:
        if not self.stateful or sequences.shape[0] is None:
            return
        batch = tree.flatten(self.states)[0].shape[0]
        if sequences.shape[0] != batch:
            raise ValueError(
                f"{self._what} is stateful: expected batches of {batch} samples, as the one it was built for. "
                f"Received: {sequences.shape[0]}"
            )

    # Configuration

    def _loop_config(self) -> dict:
        return {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {**super().get_config(), **self._loop_config(), "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        cell = deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)
