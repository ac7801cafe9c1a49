"""How scaling a layer's outputs or inputs per channel changes its weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from swiftbn.batch_norm._graph import DEPTHWISE, SEPARABLE, TRANSPOSED, Affine
from swiftbn.layers import Dense


class Weights(NamedTuple):
    """What a layer computes with, in float64: kernel, bias or None, the second kernel of a separable one or None."""

    kernel: np.ndarray
    bias: np.ndarray | None
    pointwise: np.ndarray | None = None


def weights_of(layer) -> Weights:
    separable = type(layer) in SEPARABLE
    kernel = layer.depthwise_kernel if separable else layer.kernel
    parts = (kernel, layer.bias, layer.pointwise_kernel if separable else None)
    return Weights(*(None if part is None else np.asarray(part.numpy(), "float64") for part in parts))


def set_weights(layer, kernel, bias, pointwise) -> None:
    if pointwise is None:
        layer.kernel.assign(kernel)
    else:
        layer.depthwise_kernel.assign(kernel)
        layer.pointwise_kernel.assign(pointwise)
    if bias is not None and layer.bias is None:
        layer.use_bias = True
        layer.bias = layer.add_weight(shape=bias.shape, initializer="zeros", name="bias")
    if bias is not None:
        layer.bias.assign(bias)


def scale_output(layer, old: Weights, affine: Affine) -> Weights:
    """The weights with which the layer gives scale·y + shift."""
    bias = _needed(old, affine.shift if old.bias is None else old.bias * affine.scale + affine.shift)
    kind = type(layer)
    if kind in SEPARABLE:
        return Weights(old.kernel, bias, old.pointwise * affine.scale)
    if kind in TRANSPOSED:
        return Weights(old.kernel * affine.scale[:, None], bias)
    if kind in DEPTHWISE:
        return Weights(old.kernel * affine.scale.reshape(old.kernel.shape[-2:]), bias)
    return Weights(old.kernel * affine.scale, bias)


def scale_input(layer, old: Weights, affine: Affine) -> Weights:
    """The weights with which the layer does to x what it did to scale·x + shift; each output sees all of its window."""
    kind = type(layer)
    if kind in SEPARABLE or kind in DEPTHWISE:
        scale, shift = affine.scale[:, None], affine.shift[:, None]
    elif kind in TRANSPOSED:
        scale, shift = affine.scale, affine.shift
    else:
        groups = 1 if kind is Dense else layer.groups
        scale, shift = (_by_group(part, groups, old.kernel.shape[-1]) for part in affine[:2])
    kernel = old.kernel * scale
    added = _over_taps(old.kernel * shift)
    if kind in SEPARABLE:
        added = added.reshape(-1) @ old.pointwise.reshape(added.size, -1)
    elif kind in DEPTHWISE:
        added = added.reshape(-1)
    else:
        added = added.sum(axis=-1 if kind in TRANSPOSED else 0)
    return Weights(kernel, _needed(old, added if old.bias is None else old.bias + added), old.pointwise)


def _by_group(vector: np.ndarray, groups: int, filters: int) -> np.ndarray:
    """(C / groups, filters): for each output what belongs to the channels that it sees."""
    return np.repeat(vector.reshape(groups, -1).T, filters // groups, axis=1)


def _over_taps(products: np.ndarray) -> np.ndarray:
    return products.reshape(-1, *products.shape[-2:]).sum(axis=0)


def _needed(old: Weights, bias: np.ndarray):
    """A layer without bias stays so when it would be 0."""
    return None if old.bias is None and not bias.any() else bias
