"""How much slower a training step on 2 threads becomes while another process keeps one of the 2 processors busy.

Each side runs in a process of its own, so that no idle thread of the other disturbs it, without and with the load in
turn. The ratio is PyTorch's slowdown by ours. Half the machine makes 2 the slowdown to expect.
"""

import os
import statistics
import subprocess
import sys
import time

from _interleave import from_rounds
from _rows import Row

TITLE = "training step beside a process that keeps one of two processors busy"
PEERS = ("PyTorch",)

ROUNDS = 9
SECONDS = 0.4


def rows(setting):
    if setting.threads == 2 or setting.quick:

        def measure():
            rounds = 1 if setting.quick else ROUNDS
            seconds = 0.02 if setting.quick else SECONDS
            workers = [_Worker(side, setting.threads) for side in ("ours", setting.against) if side is not None]
            slowdowns = [[] for _ in workers]
            for _ in range(rounds):
                for worker, found in zip(workers, slowdowns, strict=True):
                    quiet = worker.step_seconds(seconds)
                    with _Burner():
                        found.append(worker.step_seconds(seconds) / quiet)
            for worker in workers:
                worker.close()
            return from_rounds(slowdowns[0], slowdowns[1] if len(slowdowns) > 1 else [])

        yield Row("slowdown, batch 64", unit="x", limit=2.2, measure=measure)


class _Worker:
    """A process that trains when it is asked to."""

    def __init__(self, side, threads):
        command = [sys.executable, __file__, side, str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step_seconds(self, seconds: float) -> float:
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()


class _Burner:
    """Keeps one processor busy."""

    def __enter__(self):
        processor = max(os.sched_getaffinity(0))
        code = f"import os; os.sched_setaffinity(0, [{processor}]); print(flush=True)\nwhile True: pass"
        self._process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        self._process.stdout.readline()

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()


def main() -> None:
    side, threads = sys.argv[1], int(sys.argv[2])
    from _cnn import batch, keras_model, torch_model, torch_step

    x, y = batch(64)
    if side == "ours":
        import swiftbn

        model = keras_model(swiftbn)

        def step():
            return model.train_on_batch(x, y)
    else:
        import torch

        torch.set_num_threads(threads)
        step = torch_step(torch_model(), x, y)
    for _ in range(5):
        step()
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        # The mean: a step that waits long counts.
        print(statistics.fmean(times), flush=True)


if __name__ == "__main__":
    main()
