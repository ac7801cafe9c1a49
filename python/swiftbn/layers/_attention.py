"""What attention layers share: masks of scores, options of the projections."""

from __future__ import annotations

import functools

import numpy as np

from swiftbn import constraints, initializers, ops, regularizers
from swiftbn._checks import is_integer
from swiftbn.masking import get_keras_mask
from swiftbn.ops._dispatch import call


def score_mask(
    query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask: bool, sliding_window: int | None
):
    """All masks as one (N or 1, T, S), or of the shape of `attention_mask`; None without any.

    Args:
        query, value: tensors (N, T, …) and (N, S, …).
        query_mask, value_mask, key_mask: (N, T), (N, S), (N, S), true where a position counts, or None.
        use_causal_mask: whether a position sees only itself and those before it.
        sliding_window: how far apart positions that see each other are at most, plus 1.
    """
    parts = []
    if query_mask is not None:
        parts.append(ops.expand_dims(ops.cast(query_mask, "bool"), -1))
    for mask in (value_mask, key_mask):
        if mask is not None:
            parts.append(ops.expand_dims(ops.cast(mask, "bool"), -2))
    if use_causal_mask or sliding_window is not None:
        places = np.arange(query.shape[1])[:, None], np.arange(value.shape[1])[None, :]
        if use_causal_mask:
            parts.append((places[0] >= places[1])[None])
        if sliding_window is not None:
            parts.append((np.abs(places[0] - places[1]) < sliding_window)[None])
    if attention_mask is not None:
        parts.append(ops.cast(attention_mask, "bool"))
    return functools.reduce(ops.logical_and, parts) if parts else None


def widened(mask, rank: int, attention_axes: int = 1):
    """A mask with axes of extent 1 in front of those of queries and keys, up to the rank of the scores."""
    while len(mask.shape) < rank:
        mask = ops.expand_dims(mask, -2 * attention_axes - 1)
    return mask


def unmasked(x):
    """The same numbers without the tensor's mask, for layers behind which masks have no meaning."""
    if get_keras_mask(x) is None:
        return x
    return x.view() if isinstance(x, np.ndarray) else call("identity", x)[0]


def checked_window(layer: str, value) -> None:
    if value is not None and not is_integer(value, 1):
        raise ValueError(
            f"{layer}: expected sliding_window to be None or an integer >= 1. Received: sliding_window={value!r}"
        )


class Projections:
    """The options that the projections of a layer share."""

    def __init__(self, layer, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, *others):
        activity_regularizer, kernel_constraint, bias_constraint = others
        self.layer = layer
        self.initializers = {
            "kernel_initializer": initializers.get(kernel_initializer),
            "bias_initializer": initializers.get(bias_initializer),
        }
        self.regularizers = {
            "kernel_regularizer": regularizers.get(kernel_regularizer),
            "bias_regularizer": regularizers.get(bias_regularizer),
            "activity_regularizer": regularizers.get(activity_regularizer),
        }
        self.constraints = {
            "kernel_constraint": constraints.get(kernel_constraint),
            "bias_constraint": constraints.get(bias_constraint),
        }

    def arguments(self) -> dict:
        """For one projection. Its initializers are its own: one without a seed gives each of them other values."""
        own = {name: _copied(initializer) for name, initializer in self.initializers.items()}
        return {**own, **self.regularizers, **self.constraints, "dtype": self.layer.dtype}

    def config(self) -> dict:
        return {
            **{name: initializers.serialize(value) for name, value in self.initializers.items()},
            **{name: regularizers.serialize(value) for name, value in self.regularizers.items()},
            **{name: constraints.serialize(value) for name, value in self.constraints.items()},
        }


def _copied(initializer):
    if not hasattr(initializer, "get_config"):
        return initializer
    return type(initializer).from_config(initializer.get_config())
