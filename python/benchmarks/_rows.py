"""What a module of rows offers to `run.py`.

A module of rows defines

* `TITLE`: one line on what is measured,
* `PEERS`: names of the peers; each is measured in a process of its own, beside ours,
* `rows(setting)`: a generator of `Row`, which imports a peer only if `setting.peer` names it, and
* `MEANS` (optional): the wanted geometric mean over the rows of each `part`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from _interleave import Comparison, compare


@dataclass(frozen=True)
class Setting:
    """Which peer is measured, None for ours alone, on how many threads; quick: small shapes, few rounds."""

    peer: str | None
    threads: int
    quick: bool = False

    def compare(self, ours, theirs, seconds: float = 0.03) -> Comparison:
        # On one thread the process has one processor: its time there does not depend on what else the machine does.
        clock = time.process_time if self.threads == 1 else time.perf_counter
        if self.quick:
            return compare(ours, theirs, rounds=3, seconds=0.001, clock=clock)
        return compare(ours, theirs, seconds=seconds, clock=clock)


@dataclass
class Row:
    """Two sides that do the same work on the same data, each a function without arguments.

    Attributes:
        name: what is measured, the same for all peers and numbers of threads.
        errors: returns the worst errors of ours and theirs (None without a peer) against a float64 reference.
        wanted: the least ratio that counts as reached.
        limit: the most that ours may be, in `unit`.
        part: rows of the same part have a geometric mean.
        scale: multiplies the ratio. Where the peer moves fewer bytes than the bound needs, it makes of the ratio the
            fraction of the bound.
        unit: of ours and theirs: "s", "MB", "x" (a slowdown), "bound" (seconds, the ratio a fraction of a bound).
        seconds: about how long a turn lasts.
        measure: for what cannot be called in turn in one process: does the whole comparison.
    """

    name: str
    ours: Callable[[], object] | None = None
    theirs: Callable[[], object] | None = None
    errors: Callable[[], tuple[float, float | None]] | None = None
    wanted: float | None = None
    limit: float | None = None
    part: str | None = None
    scale: float = 1.0
    unit: str = "s"
    seconds: float = 0.03
    measure: Callable[[], Comparison] | None = None

    def compared(self, setting: Setting) -> Comparison:
        if self.measure is not None:
            return self.measure()
        result = setting.compare(self.ours, self.theirs, self.seconds)
        if result.ratio is not None:
            for name in ("ratio", "low", "high", "best"):
                setattr(result, name, getattr(result, name) * self.scale)
        return result


def prepare_peer(peer: str | None, threads: int) -> None:
    """Environment and thread counts of a peer, in the process that measures it, before anything imports it."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    if peer is None:
        return
    if peer.startswith("PyTorch"):
        import torch

        torch.set_num_threads(threads)
    if peer.startswith("Keras on "):
        os.environ["KERAS_BACKEND"] = peer.removeprefix("Keras on ").lower()
    if peer == "Keras on TensorFlow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)


def worst_error(found: Iterable, exact: Iterable) -> float:
    """Largest difference relative to the largest true value of the same array; the worst of the arrays."""
    import numpy as np

    worst = 0.0
    for value, true in zip(found, exact, strict=True):
        scale = max(np.abs(true).max(), np.finfo(np.float32).tiny)
        worst = max(worst, float(np.abs(np.asarray(value).reshape(true.shape) - true).max() / scale))
    return worst
