"""Data in batches for tests of training."""

import threading

from swiftbn.utils import PyDataset

SIZES = [16, 16, 7, 11]


def pieces(*arrays, sizes=SIZES):
    begin = 0
    for size in sizes:
        yield tuple(array[begin : begin + size] for array in arrays)
        begin += size


class Dataset(PyDataset):
    def __init__(self, items, **arguments):
        super().__init__(**arguments)
        self.items = list(items)
        self.events = []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.events.append((index, threading.current_thread() is threading.main_thread()))
        return self.items[index]

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")


class Again:
    """An iterable without a length."""

    def __init__(self, items):
        self.items = list(items)

    def __iter__(self):
        return iter(self.items)
