"""Sums of products named by the letters of axes, as transpositions, reshapes and one matrix product for two tensors."""

from __future__ import annotations

import math
import string

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, promote
from swiftbn.ops.elementwise import multiply, where
from swiftbn.ops.linear import matmul
from swiftbn.ops.reduction import sum as reduce_sum


@operation
def einsum(subscripts, *operands):
    """Sum of products over axes whose letters the output lacks: "bij,bjk->bik" is a batch of matrix products.

    Without "->" the output has the letters that occur once, in alphabetical order. "..." stands for axes that
    broadcast, a letter that comes twice in one operand for its diagonal; extents of 1 broadcast.

    Args:
        subscripts: letters of the axes of each operand, and of the output.
        operands: tensors.

    Raises:
        ValueError: subscripts that do not fit the operands, naming both.
    """
    if not isinstance(subscripts, str) or not operands:
        raise ValueError(
            f"einsum: expected subscripts as a string, then tensors. Received: {subscripts!r}, {operands!r}"
        )
    tensors = promote(*operands)
    inputs, output = _parse(subscripts, [len(x.shape) for x in tensors])
    terms = [_without_repeats(x, labels) for x, labels in zip(tensors, inputs, strict=True)]
    _check_extents(subscripts, terms)
    x, labels = terms[0]
    for index, term in enumerate(terms[1:], 2):
        needed = set(output).union(*(rest for _, rest in terms[index:]))
        wanted = output if index == len(terms) else [a for a in dict.fromkeys([*labels, *term[1]]) if a in needed]
        x, labels = _pairwise(x, labels, *term, wanted)
    x, labels = _summed(x, labels, set(output))
    return _ordered(x, labels, output)


def _parse(subscripts: str, ranks: list) -> tuple[list, list]:
    """Lists of labels of the operands and of the output; axes of "..." are numbers from the right."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ValueError(f"einsum: {subscripts!r} names {len(parts)} operands. Received: {len(ranks)}")
    inputs = [_labels(subscripts, part, rank) for part, rank in zip(parts, ranks, strict=True)]
    elided = sorted({a for labels in inputs for a in labels if isinstance(a, int)})
    if arrow:
        known = [a for labels in inputs for a in labels]
        output = _labels(subscripts, right, len(right.replace("...", "")) + (len(elided) if "..." in right else 0))
        if len(set(output)) != len(output) or not set(output) <= set(known):
            raise ValueError(f"einsum: expected each letter of the output once, and among the inputs'. {subscripts!r}")
    else:
        letters = [a for labels in inputs for a in labels if isinstance(a, str)]
        output = [*elided, *sorted(a for a in letters if letters.count(a) == 1)]
    return inputs, output


def _labels(subscripts: str, part: str, rank: int) -> list:
    before, dots, behind = part.partition("...")
    letters = before + behind
    if any(letter not in string.ascii_letters for letter in letters):
        raise ValueError(f"einsum: expected letters, ',', '...' and '->'. Received: {subscripts!r}")
    count = rank - len(letters)
    if count < 0 or (count and not dots):
        raise ValueError(f"einsum: {part!r} in {subscripts!r} does not fit a tensor of rank {rank}")
    return [*before, *range(-count, 0), *behind] if dots else list(letters)


def _without_repeats(x, labels: list):
    """The diagonal where a label comes twice."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            extent = x.shape[first]
            if extent is None or extent != x.shape[second]:
                raise ValueError(
                    f"einsum: a repeated letter needs equal known extents. Received: shape {tuple(x.shape)}"
                )
            shape = [1] * len(labels)
            shape[first] = shape[second] = extent
            x = reduce_sum(where(np.eye(extent, dtype=bool).reshape(shape), x, 0), second)
            labels = labels[:second] + labels[second + 1 :]
    return x, labels


