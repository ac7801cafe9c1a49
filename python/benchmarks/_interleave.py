"""Timing two sides against each other on a noisy machine: alternate them in one process, compare medians of ratios."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

# Longer than idle threads of OpenMP, Eigen or our own pool spin after a call, so that no side pays for the other's.
SETTLE_SECONDS = 0.005


@dataclass
class Comparison:
    """How many times better ours is, with the quartiles over rounds, and both medians; no peer leaves ours alone.

    `best` is the ratio of the best rounds of both sides: what other processes disturb least.
    """

    ratio: float | None
    low: float | None
    high: float | None
    best: float | None
    ours: float
    peer: float | None

    def __str__(self) -> str:
        if self.ratio is None:
            return format_seconds(self.ours)
        times = f"{format_seconds(self.ours)} against {format_seconds(self.peer)}"
        return f"{self.ratio:5.2f} x  (quartiles {self.low:.2f} to {self.high:.2f}; {times})"


def format_seconds(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


class Clocked:
    """A side that times itself: a call returns the seconds that count."""

    def __init__(self, measured_call: Callable[[], float]):
        self.measured_call = measured_call

    def __call__(self) -> float:
        return self.measured_call()


def compare(
    ours: Callable[[], object],
    peer: Callable[[], object] | None,
    *,
    rounds: int = 15,
    seconds: float = 0.03,
    budget: float = 10.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Calls both sides in turn, `rounds` times, each turn long enough to last about `seconds`.

    Both sides are called untimed first, so that neither pays for warming up, and again at the beginning of each turn.
    The order within a round alternates. Calls that would take longer than `budget` seconds in all get fewer rounds.

    `clock` may be `time.process_time` where both sides run on one processor: then only the time counts that the
    processor spends on this process.
    """
    if isinstance(ours, Clocked) or isinstance(peer, Clocked):
        clock = time.perf_counter
    sides = [ours] if peer is None else [ours, peer]
    repeats, longest = [], 0.0
    for side in sides:
        side()
        _settle(side)
        single = min(_seconds(side, 1, clock), _seconds(side, 1, clock))
        repeats.append(max(1, round(seconds / max(single, 1e-9))))
        longest += max(seconds, 2 * single)
    rounds = max(min(rounds, 5), min(rounds, int(budget / longest)))
    times: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for index in order:
            _settle(sides[index])
            times[index].append(_seconds(sides[index], repeats[index], clock))
    return from_rounds(times[0], times[1] if peer is not None else [])


def from_rounds(ours: list[float], peer: list[float]) -> Comparison:
    """The comparison of what was measured on both sides in each round; nothing of the peer leaves ours alone."""
    if not peer:
        return Comparison(None, None, None, None, statistics.median(ours), None)
    ratios = sorted(theirs / mine for mine, theirs in zip(ours, peer, strict=True))
    quarter = len(ratios) // 4
    return Comparison(
        statistics.median(ratios),
        ratios[quarter],
        ratios[-1 - quarter],
        min(peer) / min(ours),
        statistics.median(ours),
        statistics.median(peer),
    )


def _settle(side: Callable[[], object]) -> None:
    end = time.perf_counter() + SETTLE_SECONDS
    side()
    while time.perf_counter() < end:
        side()


def _seconds(side: Callable[[], object], count: int, clock: Callable[[], float]) -> float:
    """Seconds of one call, the mean of `count`."""
    if isinstance(side, Clocked):
        return sum(side() for _ in range(count)) / count
    start = clock()
    for _ in range(count):
        side()
    return (clock() - start) / count


def limit_threads(count: int) -> None:
    """Restricts this process to `count` processors and tells every library so. Call it before importing any."""
    names = ("SWIFTBN", "OMP", "MKL", "OPENBLAS", "NUMEXPR")
    for name in names:
        os.environ[f"{name}_NUM_THREADS"] = str(count)
    os.environ.update(TF_NUM_INTRAOP_THREADS=str(count), TF_NUM_INTEROP_THREADS=str(count))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
