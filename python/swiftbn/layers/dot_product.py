"""Products of samples."""

from __future__ import annotations

import string

from swiftbn import ops
from swiftbn.layers._merge import Merge

# The square of the smallest norm by which is divided.
_SMALLEST = 1e-14


class Dot(Merge):
    """Sum product of two tensors over one axis of each, sample by sample.

    Shapes: (N, *a), (N, *b) → (N, *a without its axis, *b without its axis), and (N, 1) for two of rank 2.

    Args:
        axes: the axis of the first and that of the second, or one for both; not 0, the batch.
        normalize: whether vectors along these axes are divided by their Euclidean norm first, which gives the cosine.
    """

    least = most = 2

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        items = axes if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(items) != 2 or not all(isinstance(i, int) and not isinstance(i, bool) and i != 0 for i in items):
            raise ValueError(f"Dot: expected axes to be one or two integers, none of them 0. Received: axes={axes!r}")
        self.axes = axes
        self.normalize = bool(normalize)

    def call(self, inputs):
        self._check_list(inputs, "tensors")
        first, second = self._axes_in([x.shape for x in inputs])
        a, b = inputs
        if self.normalize:
            a, b = _unit(a, first), _unit(b, second)
        letters = string.ascii_letters
        a_labels = list(letters[: len(a.shape)])
        b_labels = [letters[0], *letters[len(a.shape) : len(a.shape) + len(b.shape) - 1]]
        b_labels[second] = a_labels[first]
        output = [x for i, x in enumerate(a_labels) if i != first]
        output += [x for i, x in enumerate(b_labels) if i not in (0, second)]
        result = ops.einsum(f"{''.join(a_labels)},{''.join(b_labels)}->{''.join(output)}", a, b)
        return ops.expand_dims(result, 1) if len(output) == 1 else result

    def _axes_in(self, shapes) -> tuple:
        """The two axes, counted from the front."""
        items = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes,) * 2
        found = []
        for axis, shape in zip(items, shapes, strict=True):
            rank = len(shape)
            if rank < 2 or not -rank < axis < rank:
                raise self._unfit(shapes, f"rank >= 2 that have the axes {self.axes}")
            found.append(axis % rank)
        return tuple(found)

    def _check_shapes(self, shapes) -> tuple:
        nested = isinstance(shapes, (list, tuple)) and all(isinstance(shape, (list, tuple)) for shape in shapes)
        self._check_list(shapes if nested else None, "tensors")
        first, second = self._axes_in(shapes)
        a, b = list(shapes[0]), list(shapes[1])
        if None not in (a[0], b[0]) and a[0] != b[0]:
            raise self._unfit(shapes, "one batch size")
        if None not in (a[first], b[second]) and a[first] != b[second]:
            raise self._unfit(shapes, f"equal extents on axes {first} and {second}")
        a.pop(first)
        b.pop(second)
        result = (*a, *b[1:])
        return result if len(result) > 1 else (*result, 1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self) -> dict:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _unit(x, axis: int):
    squares = ops.sum(ops.square(x), axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, _SMALLEST)))


def dot(inputs, axes=-1, **kwargs):
    """Sum product of two tensors over one axis of each, by a `Dot` layer."""
    return Dot(axes=axes, **kwargs)(inputs)
