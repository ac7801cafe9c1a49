"""What layers that join several tensors share: checks of the list, ranks that differ, masks."""

from __future__ import annotations

import functools

from swiftbn import ops
from swiftbn.layers.layer import Layer
from swiftbn.masking import get_keras_mask, set_keras_mask


class Merge(Layer):
    """A layer called on a list of tensors of one batch size, whose shapes broadcast.

    Tensors of a lower rank get axes of extent 1 behind the batch. A position of the output counts if it does in one of
    the inputs; without a mask on each of them there is none. Subclasses define `_merge_function(inputs)`.
    """

    # How many tensors the list may have.
    least = 1
    most = None

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self._check_shapes(input_shape)

    def call(self, inputs):
        self._check_list(inputs, "tensors")
        rank = max(len(x.shape) for x in inputs)
        if any(len(x.shape) != rank for x in inputs):
            inputs = [_raised(x, rank) for x in inputs]
        return self._merge_function(inputs)

    def _merge_function(self, inputs):
        raise NotImplementedError(f"{type(self).__name__} has to define _merge_function(inputs)")

    def compute_output_shape(self, input_shape):
        return self._check_shapes(input_shape)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        return None if any(m is None for m in mask) else functools.reduce(ops.logical_or, mask)

    def get_config(self) -> dict:
        return super().get_config()

    def _check_list(self, items, what: str) -> None:
        count = len(items) if isinstance(items, (list, tuple)) else -1
        if count < self.least or (self.most is not None and count > self.most):
            expected = f"{self.least}" if self.most == self.least else f"at least {self.least}"
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected a list of {expected} {what}. Received: {items!r}"
            )

    def _check_shapes(self, shapes) -> tuple:
        """The shape of the output."""
        nested = isinstance(shapes, (list, tuple)) and all(isinstance(shape, (list, tuple)) for shape in shapes)
        self._check_list(shapes if nested else None, "tensors")
        batches = {shape[0] for shape in shapes if shape} - {None}
        if len(batches) > 1:
            raise self._unfit(shapes, "one batch size")
        result: tuple = ()
        for shape in shapes:
            result = self._broadcast(result, tuple(shape[1:]), shapes)
        return (batches.pop() if batches else None, *result)

    def _broadcast(self, a: tuple, b: tuple, shapes) -> tuple:
        rank = max(len(a), len(b))
        result = []
        for x, y in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True):
            if x == 1 or y == 1:
                result.append(y if x == 1 else x)
            elif x is not None and y is not None and x != y:
                raise self._unfit(shapes, "shapes that broadcast")
            else:
                result.append(None if x is None or y is None else x)
        return tuple(result)

    def _unfit(self, shapes, expected: str) -> ValueError:
        return ValueError(
            f"{type(self).__name__} '{self.name}': expected inputs of {expected}. "
            f"Received: shapes {', '.join(str(tuple(shape)) for shape in shapes)}"
        )

    def _check_masks(self, inputs, mask) -> None:
        if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected mask to be a list of {len(inputs)} masks or Nones, "
                f"one for each input. Received: mask={mask!r}"
            )

    def _merge_masked(self, function, inputs):
        """`function` of the tensors two by two; where only one of two counts, it alone."""
        output, output_mask = inputs[0], wide_mask(inputs[0])
        for x in inputs[1:]:
            mask = wide_mask(x)
            if mask is not None:
                x = ops.where(mask, x, output)
            if output_mask is not None:
                output = ops.where(output_mask, output, x)
            both = mask is not None and output_mask is not None
            output_mask = ops.logical_or(output_mask, mask) if both else None
            output = function(output, x)
        if output_mask is not None:
            give_mask(output, output_mask, inputs)
        return output


def _raised(x, rank: int):
    """x with axes of extent 1 behind the batch."""
    return ops.expand_dims(x, tuple(range(1, 1 + rank - len(x.shape)))) if len(x.shape) < rank else x


def wide_mask(x):
    """The mask of a tensor as a truth value for each of its elements; None if it has none."""
    mask = get_keras_mask(x)
    if mask is None:
        return None
    for _ in range(len(x.shape) - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return ops.logical_or(mask, ops.zeros_like(x, dtype="bool"))


def give_mask(output, wide, inputs) -> None:
    """Sets the mask of an output from truth values for its elements; it has as many axes as the inputs' masks."""
    axes = tuple(range(max(len(get_keras_mask(x).shape) for x in inputs), len(wide.shape)))
    set_keras_mask(output, ops.any(wide, axis=axes) if axes else wide)
