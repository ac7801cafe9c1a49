"""Timing two sides against each other on a noisy machine: alternate them, compare medians of ratios.

The sides run in processes of their own (`_side.py`), so that neither's memory and threads meet the other's. Some times
differ from process to process: PyTorch's training step of the documents' CNN was measured with 0 to 5,000 page faults,
and at 17 to 30 ms, in processes that did nothing else. So what has `PROCESSES` is measured in several.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

# Longer than idle threads spin after a call: those of ONNX Runtime for 35 ms, of OpenMP, Eigen and our pool for less.
SETTLE_SECONDS = 0.06
# Where only a process' own time counts.
SHORT_SETTLE_SECONDS = 0.005


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
    """A function that times itself: a call returns the seconds that count."""

    def __init__(self, measured_call: Callable[[], float]):
        self.measured_call = measured_call

    def __call__(self) -> float:
        return self.measured_call()


class Stopwatch:
    """Times one side's function.

    `clock` may be `time.process_time` where the process runs on one processor: then only the time counts that the
    processor spends on it.
    """

    def __init__(self, function: Callable[[], object], clock: Callable[[], float] = time.perf_counter):
        self._function = function
        self._clock = clock

    def single(self) -> float:
        """Seconds of one call, after calls that are not timed."""
        self._function()
        return min(self.seconds(1), self.seconds(1))

    def seconds(self, count: int) -> float:
        """Seconds of one call, the mean of `count`, after calls that let the threads of others go to sleep."""
        self._settle()
        if isinstance(self._function, Clocked):
            return sum(self._function() for _ in range(count)) / count
        start = self._clock()
        for _ in range(count):
            self._function()
        return (self._clock() - start) / count

    def _settle(self) -> None:
        long = self._clock is time.perf_counter
        end = time.perf_counter() + (SETTLE_SECONDS if long else SHORT_SETTLE_SECONDS)
        self._function()
        while time.perf_counter() < end:
            self._function()


def alternate(
    ours: Stopwatch, peer: Stopwatch | None, *, rounds: int = 15, seconds: float = 0.03, budget: float = 10.0
) -> tuple[list[float], list[float]]:
    """The seconds of a call of each side in each of `rounds` rounds of a turn each, which last about `seconds` each.

    The order within a round alternates. Calls that would take longer than `budget` seconds in all get fewer rounds.
    """
    sides = [ours] if peer is None else [ours, peer]
    repeats, longest = [], 0.0
    for side in sides:
        single = max(side.single(), 1e-9)
        repeats.append(max(1, round(seconds / single)))
        longest += max(seconds, 2 * single)
    rounds = max(min(rounds, 5), min(rounds, int(budget / longest)))
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for index in order:
            times[index].append(sides[index].seconds(repeats[index]))
    return times


def compare(ours: Callable[[], object], peer: Callable[[], object], *, rounds: int = 21, seconds: float = 0.05):
    """`alternate` for two functions of this process that keep no memory between calls."""
    return from_rounds(*alternate(Stopwatch(ours), Stopwatch(peer), rounds=rounds, seconds=seconds))


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


def limit_threads(count: int) -> None:
    """Restricts this process to `count` processors and tells every library so. Call it before importing any."""
    names = ("SWIFTBN", "OMP", "MKL", "OPENBLAS", "NUMEXPR")
    for name in names:
        os.environ[f"{name}_NUM_THREADS"] = str(count)
    os.environ.update(TF_NUM_INTRAOP_THREADS=str(count), TF_NUM_INTEROP_THREADS=str(count))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
