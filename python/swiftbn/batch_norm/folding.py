"""Batch normalization folded into the layers around it, for inference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from swiftbn.batch_norm._check import check_folded
from swiftbn.batch_norm._graph import Affine, Blocked, Graph, check_call, find_after, find_before
from swiftbn.batch_norm._rebuild import rebuild
from swiftbn.batch_norm._weights import scale_input, scale_output, weights_of
from swiftbn.layers import BatchNormalization
from swiftbn.layers._tracking import unique
from swiftbn.models import Model, Sequential
from swiftbn.models.functional import Functional


class Folding(NamedTuple):
    """What became of a batch normalization: its name and "folded into 'x'" or "kept: why"."""

    layer: str
    result: str


def fold_batch_norm(model, check: bool = True):
    """A new model for inference in which Dense and convolution layers do the work of the batch normalizations around
    them.

    In inference a batch normalization is y = s·x + t per channel, with s = γ/√(σ² + ε) and t = β - s·μ of the moving
    statistics. It goes, in float64 and rounded once,

    * into a Dense or convolution without activation before it: kernel ← kernel·s, bias ← bias·s + t, per output
      channel;
    * else into a Dense or convolution behind it: bias ← bias + Σ kernel·t, kernel ← s·kernel, per input channel. One
      with zero padding takes only t = 0, as the padding is not shifted, and so does a transposed convolution, whose
      outputs see different numbers of pixels.

    Convolutions are those over one to three axes, with groups or not, depthwise, separable and transposed ones.
    Dropout and average pooling may be between them, Flatten in front of the layer behind, and max pooling when no s is
    negative. A batch normalization stays where this would not be exact: other layers between, a value between that is
    used twice or is an output, a layer that is called twice, another axis or dtype, calls with `training=True`.
    Models inside the model are folded by the same rules, each by itself.

    Args:
        model: a built Sequential or functional model. It is not changed, and the new one shares no weights with it.
        check: whether both models are compared on random inputs, among them inputs scaled such that the normalized
            values are of the size of the moving statistics.

    Returns:
        A model of the same kind, not compiled, with the names of the given one. Its `folding_report` is a list of
        (layer, result) for each batch normalization: "folded into 'x'", or "kept: why".

    Raises:
        TypeError: not a model.
        ValueError: a model that is not built, that has a `call` of its own, or that cannot be checked on random inputs.
        ArithmeticError: the check found a difference that is more than rounding.

    Source: Jacob et al. 2018, arXiv 1712.05877, section 3.2.
    """
    if not isinstance(model, Model):
        raise TypeError(f"fold_batch_norm: expected a model. Received: {model!r} (of type {type(model).__name__})")
    if not isinstance(check, (bool, np.bool_)):
        raise ValueError(f"fold_batch_norm: expected check to be a bool. Received: check={check!r}")
    if not has_graph(model):
        raise ValueError(
            f"fold_batch_norm: expected a Sequential or functional model, whose layer calls are known. "
            f"Received: '{model.name}' of type {type(model).__name__}, with a call() of its own"
        )
    if not model.built:
        raise ValueError(
            f"fold_batch_norm: expected a built model. Received: '{model.name}', which is not built; "
            "give it an Input or call build() first"
        )
    folded, report = _fold(model)
    folded.folding_report = report
    if check:
        check_folded(model, folded)
    return folded


def has_graph(model) -> bool:
    """Whether a model computes what its graph of layer calls says."""
    return (isinstance(model, Sequential) and type(model).call is Sequential.call) or (
        isinstance(model, Functional) and type(model).call is Functional.call
    )


def affine_of(layer: BatchNormalization, rank: int) -> Affine:
    """What a batch normalization computes in inference, for inputs of a rank."""
    mean, variance = (np.asarray(v.numpy(), "float64") for v in (layer.moving_mean, layer.moving_variance))
    gamma = 1.0 if layer.gamma is None else np.asarray(layer.gamma.numpy(), "float64")
    beta = 0.0 if layer.beta is None else np.asarray(layer.beta.numpy(), "float64")
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + layer.epsilon)
        shift = beta - scale * mean
    return Affine(scale, shift, layer.axis % rank)


def _fold(model, prefix: str = ""):
    """The folded model and its report."""
    graph = Graph(model)
    weights: dict = {}
    replaced: dict = {}
    results = _fold_own(graph, weights)
    report: list = []
    for operation in unique(node.operation for node in graph.nodes):
        if isinstance(operation, BatchNormalization):
            report.append(Folding(prefix + operation.name, results[id(operation)]))
        elif isinstance(operation, Model):
            inner = f"{prefix}{operation.name}/"
            reason = _not_foldable(graph, operation)
            if reason is None:
                replaced[id(operation)], entries = _fold(operation, inner)
                report.extend(entries)
            else:
                found = [x for x in operation._flatten_layers() if isinstance(x, BatchNormalization)]
                report.extend(Folding(inner + x.name, f"kept: {reason}") for x in found)
    return rebuild(model, graph, replaced, weights), report


def _fold_own(graph: Graph, weights: dict) -> dict:
    """Folds the model's own batch normalizations; id of each → what became of it.

    One can be in the way of another, so those that stayed are tried again after others have gone.
    """
    results: dict = {}
    left = [node for node in graph.nodes if isinstance(node.operation, BatchNormalization)]
    before = None
    while len(left) != before:
        before = len(left)
        for node in left:
            results[id(node.operation)] = _fold_one(graph, node, weights)
        left = [node for node in left if id(node) not in graph.removed]
    return results


def _not_foldable(graph: Graph, inner) -> str | None:
    if not has_graph(inner) or not inner.built:
        return f"the model '{inner.name}' has a call() of its own"
    if any(node.operation is inner and (node.kwargs.get("training") or len(node.args) > 1) for node in graph.nodes):
        return f"the model '{inner.name}' is called in training mode"
    return None


def _fold_one(graph: Graph, node, weights: dict) -> str:
    """Moves one batch normalization into the weights of a neighbour, if that is exact, and says where it went."""
    layer = node.operation
    try:
        if type(layer) is not BatchNormalization:
            raise Blocked(f"{type(layer).__name__} is a class of its own")
        if graph.is_shared(layer):
            raise Blocked("it is called more than once")
        check_call(node, layer.dtype)
        affine = affine_of(layer, len(node.inputs[0].shape))
        if not all(np.isfinite(part).all() for part in affine[:2]):
            raise Blocked("its scale or shift is not finite")
        try:
            target = find_before(graph, node, affine)
            changed = scale_output(target, weights.get(id(target)) or weights_of(target), affine)
        except Blocked as before:
            try:
                target, affine = find_after(graph, node, affine)
            except Blocked as behind:
                raise Blocked(f"{before}; {behind}") from None
            changed = scale_input(target, weights.get(id(target)) or weights_of(target), affine)
        for part in changed:
            with np.errstate(over="ignore"):
                if part is not None and not np.isfinite(part.astype(target.dtype)).all():
                    raise Blocked(f"the weights of '{target.name}' would not be finite")
    except Blocked as reason:
        return f"kept: {reason}"
    weights[id(target)] = changed
    graph.removed.add(id(node))
    return f"folded into '{target.name}'"