def _check_extents(subscripts: str, terms: list) -> None:
    found: dict = {}
    for x, labels in terms:
        for label, extent in zip(labels, x.shape, strict=True):
            known = found.setdefault(label, extent)
            if known in (None, 1):
                found[label] = extent if extent is not None else known
            elif extent not in (None, 1, known):
                shapes = ", ".join(str(tuple(tensor.shape)) for tensor, _ in terms)
                raise ValueError(f"einsum: extents of {label!r} in {subscripts!r} differ. Received: shapes {shapes}")


def _summed(x, labels: list, kept: set):
    axes = tuple(i for i, label in enumerate(labels) if label not in kept)
    return (reduce_sum(x, axes) if axes else x), [label for label in labels if label in kept]


def _ordered(x, labels: list, order: list):
    axes = tuple(labels.index(label) for label in order)
    return x if axes == tuple(range(len(axes))) else call("transpose", x, axes=axes)[0]


def _squeezed(x, labels: list, other, other_labels: list):
    """x without the axes of extent 1 that broadcast against the other's."""
    extents = dict(zip(other_labels, other.shape, strict=True))
    axes = tuple(i for i, a in enumerate(labels) if x.shape[i] == 1 and extents.get(a, 1) != 1)
    kept = [a for i, a in enumerate(labels) if i not in axes]
    return (call("squeeze", x, axes=axes)[0] if axes else x), kept


def _pairwise(x, x_labels: list, y, y_labels: list, output: list):
    """The product of two tensors over `output`, and its labels, which are those of `output`."""
    x, x_labels = _summed(x, x_labels, {*output, *y_labels})
    y, y_labels = _summed(y, y_labels, {*output, *x_labels})
    x, x_labels = _squeezed(x, x_labels, y, y_labels)
    y, y_labels = _squeezed(y, y_labels, x, x_labels)
    # Squeezing may leave an axis to one of the two alone.
    x, x_labels = _summed(x, x_labels, {*output, *y_labels})
    y, y_labels = _summed(y, y_labels, {*output, *x_labels})
    inner = [a for a in x_labels if a in y_labels and a not in output]
    if not inner:
        return multiply(_aligned(x, x_labels, output), _aligned(y, y_labels, output)), output
    batch = [a for a in output if a in x_labels and a in y_labels]
    x_free = [a for a in output if a in x_labels and a not in batch]
    y_free = [a for a in output if a in y_labels and a not in batch]
    if x_free and y_free and output.index(y_free[0]) < output.index(x_free[0]):
        # The order in which the product needs no transposition more often.
        x, x_labels, x_free, y, y_labels, y_free = y, y_labels, y_free, x, x_labels, x_free
    extents = {**dict(zip(x_labels, x.shape, strict=True)), **dict(zip(y_labels, y.shape, strict=True))}
    lead = [extents[a] for a in batch]
    size = _joined(inner, extents)
    left = _reshaped(_ordered(x, x_labels, batch + x_free + inner), [*lead, _joined(x_free, extents), size])
    right = _reshaped(_ordered(y, y_labels, batch + inner + y_free), [*lead, size, _joined(y_free, extents)])
    product = _reshaped(matmul(left, right), [*lead, *(extents[a] for a in x_free), *(extents[a] for a in y_free)])
    return _ordered(product, batch + x_free + y_free, output), output


def _joined(labels: list, extents: dict):
    """The extent of several axes as one, None if one of them is unknown."""
    return None if any(extents[a] is None for a in labels) else math.prod(extents[a] for a in labels)


def _reshaped(x, shape: list):
    if tuple(x.shape) == tuple(shape):
        return x
    if shape.count(None) > 1:
        raise ValueError(f"einsum: expected at most one unknown extent. Received: {tuple(shape)}")
    return call("reshape", x, shape=tuple(-1 if extent is None else extent for extent in shape))[0]


def _aligned(x, labels: list, output: list):
    """x with its axes in the order of the output, and axes of extent 1 where it has none."""
    x = _ordered(x, labels, [a for a in output if a in labels])
    for position, label in enumerate(output):
        if label not in labels:
            x = call("expand_dims", x, axis=position)[0]
    return x
