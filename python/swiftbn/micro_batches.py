"""A function called on each micro-batch of a batch, with meetings at which all of them exchange values.

Each call runs in a thread of its own, because a model's code knows nothing of the others; only one thread runs at a
time, in the order of the micro-batches, so that what they record is always the same.
"""

from __future__ import annotations

import threading

_local = threading.local()


def current_part() -> Part | None:
    """The micro-batch that this thread computes."""
    return getattr(_local, "part", None)


class Part:
    """One of the micro-batches.

    Attributes:
        rows: how many samples it has, of `total` in the batch.
        is_first: whether it comes before the others, and so does what is to be done once.
        is_last: whether it comes behind the others.
        meetings: how many it has been to.
    """

    def __init__(self, lockstep: Lockstep, index: int, begin: int, end: int, total: int):
        self._lockstep = lockstep
        self.begin = begin
        self.end = end
        self.rows = end - begin
        self.total = total
        self.is_first = index == 0
        self.is_last = end == total
        self.meetings = 0
        self.result = None

    @property
    def share(self) -> float:
        """Its part of the batch's samples."""
        return self.rows / self.total

    def meet(self, place, value, combine):
        """Waits until all micro-batches have come to the same place (a layer), each with a value.

        Returns:
            What `combine`, called once with the list of their values, has returned.

        Raises:
            ValueError: others meet elsewhere or have come to their end.
        """
        return self._lockstep.wait(self, place, value, combine)


class _Abandoned(BaseException):
    """Another micro-batch has failed; code that handles errors should not see this one."""


class Lockstep:
    """Runs `function(part)` for each micro-batch up to its next meeting, one after the other, until all have ended.

    Args:
        trace: where the code records.
        total: number of samples, >= 1.
        count: number of micro-batches; there are fewer when some would have no samples.
        multiple: of how many samples all but the last one are a multiple.
    """

    def __init__(self, trace, total: int, count: int, multiple: int = 1):
        self._trace = trace
        bounds = sorted({index * total // count // multiple * multiple for index in range(count)} | {total})
        count = len(bounds) - 1
        self.parts = [Part(self, i, bounds[i], bounds[i + 1], total) for i in range(count)]
        self._turns = [threading.Semaphore(0) for _ in self.parts]
        self._back = threading.Semaphore(0)
        self._is_abandoned = False
        self._error: BaseException | None = None
        # What each one waits for: (place, value, combine), None when it has ended.
        self._waiting: list = [None] * count
        self._combined = None

    def run(self, function) -> list:
        """What `function` returns for each micro-batch.

        What each computes from one meeting to the next, gradients compute again: only values that were exchanged and
        results are kept for all micro-batches at once.
        """
        threads = [threading.Thread(target=self._run, args=(part, function), daemon=True) for part in self.parts]
        for thread in threads:
            thread.start()
        try:
            while True:
                for turn in self._turns:
                    mark = self._trace.graph.mark()
                    turn.release()
                    self._back.acquire()
                    if self._error is not None:
                        raise self._error
                    self._trace.graph.recompute(mark)
                if self._waiting[0] is None and not any(self._waiting):
                    return [part.result for part in self.parts]
                self._combined = self._combine()
        finally:
            self._is_abandoned = True
            for turn in self._turns:
                turn.release()
            for thread in threads:
                thread.join()

    def _combine(self):
        places = [waiting and waiting[0] for waiting in self._waiting]
        if any(place is not places[0] for place in places):
            names = ", ".join("the end" if place is None else f"'{place.name}'" for place in places)
            raise ValueError(
                "Micro-batches with statistics of their union have to come to the same batch normalizations in the "
                f"same order. Received: {names}"
            )
        combine = self._waiting[0][2]
        return combine([value for _, value, _ in self._waiting])

    def _run(self, part: Part, function) -> None:
        index = self.parts.index(part)
        self._turns[index].acquire()
        _local.part = part
        try:
            if not self._is_abandoned:
                with self._trace:
                    part.result = function(part)
        except _Abandoned:
            pass
        except BaseException as error:
            self._error = error
        finally:
            self._waiting[index] = None
            self._back.release()

    def wait(self, part: Part, place, value, combine):
        if self._is_abandoned:
            raise _Abandoned
        if self._trace.in_branches:
            raise ValueError(f"'{place.name}': statistics of the union of micro-batches do not go into a condition")
        index = self.parts.index(part)
        part.meetings += 1
        self._waiting[index] = (place, value, combine)
        self._back.release()
        self._turns[index].acquire()
        if self._is_abandoned:
            raise _Abandoned
        return self._combined
