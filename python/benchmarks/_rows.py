"""What a module of rows offers to `run.py`.

A module of rows defines

* `TITLE`: one line on what is measured,
* `PEERS`: names of the peers,
* `rows(setting)`: a generator of `Row`, which imports a peer only if `setting.peer` names it, and
* `MEANS` (optional): the wanted geometric mean over the rows of each of the `parts`, or None, and
* `PROCESSES` (optional): in how many pairs of processes all rows are measured, 1 without it.

`rows` runs once in a process that measures ours, and once in one that measures the peer, where ours is not called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from _interleave import Comparison


@dataclass(frozen=True)
class Setting:
    """What a process measures.

    Attributes:
        peer: the peer that this process measures; None where it measures ours.
        against: the peer that ours is compared with; None for ours alone.
        quick: small shapes.
    """

    peer: str | None
    against: str | None
    threads: int
    quick: bool = False


@dataclass
class Row:
    """Two sides that do the same work on the same data, each a function without arguments.

    Attributes:
        name: what is measured, the same for all peers and numbers of threads.
        theirs: None in the process that measures ours.
        error: the worst error of what either side returned, against a float64 reference.
        wanted: the least ratio that counts as reached.
        limit: the most that ours may be, in `unit`.
        parts: rows of the same part have a geometric mean; a row may be in several.
        scale: multiplies the ratio. Where the peer moves fewer bytes than the bound needs, it makes of the ratio the
            fraction of the bound.
        unit: of ours and theirs: "s", "MB", "x" (a slowdown), "bound" (seconds, the ratio a fraction of a bound).
        turn: about how many seconds a turn lasts.
        measure: for what is not called in turn: does the whole comparison.
    """

    name: str
    ours: Callable[[], object] | None = None
    theirs: Callable[[], object] | None = None
    error: Callable[[object], float] | None = None
    wanted: float | None = None
    limit: float | None = None
    parts: tuple[str, ...] = ()
    scale: float = 1.0
    unit: str = "s"
    turn: float = 0.03
    measure: Callable[[], Comparison] | None = None


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
    """Largest difference relative to the largest true value of the same array; the worst of the arrays found."""
    import numpy as np

    worst = 0.0
    for value, true in zip(found, exact, strict=False):
        scale = max(np.abs(true).max(), np.finfo(np.float32).tiny)
        worst = max(worst, float(np.abs(np.asarray(value).reshape(true.shape) - true).max() / scale))
    return worst
