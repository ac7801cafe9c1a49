"""The calls of a model as batch normalization's folding sees them: who makes and who uses a tensor, what commutes."""

from __future__ import annotations

import collections
from typing import NamedTuple

import numpy as np

from swiftbn import activations, layers
from swiftbn.layers import Activation, Dense, Dropout, Flatten
from swiftbn.models import Sequential
from swiftbn.models._graph import history_node


def _kinds(*names: str, axes=(1, 2, 3)) -> tuple:
    return tuple(getattr(layers, name.format(n)) for name in names for n in axes)


CONVOLUTIONS = _kinds("Conv{}D")
TRANSPOSED = _kinds("Conv{}DTranspose")
DEPTHWISE = _kinds("DepthwiseConv{}D", axes=(1, 2))
SEPARABLE = _kinds("SeparableConv{}D", axes=(1, 2))
# Layers into which a batch normalization can go.
TARGETS = (Dense, *CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *SEPARABLE)
_POOLS = _kinds("MaxPooling{}D", "AveragePooling{}D")
_GLOBAL_POOLS = _kinds("GlobalMaxPooling{}D", "GlobalAveragePooling{}D")
_MAXIMA = _kinds("MaxPooling{}D", "GlobalMaxPooling{}D")


class Affine(NamedTuple):
    """y = scale·x + shift along `axis`, in float64."""

    scale: np.ndarray
    shift: np.ndarray
    axis: int


class Blocked(Exception):
    """Why a batch normalization cannot be moved further."""


class Graph:
    """Nodes of a built Sequential or functional model; `removed` ones only hand on what they are given."""

    def __init__(self, model):
        functional = model._functional if isinstance(model, Sequential) else model
        self.inputs = {id(x) for x in functional.inputs}
        self.nodes = [node for node in functional._nodes if not self._is_given(node)]
        self.removed: set = set()
        self._outputs = {id(x) for x in functional.outputs}
        self._consumers = collections.defaultdict(list)
        self._calls = collections.Counter(id(node.operation) for node in self.nodes)
        for node in self.nodes:
            for x in node.inputs:
                self._consumers[id(x)].append(node)

    def _is_given(self, node) -> bool:
        return node.is_input or all(id(x) in self.inputs for x in node.outputs)

    def is_shared(self, operation) -> bool:
        return self._calls[id(operation)] > 1

    def producer(self, tensor):
        """The call that makes a tensor which nothing else uses."""
        if id(tensor) in self.inputs:
            raise Blocked("the model's input is before it")
        if id(tensor) in self._outputs or len(self._consumers[id(tensor)]) > 1:
            node = history_node(tensor)
            raise Blocked(f"the output of '{node.operation.name}' is used elsewhere, too")
        return history_node(tensor)

    def consumer(self, tensor):
        """The only call that uses a tensor."""
        if id(tensor) in self._outputs:
            raise Blocked("its output is an output of the model")
        users = self._consumers[id(tensor)]
        if len(users) != 1:
            raise Blocked("its output is used more than once")
        return users[0]


def check_call(node, dtype: str) -> None:
    """Raises Blocked unless a layer is called on one tensor of `dtype`, not in training mode."""
    if len(node.inputs) != 1 or len(node.args) != 1 or len(node.outputs) != 1 or node.args[0] is not node.inputs[0]:
        raise Blocked(f"'{node.operation.name}' is not called on one tensor")
    if set(node.kwargs) - {"training"} or node.kwargs.get("training"):
        raise Blocked(f"'{node.operation.name}' is called in training mode or with further arguments")
    if getattr(node.operation, "dtype", None) != dtype or node.inputs[0].dtype != dtype:
        raise Blocked(f"'{node.operation.name}' computes in another dtype")


def channel_axis(layer, rank: int) -> int:
    """The axis that is the input's channels of a Dense, convolution or pooling layer."""
    return rank - 1 if isinstance(layer, Dense) or layer.data_format == "channels_last" else 1


def is_linear(function) -> bool:
    return function is None or function is activations.linear


