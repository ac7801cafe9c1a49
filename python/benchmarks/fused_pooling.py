"""Batch normalization between ReLU and max pooling, which our compiler fuses, against PyTorch's separate operations.

Backward alone is, for PyTorch, the gradient of a graph that is kept; for ours, the time of the gradient's steps inside
a run of the whole program, as its profile gives them. A whole run of both sides has a row of its own.
"""

import functools
import itertools

from _interleave import Clocked
from _rows import Row, worst_error

TITLE = "batch normalization, ReLU and 2x2 max pooling, fused"
PEERS = ("PyTorch",)
PROCESSES = 3

SHAPES = [(64, 26, 26, 32), (64, 10, 10, 64), (16, 112, 112, 64)]
EPSILON = 1e-3


def rows(setting):
    shapes = [(2, 4, 4, 8)] if setting.quick else SHAPES
    for shape, channels_first in itertools.product(shapes, (False, True)):
        arrays = make_arrays(shape, channels_first)
        shape = arrays["x"].shape
        for relu_first, name in ((False, "BN, ReLU, max pool"), (True, "bias, ReLU, BN, max pool")):
            forward = _our_program(shape, relu_first, channels_first, gradients=False)
            both = _our_program(shape, relu_first, channels_first, gradients=True)
            theirs = dict.fromkeys(("forward", "backward", "both"))
            if setting.peer:
                theirs = _torch(arrays, relu_first, channels_first)

            error = functools.partial(_error, arrays, relu_first, channels_first)
            label = f"{shape} {'channels first, ' if channels_first else ''}{name}"
            inputs = tuple(arrays.values())
            if not relu_first:
                ours = _runner(forward, inputs[:-1])
                yield Row(f"{label} forward", ours, theirs["forward"], error, wanted=4)
            yield Row(f"{label} backward", Clocked(_backward_clock(both, inputs)), theirs["backward"], wanted=4)
            yield Row(f"{label} both", _runner(both, inputs), theirs["both"], error)


def _error(arrays, relu_first, channels_first, found):
    """PyTorch's results are without the bias's gradient, and forward there is y alone."""
    exact = _exact(relu_first, **{k: _to_last(v) if channels_first else v for k, v in arrays.items()})
    if channels_first:
        exact = [_to_first(v) for v in exact]
    return worst_error(found if isinstance(found, tuple) else (found,), exact)


def _to_first(v):
    return v.transpose(0, 3, 1, 2) if v.ndim == 4 else v


def _to_last(v):
    return v.transpose(0, 2, 3, 1) if v.ndim == 4 else v


def make_arrays(shape, channels_first=False) -> dict:
    """Of channels-last images of that shape, or of the same with their channels first."""
    import numpy as np

    rng = np.random.default_rng(0)
    n, h, w, c = shape
    uniform = rng.uniform(0.5, 1.5, (3, c)).astype(np.float32)
    x, dy = (rng.standard_normal(s, dtype=np.float32) for s in (shape, (n, h // 2, w // 2, c)))
    if channels_first:
        x, dy = (np.ascontiguousarray(_to_first(v)) for v in (x, dy))
    return {"x": x, "bias": uniform[0] - 1, "gamma": uniform[1], "beta": uniform[2] - 1, "dy": dy}


def _runner(program, inputs):
    return lambda: program.run(inputs)


def _backward_clock(program, inputs):
    program.run(inputs)
    ((_, steps, _),) = program.plans()
    backward = [i for i, step in enumerate(steps) if "gradient" in step[0]]

    def seconds():
        times = program.profile(inputs)
        return sum(times[i] for i in backward)

    return seconds


def _our_program(shape, relu_first, channels_first, gradients):
    """(y, and with `gradients` dx, dgamma, dbeta, dbias) from the arrays of `make_arrays`."""
    from swiftbn import ops
    from swiftbn.ops._dispatch import call
    from swiftbn.trace import Trace

    with Trace() as trace:
        x = trace.input("x", shape, "float32")
        axis = 1 if channels_first else -1
        bias, gamma, beta = (trace.input(name, (shape[axis],), "float32") for name in ("bias", "gamma", "beta"))
        spread = ops.reshape(bias, (-1, 1, 1)) if channels_first else bias
        h = ops.relu(x + spread) if relu_first else x
        h = call("batch_norm", h, gamma, beta, axis=axis, epsilon=EPSILON, scale=True, center=True)[0]
        data_format = "channels_first" if channels_first else "channels_last"
        y = ops.max_pool(h if relu_first else ops.relu(h), 2, data_format=data_format)
        if not gradients:
            return trace.compile([y])
        dy = trace.input("dy", y.shape, "float32")
        sources = [x, gamma, beta] + ([bias] if relu_first else [])
        return trace.compile([y, *trace.gradients([y], sources, [dy])])


def _torch(arrays, relu_first, channels_first) -> dict:
    import torch
    import torch.nn.functional as tf

    def back(t):
        return t if channels_first else t.permute(0, 2, 3, 1)

    x, dy = (torch.from_numpy(arrays[name]) for name in ("x", "dy"))
    if not channels_first:
        x, dy = (t.permute(0, 3, 1, 2) for t in (x, dy))
    bias, gamma, beta = (torch.from_numpy(arrays[name]) for name in ("bias", "gamma", "beta"))
    leaves = [x.detach().requires_grad_(), gamma.clone().requires_grad_(), beta.clone().requires_grad_()]
    bias = bias[:, None, None]

    def chain(x, gamma, beta):
        h = torch.relu(x + bias) if relu_first else x
        h = tf.batch_norm(h, None, None, gamma, beta, training=True, eps=EPSILON)
        return tf.max_pool2d(h if relu_first else torch.relu(h), 2)

    def forward():
        with torch.no_grad():
            return back(chain(x, gamma, beta))

    def results(y, gradients):
        y, dx = (back(v.detach()) for v in (y, gradients[0]))
        return y, dx, *gradients[1:]

    def both():
        y = chain(*leaves)
        return results(y, torch.autograd.grad(y, leaves, dy))

    kept = chain(*leaves)
    return {
        "forward": forward,
        "backward": lambda: torch.autograd.grad(kept, leaves, dy, retain_graph=True),
        "both": both,
    }


def _exact(relu_first, x, bias, gamma, beta, dy):
    """The results in float64. Windows have their maximum at the same place as in float32."""
    import numpy as np

    x, bias, gamma, beta, dy = (v.astype(np.float64) for v in (x, bias, gamma, beta, dy))
    h = np.maximum(x + bias, 0) if relu_first else x
    axes, count = (0, 1, 2), h.size // h.shape[-1]
    mean, variance = h.mean(axes), h.var(axes)
    inverse = 1 / np.sqrt(variance + EPSILON)
    normal = (h - mean) * inverse
    z = gamma * normal + beta
    if not relu_first:
        z = np.maximum(z, 0)
    n, height, width, c = z.shape
    windows = z.reshape(n, height // 2, 2, width // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(*dy.shape, 4)
    y = windows.max(-1)
    spread = np.zeros_like(windows)
    np.put_along_axis(spread, windows.argmax(-1)[..., None], dy[..., None], -1)
    dz = spread.reshape(*dy.shape, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(z.shape)
    if not relu_first:
        dz = dz * (z > 0)
    dbeta, dgamma = dz.sum(axes), (dz * normal).sum(axes)
    dh = gamma * inverse * (dz - dbeta / count - normal * dgamma / count)
    if not relu_first:
        return [y, dh, dgamma, dbeta]
    dx = dh * (h > 0)
    return [y, dx, dgamma, dbeta, dx.sum(axes)]
