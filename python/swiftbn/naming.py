"""Names: automatic ones ("dense", "dense_1", …) and the scopes that make a variable's path."""

from __future__ import annotations

import collections
import re
import threading

_counts: dict[str, int] = collections.defaultdict(int)
_local = threading.local()


def to_snake_case(name: str) -> str:
    """ "BatchNormalization" → "batch_normalization", "Conv2D" → "conv2d"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """`name` the first time, then `name_1`, `name_2`, …"""
    count = _counts[name]
    _counts[name] += 1
    return f"{name}_{count}" if count else name


def count(name: str) -> int:
    """Counts a name once more, and returns how often it was."""
    _counts[name] += 1
    return _counts[name]


def auto_name(prefix: str) -> str:
    """A unique name made from a class name."""
    return uniquify(to_snake_case(prefix))


def reset_uids() -> None:
    """Starts counting names anew; done by `clear_session`."""
    _counts.clear()


def check_name(name: str) -> str:
    """Raises ValueError unless `name` is a string without "/"."""
    if not isinstance(name, str) or "/" in name:
        raise ValueError(f"Expected name to be a string without '/'. Received: name={name!r}")
    return name


def _stack() -> list:
    if not hasattr(_local, "scopes"):
        _local.scopes = []
    return _local.scopes


class name_scope:
    """Variables made inside have `name/` in front of their path.

    Args:
        name: without "/".
        caller: the object that opens the scope.
        deduplicate: whether a scope opened again at once by the same `caller` under the same name is entered only once.
        override_parent: path that stands in place of those of the scopes that are open.

    Raises:
        ValueError: a name that is no string, or holds "/".
    """

    def __init__(self, name: str, caller=None, deduplicate: bool = True, override_parent: str | None = None):
        self.name = check_name(name)
        self.caller = caller
        self.deduplicate = deduplicate
        self.override_parent = override_parent
        self._entered = False

    def __enter__(self):
        stack = _stack()
        own = (self.name, None if self.caller is None else id(self.caller), self.override_parent)
        if not (self.deduplicate and self.caller is not None and stack and stack[-1][:2] == own[:2]):
            stack.append(own)
            self._entered = True
        return self

    def __exit__(self, *exception):
        if self._entered:
            _stack().pop()
            self._entered = False


class root_scope(name_scope):
    """A scope that is the outermost one inside, whatever is open around it."""

    def __enter__(self):
        self._around = _stack()[:]
        _stack().clear()
        return super().__enter__()

    def __exit__(self, *exception):
        super().__exit__()
        _stack().extend(self._around)


def current_path() -> str:
    """The open scopes joined by "/"."""
    parts: list[str] = []
    for name, _, parent in _stack():
        if parent is not None:
            parts = [part for part in parent.split("/") if part]
        parts.append(name)
    return "/".join(parts)
