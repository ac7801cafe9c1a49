"""Vectors for integers, and scores of integers for vectors."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import number
from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.layers.embedding import Embedding
from swiftbn.masking import set_keras_mask


class ReversibleEmbedding(Embedding):
    """y = embeddings[x], and in reverse the scores y·embeddingsᵀ of all integers, as language models need them.

    Shapes: x (N, …) of integers in 0 … input_dim - 1, embeddings (input_dim, output_dim), y (N, …, output_dim), scores
    (N, …, input_dim).

    Args:
        tie_weights: whether the scores are made with the same weights (Press and Wolf 2016); else with
            `reverse_embeddings` (output_dim, input_dim).
        reverse_dtype: a float dtype in which the scores are computed, None for the layer's.
        logit_soft_cap: a number c > 0: scores s become c·tanh(s/c); None for no bound.
        The others are those of `Embedding`.

    Call:
        inputs: x, or y in reverse. reverse: whether scores are wanted.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = bool(tie_weights)
        if reverse_dtype is not None and not is_float_dtype(standardize_dtype(reverse_dtype)):
            raise ValueError(
                f"ReversibleEmbedding: expected reverse_dtype to be a float dtype or None. "
                f"Received: reverse_dtype={reverse_dtype!r}"
            )
        self.reverse_dtype = reverse_dtype
        if logit_soft_cap is not None:
            number("ReversibleEmbedding", "logit_soft_cap", logit_soft_cap, lambda v: v > 0, "None or a number > 0")
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape=None):
        super().build()
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            outputs = super().call(inputs)
            mask = super().compute_mask(inputs)
            if mask is not None:
                set_keras_mask(outputs, mask)
            return outputs
        if inputs.shape[-1] != self.output_dim:
            raise ValueError(
                f"ReversibleEmbedding '{self.name}': expected inputs (…, {self.output_dim}) with reverse=True. "
                f"Received: shape {tuple(inputs.shape)}"
            )
        kernel = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        if self.reverse_dtype is not None:
            inputs, kernel = (ops.cast(x, self.reverse_dtype) for x in (inputs, kernel))
        scores = ops.matmul(inputs, kernel)
        if self.logit_soft_cap is None:
            return scores
        return ops.multiply(ops.tanh(ops.divide(scores, self.logit_soft_cap)), self.logit_soft_cap)

    def compute_mask(self, inputs, mask=None):
        """None: `call` gives vectors their mask, and scores have none."""

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