def find_before(graph: Graph, node, affine: Affine):
    """The Dense or convolution without activation whose output a batch normalization scales.

    Between them may be what per channel an affine map can be exchanged with: dropout, average pooling, and, for scales
    that are not negative, max pooling.

    Raises:
        Blocked: there is none.
    """
    axis, dtype, tensor = affine.axis, node.operation.dtype, node.inputs[0]
    while True:
        producer = graph.producer(tensor)
        layer = producer.operation
        if id(producer) not in graph.removed:
            check_call(producer, dtype)
            rank = len(producer.inputs[0].shape)
            if type(layer) in TARGETS:
                if not is_linear(layer.activation):
                    raise Blocked(f"the activation of '{layer.name}' is before it")
                if graph.is_shared(layer):
                    raise Blocked(f"'{layer.name}' before it is called more than once")
                if axis != channel_axis(layer, rank):
                    raise Blocked(f"its axis is not the channels of '{layer.name}'")
                return layer
            if type(layer) in _GLOBAL_POOLS and not layer.keepdims:
                axis = channel_axis(layer, rank)
            _check_commutes(layer, axis, rank, affine.scale, "before")
        tensor = producer.inputs[0]


def find_after(graph: Graph, node, affine: Affine):
    """The Dense or convolution that a batch normalization feeds, and the affine map of its input.

    Raises:
        Blocked: there is none into which the map can go exactly.
    """
    dtype, tensor = node.operation.dtype, node.outputs[0]
    while True:
        consumer = graph.consumer(tensor)
        layer = consumer.operation
        if id(consumer) not in graph.removed:
            check_call(consumer, dtype)
            shape = consumer.inputs[0].shape
            if type(layer) in TARGETS:
                _check_target(graph, layer, affine, len(shape))
                return layer, affine
            if type(layer) is Flatten:
                affine = _flattened(layer, affine, shape)
            else:
                _check_commutes(layer, affine.axis, len(shape), affine.scale, "behind")
                if type(layer) in _GLOBAL_POOLS and not layer.keepdims:
                    affine = affine._replace(axis=1)
        tensor = consumer.outputs[0]


def _check_commutes(layer, axis: int, rank: int, scale: np.ndarray, where: str) -> None:
    kind = type(layer)
    if kind is Dropout or (kind is Activation and is_linear(layer.activation)):
        return
    if kind not in _POOLS + _GLOBAL_POOLS:
        raise Blocked(f"'{layer.name}' ({kind.__name__}) is {where} it")
    if axis != channel_axis(layer, rank):
        raise Blocked(f"its axis is not the channels of '{layer.name}'")
    if kind in _MAXIMA and (scale < 0).any():
        raise Blocked(f"'{layer.name}' ({kind.__name__}) is {where} it and some channels have a negative scale")


def _check_target(graph: Graph, layer, affine: Affine, rank: int) -> None:
    if graph.is_shared(layer):
        raise Blocked(f"'{layer.name}' behind it is called more than once")
    if affine.axis != channel_axis(layer, rank):
        raise Blocked(f"its axis is not the channels of '{layer.name}'")
    if type(layer) is Dense or not (affine.shift != 0).any():
        return
    # A kernel of one pixel sees no padding, whatever the mode.
    if type(layer) in TRANSPOSED:
        if max(layer.kernel_size + layer.strides) > 1:
            raise Blocked(f"the outputs of '{layer.name}' behind it see different numbers of pixels")
    elif layer.padding != "valid" and max(layer.kernel_size) > 1:
        raise Blocked(f"'{layer.name}' behind it pads with zeros, which the shift would change")


def _flattened(layer: Flatten, affine: Affine, shape: tuple) -> Affine:
    """The map of each element behind Flatten, in its order."""
    sample = tuple(shape[1:])
    if None in sample:
        raise Blocked(f"the input of '{layer.name}' behind it has unknown extents {shape}")
    extents = [1] * len(sample)
    extents[affine.axis - 1] = -1

    def spread(vector):
        full = np.broadcast_to(vector.reshape(extents), sample)
        if layer.data_format == "channels_first" and len(sample) > 1:
            full = np.moveaxis(full, 0, -1)
        return full.reshape(-1)

    return Affine(spread(affine.scale), spread(affine.shift), 1)
