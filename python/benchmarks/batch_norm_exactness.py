"""How far batch normalization is from the truth, ours and the peers', on inputs that are hard to sum.

    python python/benchmarks/batch_norm_exactness.py [--peers torch tensorflow jax] [--markdown]

Every case runs as a matrix (N, C) and as images, channels last and first; a number is the worst over layouts and
channels. The truth is computed in extended precision (NumPy's longdouble, 64 bits of mantissa). Errors are in units of
the last place (ulp) of float32, and of float16 for y and dx of that: of the true value for the variance, of the mean or
the standard deviation, whichever is larger, for the mean, of the largest true value for y, dx, dgamma and dbeta. Below
the smallest normal number the last place has a fixed size.
"""

import argparse
import functools
import os
from dataclasses import dataclass

import numpy as np

EPSILON = 1e-3
LAYOUTS = ("matrix", "channels last", "channels first")
RESULTS = ("mean", "variance", "y", "dx", "dgamma", "dbeta")


@dataclass(frozen=True, eq=False)
class Case:
    """An array (count, channels), count a multiple of 256; gamma is random or 0."""

    x: np.ndarray
    zero_gamma: bool = False

    @functools.cached_property
    def others(self) -> tuple:
        """(dy, gamma, beta)."""
        rng = np.random.default_rng(6)
        dy = rng.standard_normal(self.x.shape, dtype=np.float32).astype(self.x.dtype)
        gamma, beta = rng.uniform(0.5, 2, size=(2, self.x.shape[1])).astype(np.float32)
        return dy, np.zeros_like(gamma) if self.zero_gamma else gamma, beta

    @functools.cached_property
    def truth(self) -> dict:
        """All results in extended precision."""
        x, dy, gamma, beta = (v.astype(np.longdouble) for v in (self.x, *self.others))
        mean = x.mean(0)
        variance = ((x - mean) ** 2).mean(0)
        inverse = 1 / np.sqrt(variance + EPSILON)
        normal = (x - mean) * inverse
        dbeta, dgamma = dy.sum(0), (dy * normal).sum(0)
        dx = gamma * inverse * (dy - dbeta / len(x) - normal * dgamma / len(x))
        return dict(zip(RESULTS, (mean, variance, gamma * normal + beta, dx, dgamma, dbeta), strict=True))


def inputs(count: int = 4096, channels: int = 8):
    """(name, case)."""
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
        "large, 1e15": noise * 1e15,
        "tiny, 1e-30": noise * 1e-30,
        "subnormal variance, 1e-20": noise * 1e-20,
        "subnormal, 1e-40": noise * 1e-40,
    }
    for name, x in cases.items():
        yield name, Case(x.astype(np.float32))
    yield "gamma = 0", Case((noise + 3).astype(np.float32), zero_gamma=True)
    yield "float16, variance 3.6e9", Case((np.sign(signs) * 6e4 + noise * 1e3).clip(-65504, 65504).astype(np.float16))
    yield "a million values, mean 1e3", Case((rng.standard_normal((1 << 20, 2)) + 1e3).astype(np.float32))


def arranged(v, layout: str):
    """(count, channels) in the shape and memory order of a layout."""
    if layout == "matrix":
        return v
    side = 1 << (len(v).bit_length() - 5) // 2
    images = v.reshape(-1, side, side, v.shape[1])
    return images if layout == "channels last" else np.ascontiguousarray(np.moveaxis(images, -1, 1))


def flat(v, layout: str):
    """Undoes `arranged`."""
    v = np.asarray(v)
    return np.moveaxis(v, 1, -1).reshape(-1, v.shape[1]) if layout == "channels first" else v.reshape(-1, v.shape[-1])


