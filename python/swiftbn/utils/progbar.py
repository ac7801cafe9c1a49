"""A progress bar for loops of one's own."""

from __future__ import annotations

import time

import numpy as np

from swiftbn import messages
from swiftbn._checks import one_of


class Progbar:
    """Shows how many steps of a loop are done, and the values that it has computed.

    Args:
        target: number of steps, None where it is not known.
        width: of the bar, in characters.
        verbose: 0 for silence, 1 for a bar (on a terminal it is drawn over, elsewhere each is a line), 2 for a line at
            the end.
        interval: least number of seconds between two bars.
        stateful_metrics: names of values that are shown as they are; all others are averaged over the steps.
        stateless_metrics: instead, names of the values that are averaged; all others are shown as they are.
        unit_name: what a step is called.

    Raises:
        ValueError: both lists of names, or another `verbose`.
    """

    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: expected stateful_metrics or stateless_metrics. Received: both")
        one_of("Progbar", "verbose", verbose, (0, 1, 2))
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        # Sums and weights by name.
        self._values: dict[str, list] = {}
        self._seen_so_far = 0
        self._start = time.perf_counter()
        self._last_update = float("-inf")
        self._first_step = None
        self._shown_width = 0

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def update(self, current, values=None, finalize=None) -> None:
        """Shows that `current` steps are done.

        Args:
            values: pairs (name, value of the last step).
            finalize: whether this is the end, by default when `target` is reached; the values are shown as they are.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or []:
            steps = max(current - self._seen_so_far, 1)
            if finalize or not self._is_averaged(name):
                self._values[name] = [value, 1]
            else:
                total, count = self._values.get(name, (0, 0))
                self._values[name] = [total + value * steps, count + steps]
        self._seen_so_far = current
        now = time.perf_counter()
        per_step = self._seconds_per_step(current, now)
        if self.verbose == 1 and (finalize or now - self._last_update >= self.interval):
            self._last_update = now
            self._draw(current, now, per_step, finalize)
        elif self.verbose == 2 and finalize and self.target:
            messages.show(" - ".join([self._count(current), f"{now - self._start:.0f}s", self._rest(per_step)]))

    def add(self, n, values=None) -> None:
        """Shows that `n` more steps are done."""
        self.update(self._seen_so_far + n, values)

    def _seconds_per_step(self, current, now: float) -> float:
        """Without the first step, which is often slower, as soon as there are others."""
        if not current:
            return 0.0
        if self._first_step is not None and current > 1:
            seconds = (now - self._first_step) / (current - 1)
        else:
            seconds = (now - self._start) / current
        if current == 1:
            self._first_step = now
        return seconds

    def _count(self, current) -> str:
        if not self.target:
            return f"{current}/Unknown"
        return f"{current:>{len(str(self.target))}}/{self.target}"

    def _rest(self, per_step: float) -> str:
        """The time for a step, and the values."""
        scale, unit = (1, "s") if per_step >= 1 or not per_step else (1e3, "ms") if per_step >= 1e-3 else (1e6, "us")
        parts = [f"{per_step * scale:.0f}{unit}/{self.unit_name}"]
        for name, (total, count) in self._values.items():
            value = float(np.mean(total)) / max(1, count)
            parts.append(f"{name}: {value:.4f}" if abs(value) > 1e-3 else f"{name}: {value:.4e}")
        return " - ".join(parts)

    def _draw(self, current, now: float, per_step: float, finalize: bool) -> None:
        text = self._count(current)
        if self.target:
            done = int(self.width * min(1.0, current / self.target))
            text += f" {'━' * done}{'─' * (self.width - done)}"
        if self.target and not finalize:
            text += f" {_clock(per_step * (self.target - current))}"
        else:
            text += f" {now - self._start:.0f}s"
        text += f" {self._rest(per_step)}"
        if messages.has_terminal():
            # What is left of a longer line is covered with blanks.
            messages.show(f"\r{text:<{self._shown_width}}", end="\n" if finalize else "")
            self._shown_width = len(text)
        else:
            messages.show(text)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}" if minutes else f"{rest}s"
