"""Peak memory of training the documents' CNN: resident beyond what is resident after the imports, in new processes."""

import json
import subprocess
import sys

from _interleave import from_rounds
from _rows import Row

TITLE = "peak memory of training the documents' CNN"
PEERS = ("PyTorch",)

STEPS = 5
ROUNDS = 3


def rows(setting):
    for count in (8,) if setting.quick else (64, 128):

        def measure(count=count):
            ours, theirs = [], []
            for _ in range(1 if setting.quick else ROUNDS):
                ours.append(_peak("ours", count, setting.threads))
                if setting.against is not None:
                    theirs.append(_peak(setting.against, count, setting.threads))
            return from_rounds(ours, theirs)

        yield Row(f"batch {count}", wanted=3, unit="MB", measure=measure)


def _peak(side, count, threads) -> float:
    command = [sys.executable, __file__, json.dumps([side, count, threads])]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _resident(field: str) -> float:
    """Megabytes: VmRSS, resident now, or VmHWM, the most since the process began."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(field))
    return int(line.split()[1]) / 1024


def main() -> None:
    side, count, threads = json.loads(sys.argv[1])
    from _cnn import batch, keras_model, torch_model, torch_step

    x, y = batch(count)
    if side == "ours":
        import swiftbn

        # Parts of the package are imported when they are first used; imports do not count.
        tiny = swiftbn.Sequential([swiftbn.Input((1,)), swiftbn.layers.Dense(1), swiftbn.layers.BatchNormalization()])
        tiny.compile(optimizer="adam", loss="mse", metrics=["mae"])
        before = _resident("VmRSS")
        model = keras_model(swiftbn)

        def step():
            model.train_on_batch(x, y)
    else:
        import torch

        torch.set_num_threads(threads)
        # The optimizer imports this when it is made; imports do not count.
        import torch._dynamo  # noqa: F401

        before = _resident("VmRSS")
        step = torch_step(torch_model(), x, y)
    for _ in range(STEPS):
        step()
    print(_resident("VmHWM") - before)


if __name__ == "__main__":
    main()
