"""A mapping that forgets what was not used for longest."""

from __future__ import annotations

import threading
from collections.abc import Mapping

# Compiled programs that a model, or a function made by `jit`, keeps. A program holds the memory of all its steps.
PROGRAM_LIMIT = 64


class Recent(Mapping):
    """Values by key, at most `limit`: a new one takes the place of the one that was read or put in longest ago.

    `get` counts as a use; iteration and `in` do not.
    """

    def __init__(self, limit: int = PROGRAM_LIMIT):
        self._limit = limit
        self._values: dict = {}
        self._lock = threading.Lock()

    def __getitem__(self, key):
        with self._lock:
            # Dicts keep the order of insertion, so what was used last stands last.
            value = self._values[key] = self._values.pop(key)
        return value

    def __setitem__(self, key, value) -> None:
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = value
            while len(self._values) > self._limit:
                del self._values[next(iter(self._values))]

    def __contains__(self, key) -> bool:
        return key in self._values

    def items(self):
        return self._values.items()

    def __iter__(self):
        return iter(self._values)

    def __reduce__(self):
        """A copy is empty: what is kept here belongs to its owner, and can be made again."""
        return Recent, (self._limit,)

    def __len__(self) -> int:
        return len(self._values)
