"""What the cells of SimpleRNN, LSTM and GRU share: weights, dropout that is the same in all steps, configuration."""

from __future__ import annotations

import contextlib

from swiftbn import activations, constraints, initializers, ops, random, regularizers
from swiftbn._checks import number, one_of, positive_integer
from swiftbn.layers._arguments import known_channels
from swiftbn.layers.layer import Layer


class RecurrentCell(Layer):
    """A step of a recurrent layer with `kernel` (D, G·units), `recurrent_kernel` (units, G·units), optionally `bias`.

    G is the number of blocks of units (gates and candidates) of the kind of cell.
    """

    _blocks = 1
    _untracked = Layer._untracked | {"_dropout_cache"}

    def __init__(
        self,
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
        implementation=2,
        **kwargs,
    ):
        kind = type(self).__name__
        units = positive_integer(kind, "units", units)
        one_of(kind, "implementation", implementation, (1, 2))
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = number(kind, "dropout", dropout, lambda v: 0 <= v < 1, "a number with 0 <= dropout < 1")
        self.recurrent_dropout = number(
            kind, "recurrent_dropout", recurrent_dropout, lambda v: 0 <= v < 1, "a number with 0 <= rate < 1"
        )
        # With 1, as always with recurrent dropout, each block of units has a dropout of its own.
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.state_size = units
        self.output_size = units
        self.kernel = self.recurrent_kernel = self.bias = None
        self._dropout_cache = None

    def _bias_shape(self) -> tuple:
        return (self._blocks * self.units,)

    def _first_bias(self):
        return self.bias_initializer

    def build(self, input_shape):
        depth, width = known_channels(self, input_shape, -1), self._blocks * self.units
        self._add_weights((depth, width), (self.units, width), self._bias_shape())

    def _add_weights(self, kernel_shape: tuple, recurrent_shape: tuple, bias_shape: tuple) -> None:
        self.kernel = self.add_weight(
            shape=kernel_shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=recurrent_shape,
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=bias_shape,
                initializer=self._first_bias(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def get_initial_state(self, batch_size=None):
        """Zeros, (N, units) for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    # Dropout

    def _masks(self, name: str, x, rate: float, training) -> list:
        """Factors of x for each block of units, or one for all; none outside training."""
        if not training or not rate:
            return []
        cache = {} if self._dropout_cache is None else self._dropout_cache
        if name not in cache:
            count = self._blocks if self.implementation == 1 else 1
            ones = ops.ones_like(x)
            cache[name] = [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count)]
        return cache[name]

    def _input_masks(self, x, training) -> list:
        return self._masks("input", x, self.dropout, training)

    def _recurrent_masks(self, state, training) -> list:
        return self._masks("recurrent", state, self.recurrent_dropout, training)

    def _product(self, x, kernel, masks: list):
        """x · kernel, block by block where each has its own factors for x."""
        if len(masks) <= 1:
            return ops.matmul(x * masks[0] if masks else x, kernel)
        parts = ops.split(kernel, len(masks), axis=1)
        return ops.concatenate([ops.matmul(x * m, part) for m, part in zip(masks, parts, strict=True)], axis=-1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "recurrent_regularizer": regularizers.serialize(self.recurrent_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "recurrent_constraint": constraints.serialize(self.recurrent_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


@contextlib.contextmanager
def same_dropout_in_all_steps(cell):
    """Inside, the cell and those in it draw their dropout once."""
    cells = [c for c in cell._flatten_layers() if isinstance(c, RecurrentCell)] if isinstance(cell, Layer) else []
    for c in cells:
        c._dropout_cache = {}
    try:
        yield
    finally:
        for c in cells:
            c._dropout_cache = None


def split_states(states) -> tuple:
    """The states of a cell as a list, and whether they were given as one."""
    return (list(states), True) if isinstance(states, (list, tuple)) else ([states], False)
