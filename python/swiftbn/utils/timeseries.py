"""Windows of a time series."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import integer, one_of, positive_integer
from swiftbn.utils.samples import Samples

_NAME = "timeseries_dataset_from_array"


class Windows(Samples):
    """Parts of an array, by the places where they begin."""

    def __init__(self, data, targets, starts, offsets, batch_size, shuffle: bool, seed):
        super().__init__(len(starts), batch_size, shuffle, seed)
        self._data, self._targets, self._starts, self._offsets = data, targets, starts, offsets

    def sample(self, index):
        return self.batch(index)

    def batch(self, indices):
        starts = self._starts[indices]
        windows = self._data[np.add.outer(starts, self._offsets)]
        return windows if self._targets is None else (windows, self._targets[starts])


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
) -> Windows:
    """Batches of windows over a series of points in time, with their targets.

    Window k holds the points s, s + sampling_rate, …, `sequence_length` of them, with s = k·sequence_stride, and its
    target is `targets[s]`: to predict what comes behind a window, targets = data[sequence_length · sampling_rate:].

    Args:
        data: array, whose first axis is time.
        targets: array with the targets of the windows by their first points, or None for windows alone.
        sequence_length: number of points of a window.
        sequence_stride: distance between windows.
        sampling_rate: distance between the points of a window.
        batch_size: windows per batch; None gives windows one by one.
        shuffle: whether windows come in random order, another one in each epoch.
        seed: of the orders.
        start_index, end_index: only points from the one to the other, without it, are used.
        format: "tf", the default; a `PyDataset` of NumPy arrays is returned.

    Shapes: data (T, …) → batches (batch_size, sequence_length, …), targets (batch_size, …).

    Raises:
        ValueError: numbers out of range.
    """
    one_of(_NAME, "format", format, ("tf",))
    data = np.asarray(data)
    targets = None if targets is None else np.asarray(targets)
    count = len(data)
    for name, value in (("sequence_length", sequence_length), ("sampling_rate", sampling_rate)):
        if positive_integer(_NAME, name, value) >= count and not (name == "sequence_length" and value == count):
            raise ValueError(f"{_NAME}: expected {name} below the length of data, {count}. Received: {name}={value}")
    if positive_integer(_NAME, "sequence_stride", sequence_stride) >= count:
        raise ValueError(
            f"{_NAME}: expected sequence_stride below the length of data, {count}. Received: {sequence_stride=}"
        )
    start = 0 if start_index is None else integer(_NAME, "start_index", start_index, 0)
    end = count if end_index is None else integer(_NAME, "end_index", end_index, 1)
    if not start < end <= count:
        raise ValueError(
            f"{_NAME}: expected 0 <= start_index < end_index <= {count}. Received: {start_index=}, {end_index=}"
        )
    if targets is not None:
        targets = targets[start:end]
    windows = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        windows = min(windows, len(targets))
    starts = np.arange(0, max(windows, 0), sequence_stride)
    offsets = np.arange(sequence_length) * sampling_rate
    return Windows(data[start:end], targets, starts, offsets, batch_size, shuffle, seed)
