"""Statistics of what batch normalizations are given, over any number of batches."""

from __future__ import annotations

import contextlib
import functools

import numpy as np

from swiftbn import ops, tree
from swiftbn.layers import BatchNormalization
from swiftbn.models.data import check_batch_size, make_data
from swiftbn.ops._dispatch import call


class Moments:
    """Count, mean, biased variance, smallest and largest value per channel, of all batches that were added.

    Batches are joined exactly but for float64 rounding: with counts n, m, means a, b and sums of squared deviations
    P, Q the joined mean is a + (b - a)·m/(n + m) and the joined sum P + Q + (b - a)²·n·m/(n + m).
    Source: Chan, Golub & LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".
    """

    def __init__(self):
        self.count = 0
        self.mean = self.squares = self.low = self.high = None

    def add(self, x, axis: int) -> None:
        """Adds a batch with channels on `axis`."""
        x = np.asarray(x)
        axis %= x.ndim
        count = x.size // x.shape[axis] if x.shape[axis] else 0
        if count == 0:
            return
        axes = [i for i in range(x.ndim) if i != axis]
        # The fused kernel is the fastest that measures both; what it normalizes is not needed.
        attributes = {"axis": axis, "epsilon": 1.0, "scale": False, "center": False}
        _, mean, variance, _ = call("batch_norm", ops.cast(x, "float64"), **attributes)
        low, high, squares = ops.min(x, axes), ops.max(x, axes), variance * count
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


def add_batch(moments: Moments, layer, inputs, mask) -> None:
    """Adds what a batch normalization is given; of masked inputs the positions where the mask is true."""
    if not isinstance(inputs, np.ndarray):
        raise TypeError(f"'{layer.name}': expected a model that runs on arrays. Received: {inputs!r}")
    if mask is not None:
        inputs = inputs[np.asarray(mask).astype(bool)]
    moments.add(inputs, layer.axis if mask is None else -1)


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


def observe(model, layers: list, batches, calls: int | None = None) -> dict:
    """id of each layer → `Moments` of its inputs in inference mode, in the order in which the model calls the layers.

    Several calls of one layer count together; layers that are not called are missing. With `calls`, each batch's pass
    ends after so many calls of the layers.
    """
    found: dict = {}
    left = calls

    def around(layer, call, inputs, mask):
        nonlocal left
        add_batch(found.setdefault(id(layer), Moments()), layer, inputs, mask)
        if calls is not None:
            left -= 1
            if left == 0:
                raise _Enough
        return call()

    with replaced_calls(layers, around):
        for x in batches:
            left = calls
            with contextlib.suppress(_Enough):
                model(x, training=False)
    return {key: moments for key, moments in found.items() if moments.count}
