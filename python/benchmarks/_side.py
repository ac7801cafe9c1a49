"""One side of a module's rows in a process of its own, and the process that asks it.

    python _side.py <module> <threads> <ours|theirs> <peer> <quick>

It reads one request a line and answers with one line of JSON: "next" goes to the next row, "single" and
"seconds <count>" time it, "error" compares its results with the reference.
"""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import time

from _interleave import Clocked, Stopwatch, limit_threads
from _rows import Setting, prepare_peer


class Side:
    """A process that measures one side; it has the methods of a `Stopwatch`."""

    def __init__(self, module: str, threads: int, side: str, peer: str | None, quick: bool):
        command = [sys.executable, __file__, module, str(threads), side, peer or "", str(int(quick))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def next(self) -> dict | None:
        """What the next row is, None after the last."""
        return self._ask("next")

    def single(self) -> float:
        return self._ask("single")

    def seconds(self, count: int) -> float:
        return self._ask(f"seconds {count}")

    def error(self) -> float | None:
        return self._ask("error")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: str):
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            # Warnings stay far below what a pipe holds; a process that fails writes its traceback last.
            raise RuntimeError("\n".join(self._process.stderr.read().strip().splitlines()[-8:]))
        return json.loads(answer)


def main() -> None:
    name, threads, side, peer, quick = sys.argv[1:]
    threads, peer = int(threads), peer or None
    limit_threads(threads)
    # What libraries print does not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    setting = Setting(peer if side == "theirs" else None, peer, threads, quick == "1")
    prepare_peer(setting.peer, threads)
    rows = importlib.import_module(name).rows(setting)
    function, row, stopwatch = None, None, None
    for request in sys.stdin:
        match request.split():
            case ["next"]:
                row = next(rows, None)
                answer = None if row is None else describe(row, side)
                if row is not None:
                    function = row.ours if side == "ours" else row.theirs
                    # On one thread the process has one processor: its time there does not depend on other processes.
                    wall = threads > 1 or isinstance(row.ours, Clocked)
                    stopwatch = Stopwatch(function, time.perf_counter if wall else time.process_time)
            case ["single"]:
                answer = stopwatch.single()
            case ["seconds", count]:
                answer = stopwatch.seconds(int(count))
            case ["error"]:
                answer = None if row.error is None else row.error(function())
        print(json.dumps(answer), file=answers, flush=True)


def describe(row, side: str) -> dict:
    """What the asking process needs to know of a row; with what only a process alone can measure."""
    fields = {name: getattr(row, name) for name in ("name", "parts", "unit", "wanted", "limit", "scale", "turn")}
    measured = dataclasses.asdict(row.measure()) if row.measure is not None and side == "ours" else None
    return fields | {"measured": measured}


if __name__ == "__main__":
    main()
