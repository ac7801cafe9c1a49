"""Masks from the values of sequences."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn.layers.layer import Layer
from swiftbn.masking import set_keras_mask


class Masking(Layer):
    """Leaves out the time steps whose features all equal `mask_value`.

    Such steps become 0, and the output's mask, which layers behind it get, is False there.

    Shapes: x (N, T, …), y like x, its mask (N, T, …) without the last axis.

    Args:
        mask_value: a number.
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        good = isinstance(mask_value, (int, float, np.integer, np.floating)) and not isinstance(mask_value, bool)
        if not good:
            raise ValueError(f"Masking: expected mask_value to be a number. Received: mask_value={mask_value!r}")
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        outputs = ops.where(kept, inputs, 0)
        set_keras_mask(outputs, ops.squeeze(kept, axis=-1))
        return outputs

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "mask_value": self.mask_value}
