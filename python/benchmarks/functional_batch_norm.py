"""`swiftbn.functional.batch_norm` and its backward and inference forms, each call with new arrays for its results.

PyTorch gets tensors of the same memory layout; JAX gets compiled functions on its own arrays.
"""

import functools
import operator

from _rows import Row

TITLE = "functional batch normalization"
PEERS = ("PyTorch", "JAX")
PROCESSES = 3
MEANS = {"forward": 3, "forward + backward": 2.5, "inference": 1.5}

DENSE = [(32, 10), (64, 128), (1024, 1024)]
# (N, C, H, W); each also as (N, H, W, C).
IMAGES = [(64, 32, 26, 26), (64, 64, 11, 11), (32, 64, 56, 56), (32, 2048, 7, 7), (8, 64, 224, 224)]
EPSILON = 1e-3


def shapes(quick: bool):
    """(shape, channel axis, name)."""
    dense, images = (DENSE[:1], [(2, 3, 5, 4)]) if quick else (DENSE, IMAGES)
    for shape in dense:
        yield shape, -1, str(shape)
    for n, c, h, w in images:
        yield (n, h, w, c), -1, f"{(n, h, w, c)} channels last"
        yield (n, c, h, w), 1, f"{(n, c, h, w)} channels first"


def rows(setting):
    for shape, axis, name in shapes(setting.quick):
        arrays = make_arrays(shape, axis)
        ours = our_functions(axis, **arrays)
        theirs = dict.fromkeys(ours)
        if setting.peer is not None:
            theirs = {"PyTorch": torch_functions, "JAX": jax_functions}[setting.peer](axis, **arrays)
        for part, mine in ours.items():
            error = functools.partial(_error, part, axis, arrays)
            yield Row(f"{part}, {name}", mine, theirs[part], error, wanted=1, parts=(part,))


def make_arrays(shape, axis) -> dict:
    import numpy as np

    rng = np.random.default_rng(0)
    channels = shape[axis]
    uniform = functools.partial(rng.uniform, 0.5, 1.5, channels)
    named = {"gamma": uniform(), "beta": uniform(), "mean": uniform(), "variance": uniform()}
    data = {name: rng.standard_normal(shape, dtype=np.float32) for name in ("x", "dy")}
    return data | {name: value.astype(np.float32) for name, value in named.items()}


def our_functions(axis, x, dy, gamma, beta, mean, variance) -> dict:
    from swiftbn import functional as f

    def both():
        y, mu, inv_std = f.batch_norm(x, gamma, beta, axis=axis)
        return y, *f.batch_norm_backward(dy, x, gamma, mu, inv_std, axis=axis)

    return {
        "forward": lambda: f.batch_norm(x, gamma, beta, axis=axis)[0],
        "forward + backward": both,
        "inference": lambda: f.batch_norm_inference(x, gamma, beta, mean, variance, axis=axis),
    }


def torch_functions(axis, x, dy, gamma, beta, mean, variance) -> dict:
    import torch
    import torch.nn.functional as tf

    def tensor(array):
        t = torch.from_numpy(array)
        return t.permute(0, 3, 1, 2) if array.ndim == 4 and axis == -1 else t

    def back(t):
        return t.permute(0, 2, 3, 1) if t.ndim == 4 and axis == -1 else t

    tx, tdy = tensor(x), tensor(dy)
    weight, bias, running_mean, running_variance = map(torch.from_numpy, (gamma, beta, mean, variance))
    leaves = [tx.detach().requires_grad_(), weight.clone().requires_grad_(), bias.clone().requires_grad_()]

    def forward():
        with torch.no_grad():
            return back(tf.batch_norm(tx, None, None, weight, bias, training=True, eps=EPSILON))

    def both():
        y = tf.batch_norm(leaves[0], None, None, leaves[1], leaves[2], training=True, eps=EPSILON)
        dx, dgamma, dbeta = torch.autograd.grad(y, leaves, tdy)
        return back(y.detach()), back(dx), dgamma, dbeta

    def inference():
        with torch.no_grad():
            return back(tf.batch_norm(tx, running_mean, running_variance, weight, bias, training=False, eps=EPSILON))

    return {"forward": forward, "forward + backward": both, "inference": inference}


def jax_functions(axis, x, dy, gamma, beta, mean, variance) -> dict:
    import jax
    import jax.numpy as jnp

    axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)

    def spread(v):
        return jnp.expand_dims(v, axes)

    def normalize(x, gamma, beta, mean, variance):
        return spread(gamma * jax.lax.rsqrt(variance + EPSILON)) * (x - spread(mean)) + spread(beta)

    def training(x, gamma, beta):
        return normalize(x, gamma, beta, x.mean(axes), x.var(axes))

    @jax.jit
    def both(x, gamma, beta, dy):
        y, pullback = jax.vjp(training, x, gamma, beta)
        return y, *pullback(dy)

    x, dy, gamma, beta, mean, variance = map(jnp.asarray, (x, dy, gamma, beta, mean, variance))
    forward, inference = jax.jit(training), jax.jit(normalize)
    return {
        "forward": lambda: forward(x, gamma, beta).block_until_ready(),
        "forward + backward": lambda: jax.block_until_ready(both(x, gamma, beta, dy)),
        "inference": lambda: inference(x, gamma, beta, mean, variance).block_until_ready(),
    }


def _error(part, axis, arrays, found):
    """Worst error over all results, by groups of channels so that the reference needs little memory."""
    import numpy as np

    found = [np.asarray(v) for v in (found if isinstance(found, tuple) else (found,))]
    channels = arrays["x"].shape[axis]
    group = max(1, channels // max(1, arrays["x"].size >> 22))
    differences, scales = np.zeros(len(found)), np.zeros(len(found))
    for begin in range(0, channels, group):
        part_of = functools.partial(_channels, begin, begin + group, axis)
        exact = _exact(part, axis, **{name: part_of(v).astype(np.float64) for name, v in arrays.items()})
        now = [np.abs(part_of(v) - e).max() for v, e in zip(found, exact, strict=True)]
        differences = np.maximum(differences, now)
        scales = np.maximum(scales, [np.abs(e).max() for e in exact])
    return float((differences / scales).max())


def _channels(begin, end, axis, v):
    if v.ndim == 1:
        return v[begin:end]
    return v[:, begin:end] if axis == 1 else v[..., begin:end]


def _exact(part, axis, x, dy, gamma, beta, mean, variance):
    axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)

    def spread(v):
        return v.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])

    if part != "inference":
        mean, variance = x.mean(axes), x.var(axes)
    inverse = 1 / (variance + EPSILON) ** 0.5
    normal = (x - spread(mean)) * spread(inverse)
    y = spread(gamma) * normal + spread(beta)
    if part != "forward + backward":
        return [y]
    count = functools.reduce(operator.mul, (x.shape[a] for a in axes))
    dbeta, dgamma = dy.sum(axes), (dy * normal).sum(axes)
    dx = spread(gamma * inverse) * (dy - spread(dbeta / count) - normal * spread(dgamma / count))
    return [y, dx, dgamma, dbeta]
