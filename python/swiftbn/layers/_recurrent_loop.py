"""Time steps of a cell written out one after another, and masks of sequences."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn.ops._dispatch import dtype_of


def time_mask(layer, mask, sequences):
    """The mask as truth values (N, T), None for none."""
    if mask is not None:
        mask = tree.flatten(mask)[0]
    if mask is None:
        return None
    shape = tuple(mask.shape)
    if len(shape) == 3 and shape[-1] == 1:
        mask = ops.squeeze(mask, -1)
    fits = len(mask.shape) == 2 and all(
        a is None or b is None or a == b for a, b in zip(mask.shape, sequences.shape, strict=False)
    )
    if not fits:
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected a mask (N, T) for inputs of shape "
            f"{tuple(sequences.shape)}. Received: mask of shape {shape}"
        )
    return mask if dtype_of(mask) == "bool" else ops.not_equal(mask, 0)


def where_rows(mask, new, old):
    """Rows of `new` where the mask (N,) is true, else of `old`."""
    return ops.where(ops.reshape(mask, (-1, *([1] * (len(new.shape) - 1)))), new, old)


def time_steps(x) -> list:
    """x[:, t] for all t. Pieces are cut twice, so that the gradient does not write all of x for each of them."""
    steps, group = x.shape[1], 16
    pieces = []
    for first in range(0, steps, group):
        part = x[:, first : first + group] if steps > group else x
        pieces.extend(part[:, t] for t in range(min(group, steps - first)))
    return pieces


def unrolled(what, step, sequences, states, *, mask, go_backwards, zero_output_for_mask, all_outputs):
    """(last output, all outputs, last states) of `step(x_t, states)` over the time steps of (N, T, …).

    A step that is masked keeps the states and gives the output before it, at the beginning 0.
    """
    if sequences.shape[1] is None:
        raise ValueError(
            f"{what}: a cell needs a known number of time steps. Received: inputs of shape {tuple(sequences.shape)}"
        )
    steps = time_steps(sequences)
    masks = [None] * len(steps) if mask is None else time_steps(mask)
    if go_backwards:
        steps, masks = steps[::-1], masks[::-1]
    outputs = []
    output = None
    for x, m in zip(steps, masks, strict=True):
        new_output, new_states = step(x, states)
        if m is not None:
            before = ops.zeros_like(new_output) if output is None or zero_output_for_mask else output
            new_output = where_rows(m, new_output, before)
            new_states = tree.map_structure(lambda new, old, m=m: where_rows(m, new, old), new_states, states)
        output, states = new_output, new_states
        if all_outputs:
            outputs.append(output)
    return output, ops.stack(outputs, axis=1) if all_outputs else None, states