def ours(x, dy, gamma, beta, axis) -> dict:
    from swiftbn import functional, ops

    y, mean, inverse = functional.batch_norm(x, gamma, beta, axis=axis, epsilon=EPSILON)
    dx, dgamma, dbeta = functional.batch_norm_backward(dy, x, gamma, mean, inverse, axis=axis)
    whole = x.astype(np.float32)
    mean, variance = ops.moments(whole, axes=[a for a in range(x.ndim) if a != axis % x.ndim])
    return {"mean": mean, "variance": variance, "y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def torch(x, dy, gamma, beta, axis) -> dict:
    import torch

    def tensor(v):
        # A copy; PyTorch has the channels on axis 1, in whatever memory order.
        v = torch.from_numpy(v.copy())
        return v.permute(0, 3, 1, 2) if v.ndim == 4 and axis == -1 else v

    def back(t):
        return (t.permute(0, 2, 3, 1) if t.ndim == 4 and axis == -1 else t).numpy()

    leaves = [tensor(v).requires_grad_() for v in (x, gamma, beta)]
    mean, variance = torch.zeros(len(gamma)), torch.zeros(len(gamma))
    y = torch.nn.functional.batch_norm(leaves[0], mean, variance, *leaves[1:], True, 1.0, EPSILON)
    y.backward(tensor(dy))
    results = [y.detach(), *(leaf.grad for leaf in leaves)]
    named = dict(zip(("y", "dx", "dgamma", "dbeta"), (back(r) for r in results), strict=True))
    n = x.size // len(gamma)
    return {"mean": mean.numpy(), "variance": variance.numpy() * np.float64((n - 1) / n), **named}


def tensorflow(x, dy, gamma, beta, axis) -> dict:
    import keras
    import tensorflow as tf

    axes = [a for a in range(x.ndim) if a != axis % x.ndim]
    leaves = [tf.Variable(v) for v in (x, gamma, beta)]
    with tf.GradientTape() as tape:
        # As Keras' layer does.
        whole = tf.cast(leaves[0], "float32")
        mean, variance = keras.ops.moments(whole, axes=axes)
        y = keras.ops.batch_normalization(whole, mean, variance, axis, leaves[2], leaves[1], EPSILON)
        y = tf.cast(y, x.dtype)
    named = dict(zip(("dx", "dgamma", "dbeta"), tape.gradient(y, leaves, dy), strict=True))
    return {k: np.asarray(v) for k, v in {"mean": mean, "variance": variance, "y": y, **named}.items()}


def jax(x, dy, gamma, beta, axis) -> dict:
    import jax
    import jax.numpy as jnp

    axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)

    def normalize(x, gamma, beta):
        # As Flax' layer does.
        whole = x.astype(jnp.float32)
        moments = whole.mean(axes), whole.var(axes)
        mean, variance, gamma, beta = (jnp.expand_dims(v, axes) for v in (*moments, gamma, beta))
        y = gamma * (whole - mean) * jax.lax.rsqrt(variance + EPSILON) + beta
        return y.astype(x.dtype), moments

    y, pullback, (mean, variance) = jax.vjp(normalize, *map(jnp.asarray, (x, gamma, beta)), has_aux=True)
    named = dict(zip(("dx", "dgamma", "dbeta"), pullback(jnp.asarray(dy)), strict=True))
    return {k: np.asarray(v) for k, v in {"mean": mean, "variance": variance, "y": y, **named}.items()}


SIDES = {"swiftbn": ours, "torch": torch, "tensorflow": tensorflow, "jax": jax}


def errors(found: dict, true: dict, dtype) -> dict:
    """Worst error of each result; `dtype` is that of y and dx."""
    worst = {}
    sizes = {"mean": np.maximum(np.abs(true["mean"]), np.sqrt(true["variance"])), "variance": true["variance"]}
    for name, value in true.items():
        size = sizes.get(name, np.abs(value).max())
        kind = np.dtype(dtype if name in ("y", "dx") else np.float32).type
        unit = np.spacing(np.maximum(size, np.finfo(kind).tiny).astype(kind)).astype(np.longdouble)
        with np.errstate(invalid="ignore", over="ignore"):
            worst[name] = float((np.abs(np.asarray(found[name]).astype(np.longdouble) - value) / unit).max())
    return worst


def measure(side: str, case: Case, layout: str) -> dict:
    """Worst errors of a side in one layout."""
    dy, gamma, beta = case.others
    x, dy = arranged(case.x, layout), arranged(dy, layout)
    found = SIDES[side](x, dy, gamma, beta, 1 if layout == "channels first" else -1)
    found = {name: flat(v, layout) if name in ("y", "dx") else v for name, v in found.items()}
    return errors(found, case.truth, case.x.dtype)


def worst_of_layouts(side: str, case: Case) -> dict:
    # NaN, which is worse than anything, must not get lost in a comparison.
    rows = [measure(side, case, layout) for layout in LAYOUTS]
    return {name: float(np.max([row[name] for row in rows])) for name in RESULTS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="*", choices=list(SIDES)[1:], default=list(SIDES)[1:])
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/batch_norm.md")
    arguments = parser.parse_args()
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    names = {"swiftbn": "swiftbn", "torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}
    if arguments.markdown:
        print("| input | | mean | variance | y | dx | dγ | dβ |\n|---|---|---|---|---|---|---|---|")
    else:
        print(f"{'':42}" + " ".join(f"{name:>10}" for name in RESULTS))
    for name, case in inputs():
        for side in ("swiftbn", *arguments.peers):
            worst = [f"{value:.2g}" for value in worst_of_layouts(side, case).values()]
            if arguments.markdown:
                print(f"| {name if side == 'swiftbn' else ''} | {names[side]} | {' | '.join(worst)} |", flush=True)
            else:
                print(f"{name:30}{names[side]:12}" + " ".join(f"{value:>10}" for value in worst), flush=True)


if __name__ == "__main__":
    main()
