"""Layers one after another, as one layer."""

from __future__ import annotations

from swiftbn.layers.layer import Layer


class Pipeline(Layer):
    """Layers that are called one after another, each on what the last one returns; unlike `Sequential` no model.

    Args:
        layers: a list of layers.

    Call:
        training: what the layers inherit, True by default.
        mask: handed on to the first layer that takes one; others take the masks of what they are called on.
    """

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not layers or not all(isinstance(x, Layer) for x in layers):
            raise ValueError(f"Pipeline: expected layers to be a list of layers. Received: layers={layers!r}")
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list:
        return self._pipeline_layers

    def _convert(self, value):
        # The layers convert what they are given.
        return value

    def _pass_masks(self, arguments: dict, masks, outputs):
        # The layers inside have given the outputs their masks.
        return outputs

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            options = {}
            if mask is not None and "mask" in layer._call_signature.parameters:
                # What comes out of a layer carries its mask.
                options["mask"], mask = mask, None
            inputs = layer(inputs, **options)
        return inputs

    def compute_output_shape(self, input_shape):
        for layer in self._pipeline_layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {"layers": serialize_keras_object(self._pipeline_layers), "name": self.name}

    @classmethod
    def from_config(cls, config: dict):
        from swiftbn.saving import deserialize_keras_object

        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(f"Pipeline: expected its configuration to have a list 'layers'. Received: {layers!r}")
        return cls(**{**config, "layers": [deserialize_keras_object(layer) for layer in layers]})
