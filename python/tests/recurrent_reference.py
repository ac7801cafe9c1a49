"""Recurrent layers step by step in NumPy: what the operations and layers are compared with."""

import numpy as np

ACTIVATIONS = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
}


def simple_cell(x, states, recurrent, activation, **_):
    return (activation(x + states[0] @ recurrent),)


def lstm_cell(x, states, recurrent, activation, gate, **_):
    h, c = states
    i, f, g, o = np.split(x + h @ recurrent, 4, axis=-1)
    c = gate(f) * c + gate(i) * activation(g)
    return gate(o) * activation(c), c


def gru_cell(x, states, recurrent, activation, gate, reset_after=True, bias=0.0, **_):
    (h,) = states
    xz, xr, xg = np.split(x, 3, axis=-1)
    if reset_after:
        hz, hr, hg = np.split(h @ recurrent + bias, 3, axis=-1)
        z, r = gate(xz + hz), gate(xr + hr)
        g = activation(xg + r * hg)
    else:
        units = h.shape[-1]
        hz, hr = np.split(h @ recurrent[:, : 2 * units], 2, axis=-1)
        z, r = gate(xz + hz), gate(xr + hr)
        g = activation(xg + (r * h) @ recurrent[:, 2 * units :])
    return (z * h + (1 - z) * g,)


CELLS = {"simple_rnn": (simple_cell, 1, 1), "lstm": (lstm_cell, 4, 2), "gru": (gru_cell, 3, 1)}


def run(
    kind, projected, recurrent, states=None, mask=None, reverse=False, activation="tanh", gate="sigmoid", **options
):
    """(states of all steps (N, T, U) in their order, last states) for projected inputs (N, T, G·U)."""
    cell, _, count = CELLS[kind]
    batch, steps, _ = projected.shape
    units = recurrent.shape[0]
    states = tuple(np.zeros((batch, units)) for _ in range(count)) if states is None else tuple(states)
    outputs = []
    for t in reversed(range(steps)) if reverse else range(steps):
        new = cell(projected[:, t], states, recurrent, ACTIVATIONS[activation], gate=ACTIVATIONS[gate], **options)
        if mask is not None:
            new = tuple(np.where(mask[:, t, None], a, b) for a, b in zip(new, states, strict=True))
        states = new
        outputs.append(states[0])
    return np.stack(outputs, axis=1), states
