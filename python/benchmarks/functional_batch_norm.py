"""`swiftbn.functional.batch_norm` and its backward and inference forms against PyTorch, as users call them.

python python/benchmarks/functional_batch_norm.py [--threads 1]
"""

import argparse

from _interleave import compare, limit_threads

SHAPES = [
    ((32, 10), "dense"),
    ((64, 128), "dense"),
    ((1024, 1024), "dense"),
    ((64, 26, 26, 32), "channels last"),
    ((64, 11, 11, 64), "channels last"),
    ((64, 32, 26, 26), "channels first"),
    ((64, 64, 11, 11), "channels first"),
]


def rows(shape, layout):
    """(name, ours, PyTorch's) for forward, forward and backward, inference."""
    import numpy as np
    import torch
    import torch.nn.functional as tf

    from swiftbn import functional as ours

    rng = np.random.default_rng(0)
    axis = 1 if layout == "channels first" else -1
    channels = shape[axis]
    x = rng.standard_normal(shape, dtype=np.float32)
    dy = rng.standard_normal(shape, dtype=np.float32)
    gamma, beta = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    mean, variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    y, dx = np.empty_like(x), np.empty_like(x)

    tx, tdy = torch.from_numpy(x), torch.from_numpy(dy)
    if layout == "channels last":
        tx, tdy = tx.permute(0, 3, 1, 2), tdy.permute(0, 3, 1, 2)
    weight, bias = torch.from_numpy(gamma), torch.from_numpy(beta)
    needs = [tx.detach().requires_grad_(), weight.clone().requires_grad_(), bias.clone().requires_grad_()]
    running = torch.from_numpy(mean), torch.from_numpy(variance)

    def our_both():
        _, mu, inv_std = ours.batch_norm(x, gamma, beta, axis=axis, out=y)
        ours.batch_norm_backward(dy, x, gamma, mu, inv_std, axis=axis, out=dx)

    def their_both():
        out = tf.batch_norm(needs[0], None, None, needs[1], needs[2], training=True, eps=1e-3)
        torch.autograd.grad(out, needs, tdy)

    with torch.no_grad():
        yield (
            "forward",
            lambda: ours.batch_norm(x, gamma, beta, axis=axis),
            lambda: tf.batch_norm(tx, None, None, weight, bias, training=True, eps=1e-3),
        )
    yield "forward + backward", our_both, their_both
    with torch.no_grad():
        yield (
            "inference",
            lambda: ours.batch_norm_inference(x, gamma, beta, mean, variance, axis=axis),
            lambda: tf.batch_norm(tx, *running, weight, bias, training=False, eps=1e-3),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    limit_threads(arguments.threads)

    import torch

    torch.set_num_threads(arguments.threads)
    for shape, layout in SHAPES:
        for name, ours, peer in rows(shape, layout):
            print(f"{str(shape):20} {layout:15} {name:20} {compare(ours, peer)}", flush=True)


if __name__ == "__main__":
    main()
