"""A model's call on a batch, one part of it after the other, with batch normalization by statistics of the batch."""

from __future__ import annotations

import math

from swiftbn import ops, tree
from swiftbn.layers._call import outer_call
from swiftbn.masking import get_keras_mask, with_mask
from swiftbn.micro_batches import Lockstep
from swiftbn.ops.crossentropy import logits_of
from swiftbn.tensor import Tensor
from swiftbn.trace import current_trace


def call_in_parts(model, x, count: int):
    """What `model(x, training=True)` returns in the step that is being traced.

    Everything that is done sample by sample is recorded once for each part, and gradients compute it again; what is
    done with the outputs afterwards sees the whole batch.
    """
    # Samples that are normalized together stay together.
    groups = (getattr(layer, "virtual_batch_size", None) or 1 for layer in model._flatten_layers())
    lockstep = Lockstep(current_trace(), tree.flatten(x)[0].shape[0], count, math.lcm(*groups))

    def call(part):
        rows = tree.map_structure(lambda leaf: leaf[part.begin : part.end], x)
        with outer_call(model):
            return model(rows, training=True)

    model._clear_losses()
    results = lockstep.run(call)
    outputs = zip(*map(tree.flatten, results), strict=True)
    joined = [_joined(model, list(parts)) for parts in outputs]
    return tree.pack_as(results[0], joined) if tree.is_nested(results[0]) else joined[0]


def _joined(model, parts: list):
    """The parts one behind the other. Probabilities are made anew of joined logits, which losses ask for."""
    if not all(isinstance(part, Tensor) and part.shape for part in parts):
        raise ValueError(
            f"Model '{model.name}': expected outputs with samples on axis 0 for accumulate_statistics='union'. "
            f"Received: {parts[0]!r}"
        )
    masks = [get_keras_mask(part) for part in parts]
    result = _probabilities(parts)
    if result is None:
        result = ops.concatenate(parts, axis=0)
    if all(mask is not None for mask in masks):
        result = with_mask(result, ops.concatenate(masks, axis=0))
    return result


def _probabilities(parts: list):
    sigmoids = [logits_of(part, "sigmoid") for part in parts]
    if all(logits is not None for logits in sigmoids):
        return ops.sigmoid(ops.concatenate(sigmoids, axis=0))
    for axis in range(1, len(parts[0].shape)):
        logits = [logits_of(part, "softmax", axis) for part in parts]
        if all(part is not None for part in logits):
            return ops.softmax(ops.concatenate(logits, axis=0), axis=axis)
    return None
