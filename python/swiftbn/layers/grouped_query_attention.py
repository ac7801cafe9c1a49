"""Attention whose heads share keys and values in groups."""

from __future__ import annotations

import math

from swiftbn import ops
from swiftbn._checks import number, one_of, positive_integer
from swiftbn.layers._attention import Projections, checked_window, score_mask, unmasked, widened
from swiftbn.layers.activation import Softmax
from swiftbn.layers.dropout import Dropout
from swiftbn.layers.einsum_dense import EinsumDense
from swiftbn.layers.layer import Layer


class GroupedQueryAttention(Layer):
    """`MultiHeadAttention` in which groups of query heads share one head of keys and values (Ainslie et al. 2023).

    Shapes: query (N, T, D), value and key (N, S, …), output (N, T, D).

    Args:
        head_dim: extent of each head, >= 1.
        num_query_heads, num_key_value_heads: the first is a multiple of the second.
        dropout, use_bias, sliding_window, flash_attention, kernel_initializer … bias_constraint, use_gate, seed: as of
            `MultiHeadAttention`, and so are the arguments of a call.
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        kind = "GroupedQueryAttention"
        one_of(kind, "flash_attention", flash_attention, (None, False))
        checked_window(kind, sliding_window)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.head_dim = positive_integer(kind, "head_dim", head_dim)
        self.num_query_heads = positive_integer(kind, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_integer(kind, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"{kind}: expected num_query_heads to be a multiple of num_key_value_heads. "
                f"Received: num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        self.dropout = number(kind, "dropout", dropout, lambda v: 0 <= v < 1, "a number with 0 <= dropout < 1")
        self.use_bias = bool(use_bias)
        self.use_gate = bool(use_gate)
        self.sliding_window = sliding_window
        self._projections = Projections(
            self,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
        )
        self.seed = seed

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        self._query_dense = self._into_heads("query", "bqm,muh->bquh", self.num_query_heads)
        self._query_dense.build(query_shape)
        self._key_dense = self._into_heads("key", "bkm,mvh->bkvh", self.num_key_value_heads)
        self._key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._into_heads("gate", "bqm,muh->bquh", self.num_query_heads, activation="sigmoid")
            self._gate_dense.build(query_shape)
        self._value_dense = self._into_heads("value", "bkm,mvh->bkvh", self.num_key_value_heads)
        self._value_dense.build(value_shape)
        self._softmax = Softmax(axis=-1, dtype=self.dtype)
        self._dropout_layer = Dropout(rate=self.dropout, dtype=self.dtype, seed=self.seed)
        self._output_dense = EinsumDense(
            "bquh,uhm->bqm",
            output_shape=(None, query_shape[-1]),
            bias_axes="m" if self.use_bias else None,
            name="attention_output",
            **self._projections.arguments(),
        )
        self._output_dense.build((None, None, self.num_query_heads, self.head_dim))

    def _into_heads(self, name: str, equation: str, heads: int, activation=None) -> EinsumDense:
        return EinsumDense(
            equation,
            output_shape=(None, heads, self.head_dim),
            bias_axes=equation[-2:] if self.use_bias else None,
            activation=activation,
            name=name,
            **self._projections.arguments(),
        )

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        mask = score_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask, self.sliding_window
        )
        query, value, key = unmasked(query), unmasked(value), unmasked(key)
        gate = self._gate_dense(query) if self.use_gate else None
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        groups, repeats = self.num_key_value_heads, self.num_query_heads // self.num_key_value_heads
        q = _split_axis(ops.multiply(q, 1 / math.sqrt(self.head_dim)), 2, (groups, repeats))
        scores = _joined_axes(ops.einsum("bqvrh,bkvh->bvrqk", q, k), 1)
        if mask is not None:
            mask = widened(mask, 4)
        if mask is not None and not (self.dropout or return_attention_scores):
            # As in `MultiHeadAttention`, a query that sees no key has the mean of all values.
            scores = self._softmax(ops.where(mask, scores, -1e9))
        else:
            scores = self._softmax(scores, mask=mask)
        kept = self._dropout_layer(scores, training=training) if self.dropout else scores
        output = ops.einsum("bvrqk,bkvh->bqvrh", _split_axis(kept, 1, (groups, repeats)), v)
        output = _joined_axes(output, 2)
        output = self._output_dense(output if gate is None else ops.multiply(output, gate))
        return (output, scores) if return_attention_scores else output

    def _check_shapes(self, query_shape, value_shape, key_shape) -> None:
        shapes = [tuple(shape) for shape in (query_shape, value_shape, key_shape)]
        if any(len(shape) != 3 for shape in shapes) or shapes[1][1] != shapes[2][1]:
            raise ValueError(
                f"GroupedQueryAttention '{self.name}': expected query (N, T, D), value (N, S, E) and key (N, S, F). "
                f"Received: shapes {shapes[0]}, {shapes[1]}, {shapes[2]}"
            )

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self.sliding_window,
            "dropout": self.dropout,
            **self._projections.config(),
            "seed": self.seed,
        }


# The name under which Keras exports it.
GroupQueryAttention = GroupedQueryAttention


def _split_axis(x, axis: int, extents: tuple):
    return _reshaped(x, (*x.shape[:axis], *extents, *x.shape[axis + 1 :]))


def _joined_axes(x, axis: int):
    """An axis and the one behind it as one."""
    return _reshaped(x, (*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :]))


def _reshaped(x, shape: tuple):
    if shape.count(None) > 1:
        raise ValueError(f"GroupedQueryAttention: expected at most one unknown extent. Received: {shape}")
    return ops.reshape(x, tuple(-1 if extent is None else extent for extent in shape))
