"""Layers around another layer."""

from __future__ import annotations

from swiftbn.layers.layer import Layer


class Wrapper(Layer):
    """A layer with another one, `layer`, which it builds for the shape of its own inputs; subclasses define `call`.

    Args:
        layer: the layer inside.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__}: expected layer to be a Layer. Received: layer={layer!r}")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        layer = config.pop("layer")
        config["layer"] = deserialize_keras_object(layer, custom_objects) if isinstance(layer, dict) else layer
        return super().from_config(config)
