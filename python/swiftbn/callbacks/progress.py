"""Showing how training gets on: a live bar on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import time

from swiftbn import messages
from swiftbn.callbacks.base import Callback


def format_logs(logs) -> str:
    """`accuracy: 0.9831 - loss: 0.0521`."""
    parts = []
    for name, value in (logs or {}).items():
        if isinstance(value, (int, float)):
            text = f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"
            parts.append(f"{name}: {text}")
    return " - ".join(parts)


class ProgbarLogger(Callback):
    """verbose 1: a bar for each epoch through rich; verbose 2: a line for each epoch."""

    # A terminal shows no more than this many frames a second, so updating it costs nothing.
    _seconds_per_frame = 0.1
    # The one whose bar is on the screen: there is room for one, so that an evaluation in a callback shows none.
    _on_screen = None

    def __init__(self):
        super().__init__()
        self._bar = None
        self._task = None
        self._epoch = None
        self._in_fit = False

    @property
    def _verbose(self) -> int:
        return (self.params or {}).get("verbose", 1)

    def _start(self, label: str) -> None:
        self._began = time.perf_counter()
        self._count = 0
        self._shown = 0.0
        if self._verbose != 1 or ProgbarLogger._on_screen is not None or not messages.is_interactive_logging_enabled():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            TextColumn("{task.fields[logs]}"),
            refresh_per_second=10,
        )
        self._bar.start()
        ProgbarLogger._on_screen = self
        self._task = self._bar.add_task(label, total=self.params.get("steps"), logs="")

    def _advance(self, logs) -> None:
        self._count += 1
        if self._bar is None:
            return
        now = time.perf_counter()
        if now - self._shown >= self._seconds_per_frame:
            self._shown = now
            self._bar.update(self._task, completed=self._count, logs=format_logs(logs))

    def _finish(self, label: str, logs) -> None:
        seconds = time.perf_counter() - self._began
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count, logs=format_logs(logs))
            self._stop()
        elif self._verbose == 2:
            per_step = f"{1e3 * seconds / max(self._count, 1):.1f}ms/step"
            pieces = [label, f"{self._count}/{self._count}", f"{seconds:.1f}s", per_step, format_logs(logs)]
            messages.show(" - ".join(piece for piece in pieces if piece))

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            ProgbarLogger._on_screen = None

    def on_train_begin(self, logs=None):
        self._in_fit = True

    def on_train_end(self, logs=None):
        self._in_fit = False
        self._stop()

    _on_error = on_train_end

    def on_epoch_begin(self, epoch, logs=None):
        self._label = f"Epoch {epoch + 1}/{self.params.get('epochs')}"
        self._start(self._label)

    def on_train_batch_end(self, batch, logs=None):
        self._advance(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._finish(self._label, logs)

    def on_test_begin(self, logs=None):
        if not self._in_fit:
            self._start("Evaluate")

    def on_test_batch_end(self, batch, logs=None):
        if not self._in_fit:
            self._advance(logs)

    def on_test_end(self, logs=None):
        if not self._in_fit:
            self._finish("Evaluate", logs)

    def on_predict_begin(self, logs=None):
        self._start("Predict")

    def on_predict_batch_end(self, batch, logs=None):
        self._advance(None)

    def on_predict_end(self, logs=None):
        self._finish("Predict", None)
