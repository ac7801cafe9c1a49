"""Vectors for integers."""

from __future__ import annotations

import warnings

from swiftbn import constraints, initializers, ops, regularizers
from swiftbn._checks import positive_integer
from swiftbn.layers._arguments import only
from swiftbn.layers.layer import Layer
from swiftbn.ops._dispatch import call as native
from swiftbn.ops._dispatch import dtype_of


class Embedding(Layer):
    """y = embeddings[x]: a row of a trained table for each integer.

    Shapes: x (N, …) of integers in 0 … input_dim - 1, embeddings (input_dim, output_dim), y (N, …, output_dim).

    Args:
        input_dim: number of rows, the largest integer + 1.
        output_dim: length of a row.
        embeddings_initializer: first values.
        embeddings_regularizer: function whose value is added to the loss.
        embeddings_constraint: applied after each optimizer update.
        mask_zero: whether 0 stands for no input: then the output's mask is False there.
        weights: an array (input_dim, output_dim) of first values, also as a list of it.
        lora_rank, lora_alpha, quantization_config: only None.

    Raises:
        ValueError: an argument out of its range or not supported; an integer outside 0 … input_dim - 1.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        input_dim = positive_integer("Embedding", "input_dim", input_dim)
        output_dim = positive_integer("Embedding", "output_dim", output_dim)
        only("Embedding", lora_rank=(lora_rank, None), lora_alpha=(lora_alpha, None))
        only("Embedding", quantization_config=(quantization_config, None))
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Embedding: input_length is not needed and has no effect", stacklevel=2)
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.mask_zero
        self._embeddings = None
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape=None):
        if self._embeddings is None:
            self._embeddings = self.add_weight(
                shape=(self.input_dim, self.output_dim),
                initializer=self.embeddings_initializer,
                regularizer=self.embeddings_regularizer,
                constraint=self.embeddings_constraint,
                name="embeddings",
            )

    @property
    def embeddings(self):
        """The table, (input_dim, output_dim)."""
        if self._embeddings is None:
            raise AttributeError(f"Embedding '{self.name}' is not built, so it has no embeddings")
        return self._embeddings

    def call(self, inputs):
        if dtype_of(inputs) not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        return native("take", self.embeddings, inputs, axis=0)[0]

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }
