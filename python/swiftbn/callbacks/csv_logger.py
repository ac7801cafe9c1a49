"""Logs of epochs in a file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable

from swiftbn.callbacks.base import Callback


class CSVLogger(Callback):
    """Writes one line per epoch: the epoch and its logs in the order of their names.

    Args:
        filename: file to write.
        separator: between fields.
        append: whether lines go behind those of an existing file.

    Raises:
        ValueError: a separator that is not one character.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1 or separator in '\r\n"':
            raise ValueError(f"CSVLogger: expected separator to be one character. Received: separator={separator!r}")
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file = None
        self._writer = None
        self._keys = None

    def on_train_begin(self, logs=None):
        has_lines = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self.on_train_end()
        self._file = open(self.filename, "a" if self.append else "w", newline="")
        self._needs_header = not has_lines
        self._writer = None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self._writer is None:
            # With validation every few epochs its columns are there from the first line on.
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in logs):
                self._keys += [f"val_{key}" for key in self._keys if key != "learning_rate"]
            self._writer = csv.DictWriter(self._file, ["epoch", *self._keys], delimiter=self.separator)
            if self._needs_header:
                self._writer.writeheader()
        row = {key: _text(logs.get(key, "NA")) for key in self._keys}
        self._writer.writerow({"epoch": epoch, **row})
        self._file.flush()

    def on_train_end(self, logs=None):
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None

    _on_error = on_train_end


def _text(value):
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f'"[{", ".join(map(str, value))}]"'
    return value
