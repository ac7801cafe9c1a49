"""Functional models as dictionaries, in the format of Keras 3."""

from __future__ import annotations

import inspect

from swiftbn import tree
from swiftbn.models.operation_config import (
    call_arguments,
    is_operation_config,
    operation_config,
    operation_from_config,
    plain,
    restored,
)
from swiftbn.operation import FunctionOperation, Node
from swiftbn.tensor import KerasTensor


def functional_config(model) -> dict:
    """Name, layers with their calls, and which tensors are inputs and outputs."""
    from swiftbn.saving import serialize_keras_object

    included = {id(node) for node in model._nodes}
    for x in model.inputs:
        included.add(id(_node(x)))

    def position(tensor) -> list:
        """[layer, number of its call among the model's own, number of the output]."""
        operation, node_index, tensor_index = tensor._keras_history
        own = [id(node) in included for node in operation._inbound_nodes[:node_index]]
        return [operation.name, sum(own), tensor_index]

    def end(tensor) -> list:
        name, call, index = position(tensor)
        return [name, call + _first_call(tensor._keras_history.operation), index]

    def tensor_config(x):
        if not isinstance(x, KerasTensor):
            return x
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": list(x.shape), "dtype": x.dtype, "keras_history": position(x)},
        }

    def call_config(args, kwargs) -> dict:
        args, kwargs = tree.map_structure(tensor_config, (list(args), kwargs))
        return {"args": plain(args), "kwargs": plain(kwargs)}

    layers = []
    for operation in model._operations:
        calls = [node for node in operation._inbound_nodes if id(node) in included and node.inputs]
        if isinstance(operation, FunctionOperation):
            config, args = operation_config(operation, calls[0])
            nodes = [call_config(args, {})]
        else:
            config = serialize_keras_object(operation)
            nodes = [call_config(node.args, node.kwargs) for node in calls]
        layers.append({**config, "name": operation.name, "inbound_nodes": nodes})
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": tree.map_structure(end, model._inputs_struct),
        "output_layers": tree.map_structure(end, model._outputs_struct),
    }


def _node(tensor) -> Node:
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def _first_call(operation) -> int:
    """For a model's inputs and outputs Keras counts the making of a nested functional model as its first call."""
    from swiftbn.models.functional import Functional

    return 1 if isinstance(operation, Functional) else 0


def functional_from_config(cls, config: dict, custom_objects=None):
    """A functional model from `functional_config`.

    Raises:
        ValueError: calls refer to tensors that no layer makes.
    """
    from swiftbn.saving import deserialize_keras_object

    layers: dict = {}
    calls: list = []
    for data in config["layers"]:
        if is_operation_config(data):
            layer = operation_from_config(restored(data))
        else:
            own = {key: value for key, value in data.items() if key != "inbound_nodes"}
            layer = deserialize_keras_object(own, custom_objects=custom_objects)
        layers[data["name"]] = layer
        calls.extend((layer, node) for node in data["inbound_nodes"])

    def tensor(name: str, node_index: int, tensor_index: int):
        return layers[name]._inbound_nodes[node_index].outputs[tensor_index]

    def tensors_in(value):
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                return tensor(*value["config"]["keras_history"])
            return {key: tensors_in(item) for key, item in value.items()}
        return [tensors_in(item) for item in value] if isinstance(value, list) else value

    while calls:
        waiting = []
        for layer, node in calls:
            # A layer's calls keep their order: one that has to wait holds back the later ones.
            if any(layer is other for other, _ in waiting):
                waiting.append((layer, node))
                continue
            try:
                args, kwargs = restored(tensors_in([node["args"], node["kwargs"]]))
            except (IndexError, KeyError):
                waiting.append((layer, node))
                continue
            if isinstance(layer, FunctionOperation):
                args, named = call_arguments(layer, args)
                layer(*args, **named, **kwargs)
            else:
                layer(*args, **_accepted(layer, kwargs))
        if len(waiting) == len(calls):
            names = ", ".join(sorted({layer.name for layer, _ in waiting}))
            raise ValueError(f"Model configuration: the inputs of {names} are not made by any layer")
        calls = waiting

    def ends(structure):
        if isinstance(structure, (list, tuple)) and len(structure) == 3 and isinstance(structure[0], str):
            name, call, index = structure
            return tensor(name, call - _first_call(layers[name]), index)
        if isinstance(structure, dict):
            return {key: ends(value) for key, value in structure.items()}
        return [ends(value) for value in structure]

    inputs, outputs = ends(config["input_layers"]), ends(config["output_layers"])
    rest = {k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers")}
    return cls(inputs=_single(inputs), outputs=_single(outputs), **rest)


def _accepted(operation, kwargs: dict) -> dict:
    """Keras notes `mask=None` for layers whose calls take no mask here."""
    parameters = inspect.signature(operation.call).parameters
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {k: v for k, v in kwargs.items() if v is not None or any_name or k in parameters}


def _single(structure):
    return structure[0] if isinstance(structure, list) and len(structure) == 1 else structure
