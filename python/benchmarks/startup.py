"""Time to import beyond NumPy's own import, in new processes in turn, and the sizes of the libraries on disk."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from _interleave import Comparison, from_rounds
from _rows import Row

TITLE = "start: time to import, size on disk"
PEERS = ("PyTorch", "Keras on TensorFlow", "Keras on JAX")

ROUNDS = 9
LIMIT_SECONDS = 0.1


def rows(setting):
    peer = setting.against
    module = None if peer is None else "torch" if peer == "PyTorch" else "keras"

    def import_times():
        ours, theirs = [], []
        rounds = 1 if setting.quick else ROUNDS
        for index in range(-1, rounds):
            mine = _import_seconds("swiftbn")
            other = None if module is None else _import_seconds(module)
            # The first of each reads files into the cache of the system.
            if index >= 0:
                ours.append(mine)
                theirs += [] if other is None else [other]
        return from_rounds(ours, theirs)

    yield Row("import beyond NumPy", unit="s", limit=LIMIT_SECONDS, measure=import_times)
    if peer in (None, "PyTorch"):
        yield Row("native libraries", unit="MB", measure=lambda: _sizes(module))


def _import_seconds(module) -> float:
    code = f"import time, numpy; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def _sizes(peer_module) -> Comparison:
    """Megabytes of all shared libraries of each package."""
    ours, theirs = (None if name is None else _megabytes(name) for name in ("swiftbn", peer_module))
    return from_rounds([ours], [] if theirs is None else [theirs])


def _megabytes(module) -> float:
    folder = Path(importlib.util.find_spec(module).origin).parent
    return sum(file.stat().st_size for file in folder.rglob("*.so*")) / 2**20
