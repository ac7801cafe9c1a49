"""Batch normalization of arrays far beyond the cache as a fraction of what the memory allows.

The bound is the least traffic that the algorithm needs, at the bandwidth at which arrays of the same size are copied in
the same process, in turn with ours: training reads channels-last data twice (statistics, then y) and writes once;
channels-first data are read once, as a channel stays in the cache in between; inference reads and writes once. All
write to arrays that exist already.
"""

import concurrent.futures

from _rows import Row
from functional_batch_norm import make_arrays

TITLE = "batch normalization as a fraction of the copy bandwidth"
PEERS = ("copying",)

SHAPE = (8, 64, 224, 224)


def rows(setting):
    import numpy as np

    from swiftbn import functional as f

    n, c, h, w = (1, 4, 8, 8) if setting.quick else SHAPE
    for layout, shape, axis, reads, wanted in (
        ("channels last", (n, h, w, c), -1, 2, 0.85),
        ("channels first", (n, c, h, w), 1, 1, 0.70),
    ):
        arrays = make_arrays(shape, axis)
        x, gamma, beta = arrays["x"], arrays["gamma"], arrays["beta"]
        mean, variance, y = arrays["mean"], arrays["variance"], np.zeros_like(x)

        def forward(x=x, gamma=gamma, beta=beta, axis=axis, y=y):
            return f.batch_norm(x, gamma, beta, axis=axis, out=y)

        def inference(x=x, gamma=gamma, beta=beta, mean=mean, variance=variance, axis=axis, y=y):
            return f.batch_norm_inference(x, gamma, beta, mean, variance, axis=axis, out=y)

        copy = copier(y, x, setting.threads) if setting.peer else None
        # A copy reads once and writes once.
        yield Row(f"forward, {layout}", forward, copy, wanted=wanted, scale=(reads + 1) / 2, unit="bound")
        yield Row(f"inference, {layout}", inference, copy, wanted=0.9, unit="bound")


def copier(target, source, threads):
    """Copies with the C library's memcpy, a part on each thread."""
    import numpy as np

    pool = concurrent.futures.ThreadPoolExecutor(threads)
    parts = list(
        zip(np.array_split(target.reshape(-1), threads), np.array_split(source.reshape(-1), threads), strict=True)
    )

    def copy():
        list(pool.map(lambda part: np.copyto(*part), parts))

    return copy
