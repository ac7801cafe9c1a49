"""Inputs scaled and shifted by known numbers."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn.config import image_data_format
from swiftbn.layers._shapes import SameShape


class Rescaling(SameShape):
    """inputs·scale + offset, in the layer's dtype: 1/255 takes images to 0 … 1.

    Args:
        scale, offset: numbers, or lists of one for each channel.
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("scale", scale), ("offset", offset)):
            if np.asarray(value).dtype.kind not in "biuf":
                raise ValueError(f"Rescaling: expected {name} to be a number or several. Received: {name}={value!r}")
        self.scale = scale
        self.offset = offset

    def call(self, inputs):
        scale, offset = (np.asarray(value, self.dtype) for value in (self.scale, self.offset))
        if image_data_format() == "channels_first":
            scale, offset = (v.reshape(v.shape + (1,) * (3 - v.ndim)) if v.ndim else v for v in (scale, offset))
        return ops.add(ops.multiply(ops.cast(inputs, self.dtype), scale), offset)

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {
            **super().get_config(),
            "scale": serialize_keras_object(self.scale),
            "offset": serialize_keras_object(self.offset),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        for name in ("scale", "offset"):
            if name in config:
                config[name] = deserialize_keras_object(config[name], custom_objects)
        return super().from_config(config)
