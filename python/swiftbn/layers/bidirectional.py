"""Sequences read in both directions."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn._checks import one_of
from swiftbn.layers.layer import Layer
from swiftbn.trace import suspend_trace

_NEEDED = ("go_backwards", "return_sequences", "return_state", "stateful")


class Bidirectional(Layer):
    """A recurrent layer on a sequence and another on its reverse, whose outputs are merged time step by time step.

    Shapes: x (N, T, …), y as the layer's, with merge_mode="concat" of twice its last extent.

    Args:
        layer: an `RNN`, or a layer that has its attributes; a new one is made of its configuration.
        merge_mode: "concat", "sum", "ave", "mul", or None: then both outputs are returned.
        weights: first values, those of the forward layer before those of the backward layer.
        backward_layer: the layer for the reverse, by default made of the configuration of `layer`.

    Call:
        initial_state: states of the forward layer, then those of the backward layer.
        mask: (N, T); steps left out give 0 where sequences are returned.
        Returns the merged output (with merge_mode=None both), with `return_state` and the states behind it.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        from swiftbn.saving import deserialize_keras_object, serialize_keras_object

        for name, value in (("layer", layer), ("backward_layer", backward_layer or layer)):
            missing = [a for a in _NEEDED if not hasattr(value, a)]
            if not isinstance(value, Layer) or missing:
                raise ValueError(
                    f"Bidirectional: expected {name} to be a recurrent layer, with {', '.join(_NEEDED)}. "
                    f"Received: {name}={value!r}"
                )
        one_of("Bidirectional", "merge_mode", merge_mode, ("sum", "mul", "ave", "concat", None))
        super().__init__(**kwargs)

        def copied(direction: str, **changes):
            config = serialize_keras_object(layer)
            # The copy has no state: it is built with the wrapper.
            config.pop("build_config", None)
            name = f"{direction}_{layer.name.removeprefix(f'{direction}_')}"
            config["config"] = {**config["config"], "name": name, **changes}
            return deserialize_keras_object(config)

        self.forward_layer = copied("forward")
        backwards = not self.forward_layer.go_backwards
        self.backward_layer = backward_layer or copied("backward", go_backwards=backwards)
        self._check_layers()
        for inner in (self.forward_layer, self.backward_layer):
            if getattr(inner, "zero_output_for_mask", None) is not None:
                inner.zero_output_for_mask = inner.return_sequences
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self._first_weights = None if weights is None else list(weights)

    _untracked = Layer._untracked | {"_first_weights"}

    def _check_layers(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Bidirectional: expected layers of different go_backwards. "
                f"Received: go_backwards={forward.go_backwards} for both"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            pair = getattr(forward, name), getattr(backward, name)
            if pair[0] != pair[1]:
                raise ValueError(
                    f"Bidirectional: expected layers of the same {name}. "
                    f"Received: {pair[0]} forward, {pair[1]} backward"
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for inner in (self.forward_layer, self.backward_layer):
            if not inner.built:
                inner.build(sequences_shape)
        if self._first_weights is not None:
            with suspend_trace():
                self.set_weights(self._first_weights)
            self._first_weights = None

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        output, *states = shape if self.return_state else (shape,)
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        outputs = (output, output) if self.merge_mode is None else (output,)
        return (*outputs, *states, *states) if self.return_state or len(outputs) > 1 else output

    def call(self, sequences, initial_state=None, mask=None, training=None):
        states = (None, None)
        if initial_state is not None:
            flat = list(initial_state)
            half = len(flat) // 2
            if len(flat) != 2 * half:
                raise ValueError(
                    f"Bidirectional '{self.name}': expected initial_state to be the forward layer's states and as many "
                    f"of the backward layer. Received: {len(flat)}"
                )
            states = flat[:half], flat[half:]
        forward, backward = (
            self._run(inner, sequences, state, mask, training)
            for inner, state in zip((self.forward_layer, self.backward_layer), states, strict=True)
        )
        y, reverse = forward[0], backward[0]
        if self.return_sequences:
            reverse = ops.flip(reverse, axis=1)
        outputs = self._merged(y, reverse)
        if self.return_state:
            return (*outputs, *forward[1:], *backward[1:])
        return outputs if len(outputs) > 1 else outputs[0]

    def _run(self, inner, sequences, state, mask, training):
        options = {} if state is None else {"initial_state": state}
        parameters = inner._call_signature.parameters
        if "mask" in parameters:
            options["mask"] = mask
        if "training" in parameters:
            options["training"] = training
        result = inner(sequences, **options)
        return tuple(result) if self.return_state else (result,)

    def _merged(self, y, reverse) -> tuple:
        if self.merge_mode is None:
            return y, reverse
        if self.merge_mode == "concat":
            return (ops.concatenate([y, reverse], axis=-1),)
        if self.merge_mode == "mul":
            return (y * reverse,)
        return (y + reverse if self.merge_mode == "sum" else (y + reverse) / 2,)

    def compute_mask(self, _, mask):
        mask = tree.flatten(mask)[0] if self.return_sequences else None
        return [mask, mask] if self.merge_mode is None else [mask]

    @property
    def states(self):
        """The states of both layers, None unless they are stateful and built."""
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return (*forward, *backward) if forward and backward else None

    def reset_state(self) -> None:
        """Sets the states of stateful layers to zeros."""
        if not self.stateful:
            raise AttributeError(f"Bidirectional '{self.name}' is not stateful and has no states to reset")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)
