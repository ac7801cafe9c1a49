"""Time to import and of first use beyond NumPy's own import, in new processes in turn; the libraries' sizes on disk."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from _interleave import Comparison, from_rounds
from _rows import Row

TITLE = "start: time to import, to first use, size on disk"
PEERS = ("PyTorch", "Keras on TensorFlow", "Keras on JAX")

ROUNDS = 9
LIMIT_SECONDS = 0.1


# Much of the package is loaded when it is first used.
FIRST_USE = {
    "swiftbn": "import swiftbn; swiftbn.layers.Dense(2)(x)",
    "torch": "import torch; torch.nn.Linear(4, 2)(torch.from_numpy(x))",
    "keras": "import keras; keras.layers.Dense(2)(x)",
}


def rows(setting):
    peer = setting.against
    module = None if peer is None else "torch" if peer == "PyTorch" else "keras"

    def times(code):
        ours, theirs = [], []
        rounds = 1 if setting.quick else ROUNDS
        for index in range(-1, rounds):
            mine = _seconds(code("swiftbn"))
            other = None if module is None else _seconds(code(module))
            # The first of each writes the modules' byte code, and reads files into the cache of the system.
            if index >= 0:
                ours.append(mine)
                theirs += [] if other is None else [other]
        return from_rounds(ours, theirs)

    yield Row("import beyond NumPy", limit=LIMIT_SECONDS, measure=lambda: times("import {}".format))
    yield Row("import and first use of a layer", limit=LIMIT_SECONDS, measure=lambda: times(FIRST_USE.__getitem__))
    if peer in (None, "PyTorch"):
        yield Row("native libraries", unit="MB", measure=lambda: _sizes(module))


def _seconds(code) -> float:
    """What a program takes when the byte code of what it imports has been written, as in an installed package."""
    code = f"""
import time, numpy
x = numpy.ones((1, 4), "float32")
start = time.perf_counter()
{code}
print(time.perf_counter() - start)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return float(process.stdout)


def _sizes(peer_module) -> Comparison:
    """Megabytes of all shared libraries of each package."""
    ours, theirs = (None if name is None else _megabytes(name) for name in ("swiftbn", peer_module))
    return from_rounds([ours], [] if theirs is None else [theirs])


def _megabytes(module) -> float:
    folder = Path(importlib.util.find_spec(module).origin).parent
    return sum(file.stat().st_size for file in folder.rglob("*.so*")) / 2**20
