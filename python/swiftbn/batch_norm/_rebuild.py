"""Copies of models from which some calls are left out and in which some weights are others."""

from __future__ import annotations

import copy

from swiftbn import tree
from swiftbn.batch_norm._weights import set_weights
from swiftbn.layers import Input
from swiftbn.models import Sequential
from swiftbn.models.functional import Functional
from swiftbn.operation import FunctionOperation
from swiftbn.tensor import KerasTensor


def copy_operation(operation):
    """The same operation with weights of its own, called on nothing yet."""
    if isinstance(operation, FunctionOperation):
        return FunctionOperation(operation.function, operation.name, dict(operation.attributes))
    fresh = {id(operation._inbound_nodes): []}
    if hasattr(operation, "_losses"):
        fresh[id(operation._losses)] = []
    return copy.deepcopy(operation, fresh)


def rebuild(model, graph, replaced: dict, weights: dict):
    """The model anew.

    Args:
        model: a built Sequential or functional model.
        graph: its `Graph`, whose `removed` calls are left out.
        replaced: id of a layer → the layer to use in its place; others are copied.
        weights: id of a Dense or convolution → its new `Weights`.
    """
    copies = dict(replaced)

    def copied(operation):
        if id(operation) not in copies:
            copies[id(operation)] = copy_operation(operation)
            if id(operation) in weights:
                set_weights(copies[id(operation)], *weights[id(operation)])
        return copies[id(operation)]

    if isinstance(model, Sequential):
        new = _sequential(model, graph, copied)
    else:
        new = _functional(model, graph, copied)
    new._trainable = model._trainable
    return new


def _sequential(model, graph, copied):
    removed = {id(node.operation) for node in graph.nodes if id(node) in graph.removed}
    first, *rest = model._sequence
    rows = [copied(layer) for layer in rest if id(layer) not in removed]
    return Sequential([_input(first.output), *rows], name=model.name)


def _functional(model, graph, copied):
    values = {id(x): _input(x) for x in model.inputs}

    def replace(x):
        return values[id(x)] if isinstance(x, KerasTensor) else x

    for node in graph.nodes:
        if id(node) in graph.removed:
            values[id(node.outputs[0])] = values[id(node.inputs[0])]
            continue
        args, kwargs = tree.map_structure(replace, (node.args, node.kwargs))
        outputs = tree.flatten(copied(node.operation)(*args, **kwargs))
        values.update((id(old), new) for old, new in zip(node.outputs, outputs, strict=True))
    inputs, outputs = (tree.map_structure(replace, s) for s in (model._inputs_struct, model._outputs_struct))
    return Functional(inputs, outputs, name=model.name)


def _input(x):
    return Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
