"""Data sets of samples that are made when they are asked for."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import positive_integer
from swiftbn.utils.dataset import PyDataset


class Samples(PyDataset):
    """Batches of samples, in an order of their own in each epoch if they are shuffled.

    Args:
        count: number of samples.
        batch_size: samples per batch; None gives samples one by one, without an axis for the batch.
        shuffle: whether each epoch has another order.
        seed: integer that the orders follow from.
        others: of `PyDataset`.
    """

    def __init__(self, count: int, batch_size: int | None, shuffle: bool, seed, **kwargs):
        super().__init__(**kwargs)
        self._count = count
        self._batch_size = (
            None if batch_size is None else positive_integer(type(self).__name__, "batch_size", batch_size)
        )
        self._seed = int(np.random.randint(10**6)) if seed is None else seed
        self._epoch = 0
        self._shuffle = shuffle
        self._order = np.arange(count)

    def __len__(self) -> int:
        return self._count if self._batch_size is None else -(-self._count // self._batch_size)

    def __getitem__(self, index: int):
        if not -len(self) <= index < len(self):
            raise IndexError(f"Expected a number of {len(self)} batches. Received: {index}")
        index %= len(self)
        if self._batch_size is None:
            return self.sample(self._order[index])
        return self.batch(self._order[index * self._batch_size : (index + 1) * self._batch_size])

    def __iter__(self):
        self.on_epoch_begin()
        return super().__iter__()

    def on_epoch_begin(self):
        """Draws the order of the epoch."""
        if self._shuffle:
            self._order = np.random.default_rng((self._seed, self._epoch)).permutation(self._count)
            self._epoch += 1

    def sample(self, index: int):
        """A sample: x or (x, y)."""
        raise NotImplementedError

    def batch(self, indices: np.ndarray):
        """Samples with an axis for the batch in front."""
        samples = [self.sample(index) for index in indices]
        if isinstance(samples[0], tuple):
            return tuple(np.stack(parts) for parts in zip(*samples, strict=True))
        return np.stack(samples)


class ArraySamples(Samples):
    """Rows of arrays, nested in lists, tuples or dicts or not."""

    def __init__(self, arrays, batch_size: int | None = None, shuffle: bool = False, seed=None, **kwargs):
        from swiftbn import tree

        self.arrays = arrays
        super().__init__(len(tree.flatten(arrays)[0]), batch_size, shuffle, seed, **kwargs)

    def sample(self, index: int):
        return self.batch(index)

    def batch(self, indices):
        from swiftbn import tree

        return tree.map_structure(lambda array: array[indices], self.arrays)
