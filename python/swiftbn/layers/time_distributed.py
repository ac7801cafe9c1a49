"""A layer on every time step."""

from __future__ import annotations

from swiftbn import activations, ops
from swiftbn.layers._recurrent_loop import time_steps
from swiftbn.layers.layer import Layer
from swiftbn.operation import trace_output_spec
from swiftbn.tensor import KerasTensor


class TimeDistributed(Layer):
    """The same layer on each time step: y[:, t] = layer(x[:, t]).

    Layers that treat samples alike (Dense, convolutions, pooling, …, and models of them) are called once, on all time
    steps as one batch. Others, such as batch normalization, which takes statistics of each step's batch, are called
    step after step, for which the number of steps has to be known when the model runs.

    Shapes: x (N, T, …), y (N, T, …); mask (N, T, …).

    Args:
        layer: the layer.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(f"TimeDistributed: expected layer to be a layer. Received: layer={layer!r}")
        super().__init__(**kwargs)
        self.layer = layer
        self.supports_masking = True

    def _step_shape(self, input_shape) -> tuple:
        if len(input_shape) < 3 or input_shape[1] == 0:
            raise ValueError(
                f"TimeDistributed '{self.name}': expected inputs (N, T, …) of rank >= 3 and at least one time step. "
                f"Received: shape {tuple(input_shape)}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape):
        shape = self._step_shape(input_shape)
        if not self.layer.built:
            self.layer.build(shape)
            self.layer.built = True

    def compute_output_shape(self, input_shape):
        batch, *rest = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (batch, input_shape[1], *rest)

    def compute_output_spec(self, inputs, training=None, mask=None):
        """One step tells what all give."""
        step = KerasTensor(self._step_shape(inputs.shape), inputs.dtype)
        part = None if mask is None else KerasTensor((mask.shape[0], *mask.shape[2:]), mask.dtype)
        output = trace_output_spec(lambda x, m: self._call_layer(x, training, m), (step, part), {})
        return KerasTensor((output.shape[0], inputs.shape[1], *output.shape[1:]), output.dtype)

    def call(self, inputs, training=None, mask=None):
        self._step_shape(inputs.shape)
        if mask is not None:
            self._check_mask(mask, inputs)
        if None not in inputs.shape[1:] and treats_samples_alike(self.layer):
            return self._call_once(inputs, training, mask)
        if inputs.shape[1] is None:
            raise ValueError(
                f"TimeDistributed '{self.name}': expected a known number of time steps for layer "
                f"'{self.layer.name}' ({type(self.layer).__name__}). Received: inputs of shape {tuple(inputs.shape)}"
            )
        masks = [None] * inputs.shape[1] if mask is None else time_steps(mask)
        outputs = [self._call_layer(x, training, m) for x, m in zip(time_steps(inputs), masks, strict=True)]
        return ops.stack(outputs, axis=1)

    def _call_layer(self, x, training, mask):
        parameters = self.layer._call_signature.parameters
        options = {"training": training} if "training" in parameters else {}
        if mask is not None and "mask" in parameters:
            options["mask"] = mask
        return self.layer(x, **options)

    def _call_once(self, inputs, training, mask):
        batch, steps = inputs.shape[:2]
        flat = ops.reshape(inputs, (-1, *inputs.shape[2:])) if batch != 0 else ops.squeeze(inputs[:, :1], 1)
        if mask is not None:
            mask = ops.reshape(mask, (-1, *mask.shape[2:])) if batch != 0 else ops.squeeze(mask[:, :1], 1)
        outputs = self._call_layer(flat, training, mask)
        shape = tuple(outputs.shape[1:])
        return ops.reshape(outputs, (-1 if batch is None else batch, steps, *shape))

    def _check_mask(self, mask, inputs) -> None:
        pairs = list(zip(mask.shape[:2], inputs.shape[:2], strict=False))
        if len(mask.shape) < 2 or any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise ValueError(
                f"TimeDistributed '{self.name}': expected a mask (N, T, …) for inputs of shape {tuple(inputs.shape)}. "
                f"Received: mask of shape {tuple(mask.shape)}"
            )

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        layer = deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)


def treats_samples_alike(layer) -> bool:
    """Whether a layer is known to do the same with each sample, whatever the others are."""
    from swiftbn import layers
    from swiftbn.models.functional import Functional
    from swiftbn.models.sequential import Sequential

    known = (
        layers.Activation,
        layers.AveragePooling2D,
        layers.Conv2D,
        layers.Dense,
        layers.Dropout,
        layers.Embedding,
        layers.Flatten,
        layers.GlobalAveragePooling2D,
        layers.GlobalMaxPooling2D,
        layers.InputLayer,
        layers.LayerNormalization,
        layers.LeakyReLU,
        layers.MaxPooling2D,
        layers.ReLU,
        layers.Reshape,
    )
    if type(layer) in (Sequential, Functional):
        operations = layer.operations if type(layer) is Functional else layer.layers
        return all(isinstance(inner, Layer) and treats_samples_alike(inner) for inner in operations)
    if type(layer) not in known:
        return False
    # A user's function might mix samples.
    activation = getattr(layer, "activation", None)
    return activation is None or isinstance(activations.serialize(activation), str)
