"""Models that are a row of layers."""

from __future__ import annotations

from swiftbn import naming
from swiftbn.layers.input_layer import Input, InputLayer
from swiftbn.layers.layer import Layer
from swiftbn.models.functional import Functional
from swiftbn.models.model import Model
from swiftbn.tensor import KerasTensor


class Sequential(Model):
    """Layers of one input and one output, each called on what the one before returns.

    The model is built at once when the first entry is an `Input` (or its first layer has `input_shape=`), and otherwise
    when it is first called or given data.

    Args:
        layers: list of layers, the first may be an `Input`.
        trainable: whether optimizers change its weights.
        name: unique name.

    Raises:
        ValueError: layers whose shapes do not fit (both are named), or of the same name.
    """

    # `_tensors` holds what each entry of `_sequence` returns, once the model is built.
    _untracked = Model._untracked | {"_functional", "_sequence", "_tensors"}

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self._sequence: list[Layer] = []
        self._tensors: list[KerasTensor] = []
        self._functional = None
        for layer in layers or []:
            self._append(layer)
        self._rebuild()

    def add(self, layer, rebuild: bool = True) -> None:
        """Puts a layer behind the last one; when it does not fit, the model stays as it was."""
        before = self._sequence[:]
        self._append(layer)
        if rebuild:
            try:
                self._rebuild()
            except Exception:
                self._sequence = before
                raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer off and returns it."""
        if not self._sequence:
            raise ValueError(f"Sequential '{self.name}' has no layers")
        layer = self._sequence.pop()
        del self._tensors[len(self._sequence) :]
        self.built = False
        self._functional = None
        if rebuild:
            self._rebuild()
        return layer

    def _append(self, layer) -> None:
        if isinstance(layer, KerasTensor):
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            if not callable(layer):
                raise ValueError(f"Sequential: expected layers. Received: {layer!r} (of type {type(layer).__name__})")
            raise ValueError(f"Sequential: expected a Layer object. Received: {layer!r}; wrap a function in Activation")
        if not self._sequence and not isinstance(layer, InputLayer):
            shape = getattr(layer, "_input_shape_arg", None)
            if shape is None and isinstance(layer, (Functional, Sequential)) and layer.built:
                shape = layer.input_shape[1:]
            if shape is not None:
                self._sequence.append(Input(shape, dtype=layer.dtype)._keras_history.operation)
        if self._sequence and isinstance(layer, InputLayer):
            raise ValueError(
                f"Sequential '{self.name}': an Input can only be the first entry. Received: '{layer.name}'"
            )
        if any(layer.name == other.name for other in self._sequence):
            raise ValueError(
                f"Sequential '{self.name}': expected unique layer names. "
                f"Received a second layer '{layer.name}'{self._again(layer)}"
            )
        self._sequence.append(layer)

    def _again(self, layer) -> str:
        """What a layer that comes twice was built for and what it would be given now, where that is known."""
        if not any(layer is other for other in self._sequence):
            return ""
        try:
            self._rebuild()
        except (ValueError, TypeError):
            return ", the same object"
        if not layer._build_shapes or not self.built:
            return ", the same object"
        shape = next(iter(layer._build_shapes.values()))
        return f", the same object, with inputs of shape {shape} and then {self.output_shape}"

    def _rebuild(self) -> None:
        self._clear_programs()
        if len(self._sequence) > 1 and isinstance(self._sequence[0], InputLayer):
            self.build()

    def build(self, input_shape=None):
        """Builds the layers for inputs of a shape (with the batch, which may be None)."""
        if not self._sequence:
            raise ValueError(f"Sequential '{self.name}' has no layers and cannot be built")
        if not isinstance(self._sequence[0], InputLayer):
            if input_shape is None:
                raise ValueError(f"Sequential '{self.name}': expected an input_shape to build with. Received: None")
            dtype = self._sequence[0].dtype
            layer = InputLayer(batch_shape=(None, *tuple(input_shape)[1:]), dtype=dtype)
            self._sequence.insert(0, layer)
        elif input_shape is not None and not _same(tuple(input_shape), self._sequence[0].batch_shape):
            raise ValueError(
                f"Sequential '{self.name}' was made for inputs of shape {self._sequence[0].batch_shape}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        # Layers that were called before, when the model was shorter, are not called again.
        tensors = self._tensors[:] or [self._sequence[0].output]
        with naming.name_scope(self.name, caller=self):
            for layer in self._sequence[len(tensors) :]:
                tensors.append(layer(tensors[-1]))
        inputs = tensors[0]
        self._functional = Functional(inputs, tensors[-1], name=self.name)
        self._tensors = tensors
        self._build_shapes = {"input_shape": inputs.shape}
        self.built = True

    def _build_for(self, arguments: dict) -> None:
        if not self.built:
            first = next(iter(arguments.values()))
            if not hasattr(first, "shape"):
                raise ValueError(f"Sequential '{self.name}': expected one tensor as its input. Received: {first!r}")
            self.build(first.shape)

    def call(self, inputs, training=None, mask=None):
        if self._functional is None:
            self.build(inputs.shape)
        return self._functional.call(inputs, training=training, mask=mask)

    def _pass_masks(self, arguments: dict, masks, outputs):
        # The layers inside have given the outputs their masks.
        return outputs

    def _convert(self, value):
        return value if self._functional is not None and hasattr(value, "dtype") else super()._convert(value)

    @property
    def layers(self) -> list:
        """The layers, without the input."""
        return [layer for layer in self._sequence if not isinstance(layer, InputLayer)]

    @property
    def _layers(self) -> list:
        own = self._sequence[:]
        known = {id(layer) for layer in own}
        return own + [layer for layer in super()._layers if id(layer) not in known]

    def _built_functional(self, what: str) -> Functional:
        if self._functional is None:
            raise AttributeError(f"Sequential '{self.name}' has no {what} before it is built")
        return self._functional

    @property
    def inputs(self) -> list:
        return self._built_functional("inputs").inputs

    @property
    def outputs(self) -> list:
        return self._built_functional("outputs").outputs

    @property
    def input(self):
        return self._built_functional("input").input

    @property
    def output(self):
        return self._built_functional("output").output

    @property
    def input_shape(self):
        return self._built_functional("input_shape").input_shape

    @property
    def output_shape(self):
        return self._built_functional("output_shape").output_shape

    @property
    def input_names(self) -> list[str]:
        return self._built_functional("input_names").input_names

    @property
    def output_names(self) -> list[str]:
        return self._built_functional("output_names").output_names

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": Layer.get_config(self)["dtype"],
            "layers": [serialize_keras_object(layer) for layer in self._sequence],
        }
        if self._functional is not None:
            config["build_input_shape"] = self._sequence[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        name = config.get("name") or naming.auto_name(cls.__name__)
        # Layers are built with the shapes of their configurations, and have the paths that the model gives them.
        with naming.root_scope(name):
            layers = [deserialize_keras_object(data, custom_objects=custom_objects) for data in config["layers"]]
        model = cls(layers, name=name)
        shape = config.get("build_input_shape")
        if not model.built and shape and isinstance(shape, (list, tuple)):
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _same(a: tuple, b: tuple) -> bool:
    return len(a) == len(b) and all(x is None or y is None or x == y for x, y in zip(a[1:], b[1:], strict=False))
