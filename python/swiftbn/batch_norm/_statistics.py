"""Statistics of what batch normalizations are given, over any number of batches."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import NamedTuple

import numpy as np

from swiftbn import ops, tree
from swiftbn.compiled_function import jit
from swiftbn.layers import BatchNormalization
from swiftbn.models.data import check_batch_size, make_data
from swiftbn.ops._dispatch import call
from swiftbn.tensor import Tensor


class BatchMoments(NamedTuple):
    """Of one batch, per channel: arrays, or tensors of a trace."""

    count: int
    mean: object
    variance: object
    low: object
    high: object


def batch_moments(layer, inputs, mask) -> BatchMoments | None:
    """Of what a batch normalization is given, for masked inputs where the mask is true; None if there is nothing."""
    if not isinstance(inputs, np.ndarray) and (type(inputs) is not Tensor or mask is not None):
        raise TypeError(f"'{layer.name}': expected a model that runs on arrays. Received: {inputs!r}")
    axis = layer.axis
    if mask is not None:
        inputs, axis = inputs[np.asarray(mask).astype(bool)], -1
    shape = inputs.shape
    axis %= len(shape)
    axes = [i for i in range(len(shape)) if i != axis]
    if 0 in shape:
        return None
    # The fused kernel is the fastest that measures both; what it normalizes is not needed.
    attributes = {"axis": axis, "epsilon": 1.0, "scale": False, "center": False}
    _, mean, variance, _ = call("batch_norm", ops.cast(inputs, "float64"), **attributes)
    count = math.prod(shape[i] for i in axes)
    return BatchMoments(count, mean, variance, ops.min(inputs, axes), ops.max(inputs, axes))


class Moments:
    """Count, mean, biased variance, smallest and largest value per channel, of all batches that were added.

    Batches are joined exactly but for float64 rounding: with counts n, m, means a, b and sums of squared deviations
    P, Q the joined mean is a + (b - a)·m/(n + m) and the joined sum P + Q + (b - a)²·n·m/(n + m).
    Source: Chan, Golub & LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".
    """

    def __init__(self):
        self.count = 0
        self.mean = self.squares = self.low = self.high = None

    def add(self, batch: BatchMoments) -> None:
        """Adds a batch; its numbers are arrays."""
        count, mean, variance, low, high = batch
        squares = variance * count
        if self.count:
            total, step = self.count + count, mean - self.mean
            squares = self.squares + squares + step * step * (self.count * count / total)
            mean = self.mean + step * (count / total)
            low, high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.count += count
        self.mean, self.squares, self.low, self.high = mean, squares, low, high

    @property
    def variance(self) -> np.ndarray:
        """Biased; exactly 0 in channels whose values are all equal."""
        return np.where(self.is_constant, 0.0, self.squares / self.count)

    @property
    def is_constant(self) -> np.ndarray:
        return self.low == self.high


@contextlib.contextmanager
def replaced_calls(layers: list, around):
    """Inside, calling one of the layers calls `around(layer, call, inputs, mask)`, where `call()` does the usual."""
    for layer in layers:
        object.__setattr__(layer, "call", _wrapped(layer, layer.call, around))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _wrapped(layer, original, around):
    @functools.wraps(original)
    def call(*args, **kwargs):
        inputs = args[0] if args else kwargs["inputs"]
        mask = args[2] if len(args) > 2 else kwargs.get("mask")
        return around(layer, lambda: original(*args, **kwargs), inputs, mask)

    return call


def batch_norm_layers(model, what: str) -> list:
    """The batch normalizations in a built model.

    Raises:
        TypeError: not a model.
        ValueError: it is not built, or has none.
    """
    from swiftbn.models import Model

    if not isinstance(model, Model):
        raise TypeError(f"{what}: expected a model. Received: {model!r} (of type {type(model).__name__})")
    if not model.built:
        raise ValueError(
            f"{what}: expected a built model. Received: '{model.name}', which is not built; "
            "give it an Input, or call it or build() first"
        )
    found = [layer for layer in model._flatten_layers() if isinstance(layer, BatchNormalization)]
    if not found:
        raise ValueError(f"{what}: model '{model.name}' has no BatchNormalization")
    return found


class Batches:
    """A user's data for a model's inputs, in batches."""

    def __init__(self, x, batch_size=None):
        self._size = check_batch_size(batch_size)
        self._data = make_data(x)

    def __iter__(self):
        data, count = self._data, self._data.count
        for begin in range(0, count, self._size):
            yield tree.pack_as(data.x, list(data.rows(begin, min(begin + self._size, count))))


class _Enough(Exception):
    """Ends a forward pass of which nothing more is needed."""


def observe(model, layers: list, batches, calls: int | None = None, instead=None, compiles: bool = False) -> dict:
    """id of each layer → `Moments` of its inputs in inference mode, in the order in which the model calls the layers.

    Several calls of one layer count together; layers that are not called, or with nothing, are missing.

    Args:
        calls: ends each batch's pass after so many calls of the layers.
        instead: called in place of the layers, as `instead(layer, inputs, moments)`, unless there are no moments.
        compiles: the model may be traced, as it makes the same calls for all batches. All batches then run in the same
            memory, where passes over arrays allocate theirs anew.
    """

    def measure(x):
        measured = []

        def around(layer, call, inputs, mask):
            moments = batch_moments(layer, inputs, mask)
            measured.append((id(layer), moments))
            if len(measured) == calls:
                raise _Enough
            return call() if instead is None or moments is None else instead(layer, inputs, moments)

        with replaced_calls(layers, around), contextlib.suppress(_Enough):
            model(x, training=False)
        return measured

    found: dict = {}
    compiled = jit(measure) if compiles else None
    for x in batches:
        measured = None
        if compiled is not None:
            try:
                measured = compiled(x)
            except Exception:
                # Layers that cannot be traced (masks, NumPy) may run on arrays; what fails there as well, raises there.
                compiled = None
        for key, moments in measure(x) if measured is None else measured:
            joined = found.setdefault(key, Moments())
            if moments is not None:
                joined.add(moments)
    return {key: moments for key, moments in found.items() if moments.count}
