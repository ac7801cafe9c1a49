"""How far batch normalization in float32 is from the truth, ours and the peers', on inputs that are hard to sum.

    python python/benchmarks/batch_norm_exactness.py [--peers torch tensorflow jax]

The truth is computed in extended precision (NumPy's longdouble, 64 bits of mantissa). Errors of the mean and the
variance are in units of the last place of the true value; those of y, dx, dgamma and dbeta relative to the largest true
value. A row of numbers is the worst over channels.
"""

import argparse
import os

import numpy as np

EPSILON = 1e-3


def inputs(count: int = 4096, channels: int = 8):
    """(name, x): float32 arrays (count, channels)."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((count, channels))
    outlier = noise.copy()
    outlier[17] = 1e6
    signs = np.where(np.arange(count)[:, None] % 2, 1e4, -1e4) + noise
    cases = {
        "standard normal": noise,
        "mean 1e2, std 1": noise + 1e2,
        "mean 1e4, std 1": noise + 1e4,
        "mean 1e6, std 1": noise + 1e6,
        "mean 1, std 1e-4": 1 + noise * 1e-4,
        "constant": np.full_like(noise, 0.1),
        "one outlier of 1e6": outlier,
        "alternating signs, 1e4": signs,
        "tiny, 1e-30": noise * 1e-30,
        "large, 1e15": noise * 1e15,
    }
    for name, x in cases.items():
        yield name, x.astype(np.float32)
    yield "a million values, mean 1e3", (rng.standard_normal((1 << 20, 2)) + 1e3).astype(np.float32)


def truth(x, dy, gamma, beta) -> dict:
    """All results in extended precision."""
    x, dy, gamma, beta = (v.astype(np.longdouble) for v in (x, dy, gamma, beta))
    mean = x.mean(0)
    variance = ((x - mean) ** 2).mean(0)
    inverse = 1 / np.sqrt(variance + EPSILON)
    normal = (x - mean) * inverse
    dbeta, dgamma = dy.sum(0), (dy * normal).sum(0)
    dx = gamma * inverse * (dy - dbeta / len(x) - normal * dgamma / len(x))
    return {
        "mean": mean,
        "variance": variance,
        "y": gamma * normal + beta,
        "dx": dx,
        "dgamma": dgamma,
        "dbeta": dbeta,
    }


def ours(x, dy, gamma, beta) -> dict:
    from swiftbn import functional, ops

    y, mean, inverse = functional.batch_norm(x, gamma, beta, epsilon=EPSILON)
    dx, dgamma, dbeta = functional.batch_norm_backward(dy, x, gamma, mean, inverse)
    mean, variance = ops.moments(x, axes=[0])
    return {"mean": mean, "variance": variance, "y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def torch(x, dy, gamma, beta) -> dict:
    import torch

    leaves = [torch.from_numpy(v.copy()).requires_grad_() for v in (x, gamma, beta)]
    mean, variance = torch.zeros(x.shape[1]), torch.zeros(x.shape[1])
    y = torch.nn.functional.batch_norm(leaves[0], mean, variance, *leaves[1:], True, 1.0, EPSILON)
    y.backward(torch.from_numpy(dy))
    n = len(x)
    results = [y.detach(), *(leaf.grad for leaf in leaves)]
    named = dict(zip(("y", "dx", "dgamma", "dbeta"), (r.numpy() for r in results), strict=True))
    return {"mean": mean.numpy(), "variance": variance.numpy() * np.float64((n - 1) / n), **named}


def tensorflow(x, dy, gamma, beta) -> dict:
    import keras
    import tensorflow as tf

    leaves = [tf.Variable(v) for v in (x, gamma, beta)]
    with tf.GradientTape() as tape:
        mean, variance = keras.ops.moments(leaves[0], axes=[0])
        y = keras.ops.batch_normalization(leaves[0], mean, variance, -1, leaves[2], leaves[1], EPSILON)
    named = dict(zip(("dx", "dgamma", "dbeta"), tape.gradient(y, leaves, dy), strict=True))
    return {k: np.asarray(v) for k, v in {"mean": mean, "variance": variance, "y": y, **named}.items()}


def jax(x, dy, gamma, beta) -> dict:
    import jax
    import jax.numpy as jnp

    def normalize(x, gamma, beta):
        mean, variance = x.mean(0), x.var(0)
        return gamma * (x - mean) * jax.lax.rsqrt(variance + EPSILON) + beta, (mean, variance)

    y, pullback, (mean, variance) = jax.vjp(normalize, *map(jnp.asarray, (x, gamma, beta)), has_aux=True)
    named = dict(zip(("dx", "dgamma", "dbeta"), pullback(jnp.asarray(dy)), strict=True))
    return {k: np.asarray(v) for k, v in {"mean": mean, "variance": variance, "y": y, **named}.items()}


SIDES = {"swiftbn": ours, "torch": torch, "tensorflow": tensorflow, "jax": jax}


def errors(found: dict, true: dict) -> dict:
    """Worst error of each result."""
    worst = {}
    for name, value in true.items():
        difference = np.abs(np.asarray(found[name]).astype(np.longdouble) - value)
        if name in ("mean", "variance"):
            # Below the smallest normal number the last place has a fixed size.
            scale = np.spacing(np.maximum(np.abs(value), np.finfo(np.float32).tiny).astype(np.float32))
        else:
            scale = max(np.abs(value).max(), np.longdouble(1e-30))
        worst[name] = float((difference / scale).max())
    return worst


def measure(side, x):
    rng = np.random.default_rng(6)
    channels = x.shape[1]
    dy = rng.standard_normal(x.shape).astype(np.float32)
    gamma, beta = rng.uniform(0.5, 2, size=(2, channels)).astype(np.float32)
    return errors(SIDES[side](x, dy, gamma, beta), truth(x, dy, gamma, beta))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="*", choices=list(SIDES)[1:], default=list(SIDES)[1:])
    arguments = parser.parse_args()
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    print(f"{'':30} {'mean ulp':>10} {'var ulp':>10} {'y':>10} {'dx':>10} {'dgamma':>10} {'dbeta':>10}")
    for name, x in inputs():
        print(name)
        for side in ("swiftbn", *arguments.peers):
            row = " ".join(f"{value:10.2g}" for value in measure(side, x).values())
            print(f"  {side:28} {row}", flush=True)


if __name__ == "__main__":
    main()
