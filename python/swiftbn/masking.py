"""Masks that go with tensors: which positions of a tensor count, as layers hand it on to those behind them.

Symbolic tensors hold their mask in `_keras_mask`. NumPy arrays take no attributes, so theirs stand in a table that
forgets an array when it dies.
"""

from __future__ import annotations

import weakref

import numpy as np

from swiftbn import tree
from swiftbn.tensor import Tensor
from swiftbn.variable import Variable

_arrays: dict[int, tuple] = {}


def get_keras_mask(x):
    """The mask of a tensor, None if it has none."""
    if isinstance(x, np.ndarray):
        entry = _arrays.get(id(x)) if _arrays else None
        return None if entry is None else entry[1]
    return getattr(x, "_keras_mask", None)


def set_keras_mask(x, mask) -> None:
    """Gives a tensor a mask, in place; None takes it away."""
    if not isinstance(x, np.ndarray):
        x._keras_mask = mask
    elif mask is None:
        _arrays.pop(id(x), None)
    else:
        key = id(x)
        _arrays[key] = (weakref.ref(x, lambda _: _arrays.pop(key, None)), mask)


def masks_of(structure):
    """The masks of a tensor, or of nested ones."""
    return tree.map_structure(get_keras_mask, structure)


def any_mask(masks) -> bool:
    return masks is not None and any(mask is not None for mask in tree.flatten(masks))


def with_mask(x, mask):
    """The same numbers in a tensor of its own that has the mask; the one given stays as it is."""
    from swiftbn.ops._dispatch import call

    if mask is None or get_keras_mask(x) is mask:
        return x
    if isinstance(x, np.ndarray):
        x = x.view()
    elif isinstance(x, (Tensor, Variable)):
        x = call("identity", x)[0]
    set_keras_mask(x, mask)
    return x


def mask_outputs(outputs, masks, inputs):
    """The outputs of a layer with the masks that it computed for them, in order; one that has a mask keeps it.

    What the layer returned as it was given is not changed: the caller's tensor gets no mask from this call.
    """
    flat, masks = tree.flatten(outputs), tree.flatten(masks)
    given = {id(x) for x in tree.flatten(inputs)}
    changed = False
    for index, (x, mask) in enumerate(zip(flat, masks, strict=False)):
        if mask is None or not hasattr(x, "shape") or get_keras_mask(x) is not None:
            continue
        if id(x) in given or isinstance(x, Variable):
            flat[index] = with_mask(x, mask)
            changed = True
        else:
            set_keras_mask(x, mask)
    return tree.pack_as(outputs, flat) if changed else outputs
