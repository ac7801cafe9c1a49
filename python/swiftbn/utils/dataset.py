"""Data that come batch by batch, by number."""

from __future__ import annotations

import collections
import itertools

from swiftbn._checks import integer


class PyDataset:
    """The base class of data sets that give complete batches by number, so that threads may prepare them ahead.

    A subclass defines `__len__`, the number of batches (or `num_batches`, None for endless data), and
    `__getitem__(index)`, which returns (x,), (x, y) or (x, y, sample_weight). `on_epoch_begin` and `on_epoch_end` are
    called around each epoch.

    Args:
        workers: number of threads that prepare batches while others are trained on; up to 1, none do.
        use_multiprocessing: only False: batches are prepared in threads.
        max_queue_size: how many batches may wait, with more than one worker.

    Raises:
        ValueError: `use_multiprocessing`, or numbers out of range.
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    # Defaults for subclasses whose constructor does not call this one.
    _workers, _max_queue_size = 1, 10

    @property
    def workers(self) -> int:
        return self._workers

    @workers.setter
    def workers(self, value: int):
        self._workers = integer("PyDataset", "workers", value, 0)

    @property
    def max_queue_size(self) -> int:
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int):
        self._max_queue_size = integer("PyDataset", "max_queue_size", value, 1)

    @property
    def use_multiprocessing(self) -> bool:
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool):
        if value:
            raise ValueError(
                "PyDataset: only use_multiprocessing=False is supported; workers > 1 prepares batches in threads. "
                f"Received: use_multiprocessing={value!r}"
            )

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} has to define __getitem__(index)")

    @property
    def num_batches(self) -> int | None:
        """Number of batches of an epoch, None for endless data."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__} has to define __len__() or the property num_batches")

    def __iter__(self):
        return (self[index] for index in _indices(self.num_batches))

    def on_epoch_begin(self):
        """Called before the first batch of an epoch is asked for."""

    def on_epoch_end(self):
        """Called behind the last batch of an epoch."""


def batches_in_order(dataset: PyDataset, order=None):
    """The batches with the numbers in `order` (by default all), prepared ahead by the data set's workers."""
    order = iter(_indices(dataset.num_batches) if order is None else order)
    if dataset.workers <= 1:
        yield from (dataset[index] for index in order)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(dataset.workers, thread_name_prefix="swiftbn-dataset")
    try:
        waiting = collections.deque()
        for index in itertools.islice(order, dataset.max_queue_size):
            waiting.append(pool.submit(dataset.__getitem__, index))
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(dataset.__getitem__, index) for index in itertools.islice(order, 1))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)


def _indices(count: int | None):
    return itertools.count() if count is None else range(count)
