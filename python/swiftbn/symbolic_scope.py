"""Code that is run to find shapes only."""

from __future__ import annotations

import threading

_local = threading.local()


class SymbolicScope:
    """Marks code that finds shapes: losses of layers called inside are not collected by a `StatelessScope`.

    Code of one's own asks `in_symbolic_scope()`. Scopes may be nested.
    """

    def __enter__(self) -> SymbolicScope:
        _local.depth = getattr(_local, "depth", 0) + 1
        return self

    def __exit__(self, *exception) -> None:
        _local.depth -= 1


def in_symbolic_scope() -> bool:
    """Whether this thread runs code in a `SymbolicScope`."""
    return getattr(_local, "depth", 0) > 0
