"""A function as a layer."""

from __future__ import annotations

import inspect

from swiftbn import tree
from swiftbn.layers._call import map_shapes
from swiftbn.layers.layer import Layer
from swiftbn.tensor import KerasTensor


class Lambda(Layer):
    """Any function of tensors, written with `swiftbn.ops`, as a layer without weights.

    Files hold functions by name: ones that `saving.register_keras_serializable` knows, or that are given as
    `custom_objects` when loading. Python lambdas cannot be saved, since loading them would run code from a file.

    Args:
        function: called with the inputs, `arguments`, and with `mask` and `training` if it has such parameters.
        output_shape: the shape of one output without the batch, or a function of the inputs' shape; None to find it
            by running the function on symbolic tensors.
        mask: the mask of the output, or a function of (inputs, mask) that returns it; None for no mask.
        arguments: dict of further arguments by name.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        if not callable(function):
            raise ValueError(f"Lambda: expected function to be a function. Received: function={function!r}")
        if arguments is not None and not isinstance(arguments, dict):
            raise ValueError(f"Lambda: expected arguments to be a dict. Received: arguments={arguments!r}")
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        parameters = inspect.signature(function).parameters
        self._passed = [name for name in ("mask", "training") if name in parameters]

    def call(self, inputs, mask=None, training=None):
        given = {"mask": mask, "training": training}
        return self.function(inputs, **{**self.arguments, **{name: given[name] for name in self._passed}})

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = tree.flatten(input_shape)[0]
        return map_shapes(lambda shape: (batch, *shape), self._output_shape)

    def compute_output_spec(self, inputs, *args, **kwargs):
        if self._output_shape is None:
            return super().compute_output_spec(inputs, *args, **kwargs)
        shapes = self.compute_output_shape(tree.map_structure(lambda x: tuple(x.shape), inputs))
        return map_shapes(lambda shape: KerasTensor(shape, self.dtype), shapes)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        config = {**super().get_config(), "function": serialize_keras_object(self.function)}
        if self._output_shape is not None:
            given = self._output_shape
            config["output_shape"] = serialize_keras_object(given) if callable(given) else given
        if self.mask is not None:
            config["mask"] = serialize_keras_object(self.mask)
        config["arguments"] = serialize_keras_object(self.arguments)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """A new layer from `get_config`; one that holds a Python lambda is refused with a ValueError."""
        from swiftbn.saving import CustomObjectScope, deserialize_keras_object

        if safe_mode is False:
            raise ValueError("Lambda: code is never loaded from files. Received: safe_mode=False")
        config = dict(config)
        with CustomObjectScope(custom_objects or {}):
            for name in ("function", "output_shape", "mask", "arguments"):
                if isinstance(config.get(name), (dict, list)):
                    config[name] = deserialize_keras_object(config[name])
        shape = config.get("output_shape")
        if isinstance(shape, list) and all(extent is None or isinstance(extent, int) for extent in shape):
            config["output_shape"] = tuple(shape)
        return super().from_config(config)
