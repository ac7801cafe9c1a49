"""Messages for those who watch: on standard output, or through Python's `logging`."""

from __future__ import annotations

import sys

_state = {"interactive": True}


def enable_interactive_logging() -> None:
    """Messages (of callbacks with `verbose`, data sets, lines per epoch) go to standard output, as by default."""
    _state["interactive"] = True


def disable_interactive_logging() -> None:
    """Messages go to the logger "swiftbn" of Python's `logging`, with the level INFO; there are no progress bars."""
    _state["interactive"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages go to standard output."""
    return _state["interactive"]


def show(text: str, end: str = "\n") -> None:
    """Shows a message in the chosen way."""
    if _state["interactive"]:
        print(text, end=end, flush=True)
    elif text.strip():
        import logging

        logging.getLogger("swiftbn").info(text.strip())


def has_terminal() -> bool:
    """Whether messages go to a terminal, on which they can be overwritten."""
    return _state["interactive"] and sys.stdout is not None and sys.stdout.isatty()
