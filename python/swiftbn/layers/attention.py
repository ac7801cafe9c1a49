"""Attention by products, and by sums, of queries and keys."""

from __future__ import annotations

import numpy as np

from swiftbn import ops, random
from swiftbn._checks import number, one_of
from swiftbn.layers.layer import Layer


class Attention(Layer):
    """softmax(scores of query and key)·value (Luong et al. 2015), without weights by default.

    Called on [query (N, T, D), value (N, S, E)] or [query, value, key (N, S, D)], the key being the value by default;
    the output is (N, T, E).

    Args:
        use_scale: whether scores have a trainable factor.
        score_mode: "dot" for q·k, "concat" for w·Σ tanh(scale·(q + k)) with a trainable w.
        dropout: fraction of the scores that are dropped in training.
        seed: of the dropout.

    Call:
        mask: [query_mask (N, T), value_mask (N, S)], true where a position counts, or None; by default the tensors'.
        return_attention_scores: whether (output, scores (N, T, S)) is returned.
        use_causal_mask: whether a position sees only itself and those before it.
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        kind = type(self).__name__
        one_of(kind, "score_mode", score_mode, ("dot", "concat"))
        dropout = number(kind, "dropout", dropout, lambda v: 0 <= v < 1, "a number with 0 <= dropout < 1")
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.scale = None
        self.concat_score_weight = None

    def build(self, input_shape):
        self._check("a list of inputs [query, value] or [query, value, key]", input_shape)
        if self.use_scale:
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(shape=(), initializer="ones", name="concat_score_weight")

    def _calculate_scores(self, query, key):
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        pairs = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        pairs = pairs if self.scale is None else ops.multiply(pairs, self.scale)
        return ops.multiply(ops.sum(ops.tanh(pairs), axis=-1), self.concat_score_weight)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        self._check("a list of inputs [query, value] or [query, value, key]", inputs)
        if mask is not None:
            self._check("mask to be a list [query_mask, value_mask]", mask)
        query, value = inputs[:2]
        scores = self._calculate_scores(query, inputs[2] if len(inputs) > 2 else value)
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        seen = None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), -2)
        if use_causal_mask:
            causal = np.tri(*scores.shape[-2:], dtype=bool)[None]
            seen = causal if seen is None else ops.logical_and(seen, causal)
        if seen is not None:
            scores = ops.where(seen, scores, ops.subtract(scores, 1e9))
        weights = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        output = ops.matmul(weights, value)
        if query_mask is not None:
            output = ops.where(ops.expand_dims(query_mask, -1), output, 0)
        return (output, weights) if return_attention_scores else output

    def compute_mask(self, inputs, mask=None):
        """The mask of the query."""
        if mask is None:
            return None
        self._check("mask to be a list [query_mask, value_mask]", mask)
        return mask[0]

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def _check(self, expected: str, items) -> None:
        if not isinstance(items, (list, tuple)) or len(items) not in (2, 3):
            raise ValueError(f"{type(self).__name__} '{self.name}': expected {expected}. Received: {items!r}")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """Attention whose scores are Σ scale·tanh(query + key), with a trainable scale (D,) (Bahdanau et al. 2015).

    Args:
        use_scale: whether there is a scale; 1 otherwise.
        dropout: as of `Attention`, whose other arguments and calls it has.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check("a list of inputs [query, value] or [query, value, key]", input_shape)
        if self.use_scale:
            self.scale = self.add_weight(shape=(input_shape[0][-1],), initializer="glorot_uniform", name="scale")

    def _calculate_scores(self, query, key):
        sums = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        return ops.sum(sums if self.scale is None else ops.multiply(sums, self.scale), axis=-1)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["score_mode"]
        return config
