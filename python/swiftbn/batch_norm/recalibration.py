"""Moving statistics measured anew over data, with the weights as they are."""

from __future__ import annotations

import collections

import numpy as np

from swiftbn import messages, ops
from swiftbn.batch_norm._graph import Graph
from swiftbn.batch_norm._statistics import Batches, batch_norm_layers, observe, replaced_calls
from swiftbn.batch_norm.folding import has_graph
from swiftbn.dtypes import is_float_dtype
from swiftbn.layers import BatchNormalization, Layer
from swiftbn.layers._tracking import unique
from swiftbn.models import Model
from swiftbn.ops._dispatch import dtype_of


def recalibrate(model, x, batch_size=None, method: str = "layerwise", verbose: int = 0) -> None:
    """Sets all moving statistics to the mean and biased variance over data; see `Model.recalibrate`."""
    layers = batch_norm_layers(model, "recalibrate")
    if method not in ("layerwise", "together"):
        raise ValueError(f"recalibrate: expected method to be 'layerwise' or 'together'. Received: method={method!r}")
    if isinstance(verbose, bool) or verbose not in (0, 1):
        raise ValueError(f"recalibrate: expected verbose to be 0 or 1. Received: verbose={verbose!r}")
    batches = Batches(x, batch_size)
    before = [(v, np.array(v.numpy())) for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
    try:
        if method == "together":
            _set(model, layers, _together(model, layers, batches), verbose)
        else:
            _layerwise(model, layers, batches, verbose)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _together(model, layers: list, batches) -> dict:
    """id of each layer → `Moments`; every layer normalizes by its batch's own statistics and assigns nothing."""

    def normalize(layer, inputs, batch):
        inputs = inputs if is_float_dtype(dtype_of(inputs)) else ops.cast(inputs, layer.dtype)
        # Exactly 0 in channels whose values are all equal.
        variance = ops.where(ops.equal(batch.low, batch.high), ops.zeros_like(batch.variance), batch.variance)
        return ops.batch_normalization(inputs, batch.mean, variance, layer.axis, layer.beta, layer.gamma, layer.epsilon)

    return observe(model, layers, batches, instead=normalize, compiles=_is_static(model))


def _layerwise(model, layers: list, batches, verbose: int) -> None:
    """One pass for each layer, in the order in which the model calls them first."""
    order, calls = _order(model, layers, batches)
    _check_all_found(model, layers, order)
    by_id = {id(layer): layer for layer in layers}
    is_static = _is_static(model)
    for key in order:
        found = observe(model, [by_id[key]], batches, calls[key] if is_static else None, compiles=is_static)
        _set(model, [by_id[key]], found, verbose)


def _order(model, layers: list, batches) -> tuple:
    """ids of the layers in the order of their first calls, and how often a pass calls each."""
    calls = collections.Counter()

    def around(layer, call, inputs, mask):
        calls[id(layer)] += 1
        return call()

    # Which layers are called may depend on the data.
    with replaced_calls(layers, around):
        for x in batches:
            before = dict(calls)
            model(x, training=False)
            if len(calls) == len(layers):
                break
    return list(calls), {key: count - before.get(key, 0) for key, count in calls.items()}


def _is_static(model) -> bool:
    """Whether all batch normalizations are called by graphs, and so equally often for all batches."""
    if not has_graph(model):
        return False
    for operation in unique(node.operation for node in Graph(model).nodes):
        if isinstance(operation, Model):
            if not _is_static(operation):
                return False
        elif isinstance(operation, Layer):
            inner = operation._flatten_layers(include_self=False)
            if any(isinstance(layer, BatchNormalization) for layer in inner):
                return False
    return True


def _set(model, layers: list, found: dict, verbose: int) -> None:
    _check_all_found(model, layers, [key for key, moments in found.items() if moments.count])
    for layer in layers:
        moments = found[id(layer)]
        for variable, value in ((layer.moving_mean, moments.mean), (layer.moving_variance, moments.variance)):
            with np.errstate(over="ignore"):
                value = value.astype(variable.dtype)
            if not np.isfinite(value).all():
                raise ValueError(
                    f"recalibrate: the inputs of '{layer.name}' have no finite {variable.name} over the data. "
                    f"Received: {value}"
                )
            variable.assign(value)
        if verbose:
            messages.show(f"recalibrate: '{layer.name}' over {moments.count:,} values per channel")


def _check_all_found(model, layers: list, found) -> None:
    missing = [layer.name for layer in layers if id(layer) not in found]
    if missing:
        raise ValueError(
            f"recalibrate: expected data for every BatchNormalization. "
            f"Received: none for {', '.join(missing)}, which model '{model.name}' does not call"
        )
