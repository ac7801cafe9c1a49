"""Attention with several heads."""

from __future__ import annotations

import math
import string

import numpy as np

from swiftbn import ops
from swiftbn._checks import number, one_of, positive_integer
from swiftbn.layers._attention import Projections, checked_window, score_mask, unmasked, widened
from swiftbn.layers.activation import Softmax
from swiftbn.layers.dropout import Dropout
from swiftbn.layers.einsum_dense import EinsumDense
from swiftbn.layers.layer import Layer
from swiftbn.masking import set_keras_mask


class MultiHeadAttention(Layer):
    """Each head's softmax(q·kᵀ/√key_dim)·v, with projections of query, key and value, projected together again.

    Vaswani et al. 2017. Shapes: query (N, T, D), value and key (N, S, …), output (N, T, D); with several attention
    axes more in place of T and S. Weights `query/kernel` (D, heads, key_dim), `key/kernel`, `value/kernel` and
    `attention_output/kernel` (heads, value_dim, D), with biases.

    Args:
        num_heads, key_dim, value_dim: numbers >= 1; value_dim None for key_dim.
        dropout: fraction of the scores that are dropped in training.
        use_bias: whether projections have biases.
        output_shape: extents in place of the last axis of the query; None for that of the query.
        attention_axes: axes of the query over which attention goes; None for all but the batch and the last.
        sliding_window: how far apart positions that see each other are at most, plus 1; None for no bound.
        flash_attention: only None or False.
        kernel_initializer … bias_constraint: as of `EinsumDense`, for all projections.
        use_gate: whether heads are multiplied by the sigmoid of a projection of the query.
        seed: of the dropout.

    Call:
        query, value, key: key is value by default.
        query_mask, value_mask, key_mask: true where a position counts; by default the tensors' masks.
        attention_mask: (N, T, S) or (N, heads, T, S), true where a position of the query sees one of the key.
        return_attention_scores: whether (output, scores (N, heads, T, S)) is returned.
        use_causal_mask: whether a position sees only itself and those before it.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
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
        kind = "MultiHeadAttention"
        one_of(kind, "flash_attention", flash_attention, (None, False))
        checked_window(kind, sliding_window)
        super().__init__(**kwargs)
        self.supports_masking = True
        self._num_heads = positive_integer(kind, "num_heads", num_heads)
        self._key_dim = positive_integer(kind, "key_dim", key_dim)
        self._value_dim = self._key_dim if value_dim is None else positive_integer(kind, "value_dim", value_dim)
        self._dropout = number(kind, "dropout", dropout, lambda v: 0 <= v < 1, "a number with 0 <= dropout < 1")
        self._use_bias = bool(use_bias)
        self._use_gate = bool(use_gate)
        self._output_shape = _integers(kind, "output_shape", output_shape, least=1)
        self._attention_axes = _integers(kind, "attention_axes", attention_axes, least=None)
        self._sliding_window = sliding_window
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

    num_heads = property(lambda self: self._num_heads)
    key_dim = property(lambda self: self._key_dim)
    value_dim = property(lambda self: self._value_dim)
    dropout = property(lambda self: self._dropout)
    use_bias = property(lambda self: self._use_bias)
    attention_axes = property(lambda self: self._attention_axes)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        self.query_dense = self._into_heads("query", rank, self._key_dim)
        self.query_dense.build(query_shape)
        self.key_dense = self._into_heads("key", rank, self._key_dim)
        self.key_dense.build(key_shape)
        if self._use_gate:
            self._gate_dense = self._into_heads("gate", rank, self._value_dim, activation="sigmoid")
            self._gate_dense.build(query_shape)
        self.value_dense = self._into_heads("value", rank, self._value_dim)
        self.value_dense.build(value_shape)
        self._build_attention(rank)
        self.output_dense = self._out_of_heads(query_shape)
        self.output_dense.build((*query_shape[:-1], self._num_heads, self._value_dim))

    def _into_heads(self, name: str, rank: int, size: int, activation=None) -> EinsumDense:
        free, (inner, head, place) = string.ascii_lowercase[: rank - 1], string.ascii_lowercase[rank - 1 : rank + 2]
        return EinsumDense(
            f"{free}{inner},{inner}{head}{place}->{free}{head}{place}",
            output_shape=(*(None,) * (rank - 2), self._num_heads, size),
            bias_axes=head + place if self._use_bias else None,
            activation=activation,
            name=name,
            **self._projections.arguments(),
        )

    def _out_of_heads(self, query_shape) -> EinsumDense:
        rank = len(query_shape)
        extents = self._output_shape or (query_shape[-1],)
        free, heads = string.ascii_lowercase[: rank - 1], string.ascii_lowercase[rank - 1 : rank + 1]
        outer = string.ascii_lowercase[rank + 1 : rank + 1 + len(extents)]
        return EinsumDense(
            f"{free}{heads},{heads}{outer}->{free}{outer}",
            output_shape=(*(None,) * (rank - 2), *extents),
            bias_axes=outer if self._use_bias else None,
            name="attention_output",
            **self._projections.arguments(),
        )

    def _build_attention(self, rank: int) -> None:
        """Equations of scores (N, …, heads, queries, keys) from tensors (N, …, heads, D) with `rank` + 1 axes."""
        if self._attention_axes is None:
            self._attention_axes = tuple(range(1, rank - 1))
        else:
            self._attention_axes = tuple(a if a >= 0 else rank + a for a in self._attention_axes)
        if not all(0 < axis < rank - 1 for axis in self._attention_axes):
            raise ValueError(
                f"MultiHeadAttention '{self.name}': expected attention_axes in 1 … {rank - 2} for queries of rank "
                f"{rank}. Received: attention_axes={self._attention_axes}"
            )
        letters = string.ascii_lowercase
        target = letters[: rank + 1]
        keys = letters[rank + 1 : rank + 1 + len(self._attention_axes)]
        source = "".join(
            keys[self._attention_axes.index(i)] if i in self._attention_axes else letter
            for i, letter in enumerate(target)
        )
        batch = "".join(target[i] for i in range(rank) if i not in self._attention_axes)
        scores = batch + "".join(target[i] for i in self._attention_axes) + keys
        self._dot_product_equation = f"{source},{target}->{scores}"
        self._combine_equation = f"{scores},{source}->{target}"
        axes = tuple(range(len(scores) - len(keys), len(scores)))
        self._softmax = Softmax(axis=axes, dtype=self.dtype)
        self._dropout_layer = Dropout(rate=self._dropout, dtype=self.dtype, seed=self.seed)

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
            query,
            value,
            query_mask,
            value_mask,
            key_mask,
            attention_mask,
            use_causal_mask,
            self._sliding_window,
        )
        query, value, key = unmasked(query), unmasked(value), unmasked(key)
        gate = self._gate_dense(query) if self._use_gate else None
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        output, scores = self._compute_attention(q, k, v, mask, training, return_attention_scores)
        output = self.output_dense(output if gate is None else ops.multiply(output, gate))
        if query_mask is not None:
            set_keras_mask(output, query_mask)
        return (output, scores) if return_attention_scores else output

    def _compute_attention(self, query, key, value, mask, training, return_attention_scores):
        query = ops.multiply(query, 1 / math.sqrt(self._key_dim))
        scores = ops.einsum(self._dot_product_equation, key, query)
        if mask is not None:
            mask = widened(mask, len(scores.shape), len(self._attention_axes))
        if mask is not None and len(query.shape) == 4 and not (self._dropout or return_attention_scores):
            # Here, and only here, a query that sees no key has the mean of all values in Keras, not 0.
            scores = self._softmax(ops.where(mask, scores, -1e9))
        else:
            scores = self._softmax(scores, mask=mask)
        kept = self._dropout_layer(scores, training=training) if self._dropout else scores
        return ops.einsum(self._combine_equation, kept, value), scores

    def _check_shapes(self, query_shape, value_shape, key_shape) -> None:
        ranks = {len(query_shape), len(value_shape), len(key_shape)}
        if len(ranks) != 1 or min(ranks) < 3 or tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                f"MultiHeadAttention '{self.name}': expected query, value and key of one rank >= 3, and value and key "
                f"of equal shapes but for the last axis. Received: shapes {tuple(query_shape)}, {tuple(value_shape)}, "
                f"{tuple(key_shape)}"
            )

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *self._output_shape) if self._output_shape else tuple(query_shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self._sliding_window,
            **self._projections.config(),
            "seed": self.seed,
        }


def _integers(layer: str, name: str, value, least: int | None) -> tuple | None:
    """One integer or several as a tuple; None for None or nothing."""
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return None
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for item in items:
        good = isinstance(item, (int, np.integer)) and not isinstance(item, bool)
        if not good or (least is not None and item < least):
            bound = "" if least is None else f" >= {least}"
            raise ValueError(
                f"{layer}: expected {name} to be one or several integers{bound}. Received: {name}={value!r}"
            )
    return items
