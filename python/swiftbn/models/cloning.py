"""Models made anew: from other models, with weights of their own, and from JSON."""

from __future__ import annotations

import json

from swiftbn import tree
from swiftbn.layers.input_layer import Input, InputLayer
from swiftbn.layers.layer import Layer
from swiftbn.models._graph import follow
from swiftbn.models.functional import Functional, has_functional_constructor
from swiftbn.models.model import Model
from swiftbn.models.sequential import Sequential
from swiftbn.operation import FunctionOperation
from swiftbn.tensor import KerasTensor


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """A model with the same layers, made anew with new weights; compiled as the model is.

    Args:
        model: the model. Of a subclassed one the configuration is used.
        input_tensors: symbolic tensors to build on, nested as the model's inputs, instead of new `Input`s.
        clone_function: function of a layer that returns the layer to use in its place, by default one made from its
            configuration; each layer is given once, but for input layers.
        call_function: function of (layer, *args, **kwargs) that returns what stands for the layer's call, by default
            the call itself; of functional models only.
        recursive: whether the layers of sequential and functional models inside are cloned in the same way.

    Raises:
        ValueError: arguments that do not go with this kind of model, or input_tensors that do not fit.
    """
    if kwargs:
        raise ValueError(f"clone_model: unknown arguments. Received: {', '.join(sorted(kwargs))}")
    if not isinstance(model, Model):
        raise ValueError(f"clone_model: expected a model. Received: {model!r}")
    for name, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise ValueError(f"clone_model: expected {name} to be a function. Received: {name}={function!r}")
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "clone_model: only call_function=None is supported for sequential models, as they list their layers "
                f"without calling them. Received: call_function={call_function!r}"
            )
        return _Cloner(clone_function, None, recursive).sequential(model, input_tensors)
    if isinstance(model, Functional):
        return _Cloner(clone_function, call_function, recursive).functional(model, input_tensors)
    given = {"input_tensors": input_tensors, "clone_function": clone_function, "call_function": call_function}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"clone_model: only {name}=None is supported for subclassed models such as {type(model).__name__}. "
                f"Received: {name}={value!r}"
            )
    from swiftbn.saving import deserialize_keras_object, serialize_keras_object

    return deserialize_keras_object(serialize_keras_object(model), custom_objects={type(model).__name__: type(model)})


def model_from_json(json_string, custom_objects=None):
    """The model that `to_json` described, with new weights.

    Args:
        json_string: the text.
        custom_objects: dict from names to users' classes and functions.

    Raises:
        ValueError: no JSON, or no description of a model.
    """
    from swiftbn.saving import deserialize_keras_object

    try:
        config = json.loads(json_string)
    except (TypeError, ValueError) as error:
        raise ValueError(f"model_from_json: expected a text in JSON: {error}. Received: {json_string!r}") from None
    model = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(model, Model):
        raise ValueError(f"model_from_json: expected the configuration of a model. Received: {json_string!r}")
    return model


class _Cloner:
    """Makes layers anew, each once, however often and wherever in the model it is used."""

    def __init__(self, clone_function, call_function, recursive: bool):
        self.clone_function = clone_function or _from_config
        self.call_function = call_function or _call
        self.recursive = recursive
        self.clones: dict = {}

    def layer(self, layer):
        if id(layer) not in self.clones:
            self.clones[id(layer)] = self._new(layer)
        return self.clones[id(layer)]

    def _new(self, layer):
        if isinstance(layer, FunctionOperation):
            return FunctionOperation(layer.function, layer.name, layer.attributes)
        if self.recursive and isinstance(layer, Sequential):
            return self.sequential(layer)
        if self.recursive and isinstance(layer, Functional):
            return self.functional(layer)
        clone = self.clone_function(layer)
        if not isinstance(clone, Layer):
            raise ValueError(
                f"clone_model: expected clone_function to return a layer. Received: {clone!r} for layer '{layer.name}'"
            )
        return clone

    def sequential(self, model: Sequential, input_tensors=None) -> Sequential:
        first = model._sequence[0] if model._sequence else None
        layers = [self.layer(layer) for layer in model.layers]
        if input_tensors is not None:
            given = tree.flatten(input_tensors)
            if len(given) != 1 or not isinstance(given[0], KerasTensor):
                raise ValueError(
                    f"clone_model: expected input_tensors to be one symbolic tensor. Received: {input_tensors!r}"
                )
            layers.insert(0, Input(batch_shape=given[0].shape, dtype=given[0].dtype, name=_input_name(first)))
        elif isinstance(first, InputLayer):
            layers.insert(0, _new_input(first.output))
        return _compiled_as(model, Sequential(layers, trainable=model.trainable, name=model.name))

    def functional(self, model: Functional, input_tensors=None) -> Functional:
        if input_tensors is None:
            inputs = tree.map_structure(_new_input, model.input)
        else:
            inputs = _checked_inputs(model, input_tensors)
        values = {id(x): new for x, new in zip(model.inputs, tree.flatten(inputs), strict=True)}

        def call(node, args, kwargs):
            outputs = tree.flatten(self.call_function(self.layer(node.operation), *args, **kwargs))
            if len(outputs) != len(node.outputs):
                raise ValueError(
                    f"clone_model: expected the call of '{node.operation.name}' to return {len(node.outputs)} "
                    f"tensor(s). Received: {len(outputs)}"
                )
            return outputs

        outputs = follow(model._nodes, values, call)(model.output)
        kind = type(model) if has_functional_constructor(type(model)) else Functional
        return _compiled_as(model, kind(inputs, outputs, name=model.name))


def _from_config(layer):
    return type(layer).from_config(layer.get_config())


def _call(layer, *args, **kwargs):
    return layer(*args, **kwargs)


def _input_name(layer) -> str | None:
    return layer.name if isinstance(layer, InputLayer) else None


def _new_input(x: KerasTensor) -> KerasTensor:
    operation = x._keras_history.operation
    return Input(batch_shape=x.shape, dtype=x.dtype, name=_input_name(operation))


def _checked_inputs(model: Functional, input_tensors):
    given = tree.flatten(input_tensors)
    if not all(isinstance(x, KerasTensor) for x in given):
        raise ValueError(
            f"clone_model: expected input_tensors to be symbolic tensors, made by Input. Received: {input_tensors!r}"
        )
    try:
        return tree.map_structure(lambda _, x: x, model.input, input_tensors)
    except ValueError:
        if len(given) == len(model.inputs) == 1:
            return tree.pack_as(model.input, given) if tree.is_nested(model.input) else given[0]
        raise ValueError(
            f"clone_model: expected input_tensors to be nested as the inputs {model.input!r}. "
            f"Received: {input_tensors!r}"
        ) from None


def _compiled_as(model, clone):
    if model.compiled:
        clone.compile_from_config(model.get_compile_config())
    return clone
