"""Where batches come from: arrays, data sets that give batches by number, and anything that can be iterated over."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from swiftbn import tree
from swiftbn.config import max_steps_per_epoch
from swiftbn.models.data import Data, check_batch_size, make_data
from swiftbn.utils.dataset import PyDataset, batches_in_order
from swiftbn.utils.packing import unpack_x_y_sample_weight


class Batch(NamedTuple):
    """Data to run a program on: rows `indices` of the arrays, or all rows for None.

    `data` is the batch or what it is a part of: its structure, shapes of samples and dtypes choose the program.
    """

    data: Data
    count: int
    arrays: tuple
    indices: np.ndarray | None = None


class Order:
    """The random order of each epoch. It follows from NumPy's random state when training begins and from the epoch's
    number, so that training that is resumed with the same seed sees the orders that it would have seen."""

    def __init__(self):
        self._seed = int(np.random.randint(2**32, dtype=np.uint64))

    def permutation(self, count: int, epoch: int) -> np.ndarray:
        return np.random.default_rng((self._seed, epoch)).permutation(count)


class ArrayBatches:
    """Rows of arrays.

    Args:
        data: arrays, brought into the form that programs take.
        batch_size: rows per batch; the last one may have fewer.
        shuffle: False, True for all rows in random order, or "batch" for full batches in random order.
    """

    def __init__(self, data: Data, batch_size: int, shuffle=False):
        self._data = data
        self._arrays = data.arrays
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._order = Order() if shuffle else None
        self.count = -(-data.count // batch_size)

    def prepare(self) -> None:
        """Nothing is left to do."""

    def on_epoch_begin(self) -> None: ...
    def on_epoch_end(self) -> None: ...

    def batches(self, epoch: int):
        size, count = self._batch_size, self._data.count
        if self._shuffle is True:
            order = self._order.permutation(count, epoch)
            for begin in range(0, count, size):
                indices = order[begin : begin + size]
                yield Batch(self._data, len(indices), self._arrays, indices)
            return
        begins = np.arange(0, count, size)
        if self._shuffle:
            full = count // size
            begins[:full] = begins[self._order.permutation(full, epoch)]
        for begin in begins.tolist():
            end = min(begin + size, count)
            yield Batch(self._data, end - begin, tuple(array[begin:end] for array in self._arrays))


class DatasetBatches:
    """Batches of a PyDataset; `standardize` brings each into the form that programs take."""

    def __init__(self, dataset: PyDataset, standardize, shuffle=False):
        self._dataset = dataset
        self._standardize = standardize
        self._order = Order() if shuffle and dataset.num_batches is not None else None
        if self.count == 0:
            raise ValueError(f"Expected at least one batch. Received: {type(dataset).__name__} without batches")

    @property
    def count(self) -> int | None:
        return self._dataset.num_batches

    def prepare(self) -> None:
        """Shows the model a batch."""
        self._standardize(self._dataset[0])

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()

    def batches(self, epoch: int):
        order = None if self._order is None else self._order.permutation(self.count, epoch).tolist()
        return map(self._standardize, batches_in_order(self._dataset, order))


class IterableBatches:
    """Batches of a generator, or of anything that can be iterated over anew in each epoch."""

    def __init__(self, iterable, standardize):
        self._iterable = iterable
        self._standardize = standardize
        # The batches that were asked for before the first epoch, in front of those that follow them.
        self._first = None
        self.count = _length(iterable)

    def prepare(self) -> None:
        """Shows the model the first batch, with which the first epoch then begins."""
        iterator = iter(self._iterable)
        first = next(iterator, None)
        if first is None:
            raise ValueError(f"Expected at least one batch. Received: {type(self._iterable).__name__} without batches")
        self._first = (self._standardize(first), iterator)

    def on_epoch_begin(self) -> None: ...
    def on_epoch_end(self) -> None: ...

    def batches(self, epoch: int):
        if self._first is None:
            iterator = iter(self._iterable)
        else:
            (first, iterator), self._first = self._first, None
            yield first
        yield from map(self._standardize, iterator)


def _length(iterable) -> int | None:
    try:
        return len(iterable)
    except TypeError:
        # Also of PyTorch's loaders of endless data.
        return None


class Epochs:
    """The batches of one epoch after another.

    With a number of steps an epoch that `goes_on` begins where the last one ended, and the source is begun anew when it
    has ended.
    """

    def __init__(self, source, steps: int | None, goes_on: bool = False):
        steps = _limited(source, steps)
        self._source = source
        self._steps = steps
        self._goes_on = goes_on and steps is not None
        self._rest = None
        self.steps = source.count if steps is None else steps

    def epoch(self, number: int):
        """Yields the batches; warns when there are none, or fewer than the steps ask for."""
        self._source.on_epoch_begin()
        done = 0
        for batch in self._continued(number):
            yield batch
            done += 1
            if done == self._steps:
                break
        else:
            self._rest = None
            if done < (self._steps or 1):
                wanted = "" if self._steps is None else f" of {self._steps}"
                warnings.warn(
                    f"The data ended after {done}{wanted} batches of an epoch. Expected batches for all epochs, or "
                    "data that can be iterated over again",
                    stacklevel=3,
                )
        self.steps = self.steps or done
        self._source.on_epoch_end()

    def _continued(self, number: int):
        first = None if self._rest is None or not self._goes_on else next(self._rest, None)
        if first is None:
            self._rest = iter(self._source.batches(number))
        else:
            yield first
        # `yield from` would close the source when an epoch ends before it does.
        for batch in self._rest:  # noqa: UP028
            yield batch


def _limited(source, steps: int | None) -> int | None:
    limit = max_steps_per_epoch()
    known = source.count if steps is None else steps
    if limit is None or (known is not None and known <= limit):
        return steps
    warnings.warn(f"Limiting the steps of an epoch to {limit}, as config.max_steps_per_epoch() says", stacklevel=4)
    return limit


def is_array_data(x) -> bool:
    """Whether this is data as arrays, and not something that gives batches."""
    if isinstance(x, PyDataset):
        return False
    return x is None or tree.is_nested(x) or isinstance(x, (str, bytes)) or hasattr(x, "__array__") or not _iterates(x)


def _iterates(x) -> bool:
    return hasattr(x, "__iter__") or hasattr(x, "__next__")


def make_source(
    model, kind: str, x, y=None, sample_weight=None, class_weight=None, batch_size=None, steps=None, shuffle=False
):
    """The source of batches for what a user passes as data.

    Raises:
        ValueError: arguments that data in batches do not take.
    """
    if is_array_data(x):
        data = make_data(x, y, sample_weight, class_weight)
        return array_source(model, kind, data, batch_size, steps, shuffle)
    given = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"Expected {name}=None with data in batches: they hold (x, y) or (x, y, sample_weight) themselves. "
                f"Received: x of type {type(x).__name__} and {name}"
            )

    def standardize(batch) -> Batch:
        x, y, weight = unpack_x_y_sample_weight(batch)
        data = make_data(x, None, None) if kind == "predict" else make_data(x, y, weight, class_weight)
        data = model._prepare(kind, data)
        return Batch(data, data.count, data.arrays)

    if not isinstance(x, PyDataset):
        return IterableBatches(x, standardize)
    if x.num_batches is None and steps is None:
        raise ValueError(
            f"Expected a number of steps for endless data. Received: {type(x).__name__} with num_batches=None"
        )
    return DatasetBatches(x, standardize, shuffle)


def array_source(model, kind: str, data: Data, batch_size=None, steps=None, shuffle=False) -> ArrayBatches:
    """Batches of arrays; without a batch size they are divided into the steps, or else come in batches of 32."""
    default = 32 if steps is None else -(-data.count // steps)
    batch_size = check_batch_size(batch_size, default)
    return ArrayBatches(model._prepare(kind, data), batch_size, shuffle)
