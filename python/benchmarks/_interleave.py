"""Timing two sides against each other on a noisy machine: alternate them in one process, compare medians of ratios."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Comparison:
    """Result of `compare`: how many times faster ours is, with the quartiles over rounds, and both medians."""

    ratio: float
    low: float
    high: float
    ours: float
    peer: float

    def __str__(self) -> str:
        times = f"{_format(self.ours)} against {_format(self.peer)}"
        return f"{self.ratio:5.2f} x  (quartiles {self.low:.2f} to {self.high:.2f}; {times})"


def _format(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def compare(
    ours: Callable[[], object], peer: Callable[[], object], *, rounds: int = 21, seconds: float = 0.05
) -> Comparison:
    """Calls both sides in turn, `rounds` times, each turn long enough to last about `seconds`.

    Both sides are called untimed first, so that neither pays for warming up. The order within a round alternates.
    """
    sides = (ours, peer)
    repeats = []
    for side in sides:
        side()
        start = time.perf_counter()
        side()
        repeats.append(max(1, round(seconds / max(time.perf_counter() - start, 1e-9))))
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for index in order:
            side, count = sides[index], repeats[index]
            side()
            start = time.perf_counter()
            for _ in range(count):
                side()
            times[index].append((time.perf_counter() - start) / count)
    ratios = sorted(peer / mine for mine, peer in zip(*times, strict=True))
    quarter = len(ratios) // 4
    return Comparison(
        statistics.median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
        statistics.median(times[0]),
        statistics.median(times[1]),
    )


def limit_threads(count: int) -> None:
    """Restricts this process to `count` processors and tells every library so. Call it before importing any."""
    for name in ("SWIFTBN_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
