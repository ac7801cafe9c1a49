"""Keras' optimizers in NumPy float64: formula(weight, gradient, state, step counted from 1, rate, **arguments)."""

import numpy as np

from swiftbn import optimizers


def sgd(w, g, state, t, lr, momentum=0.0, nesterov=False):
    if not momentum:
        return w - lr * g
    state["m"] = momentum * state.get("m", 0) - lr * g
    return w + (momentum * state["m"] - lr * g if nesterov else state["m"])


def adam(w, g, state, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    state["m"] = beta_1 * state.get("m", 0) + (1 - beta_1) * g
    state["v"] = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
    v = state["v"]
    if amsgrad:
        v = state["hat"] = np.maximum(state.get("hat", 0), v)
    return w - lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * state["m"] / (np.sqrt(v) + epsilon)


def rmsprop(w, g, state, t, lr, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    state["v"] = rho * state.get("v", 0) + (1 - rho) * g**2
    v = state["v"]
    if centered:
        state["a"] = rho * state.get("a", 0) + (1 - rho) * g
        v = v - state["a"] ** 2
    step = lr * g / np.sqrt(v + epsilon)
    if momentum:
        step = state["b"] = momentum * state.get("b", 0) + step
    return w - step


def adagrad(w, g, state, t, lr, initial_accumulator_value=0.1, epsilon=1e-7):
    state["a"] = state.get("a", initial_accumulator_value) + g**2
    return w - lr * g / np.sqrt(state["a"] + epsilon)


def adadelta(w, g, state, t, lr, rho=0.95, epsilon=1e-7):
    state["a"] = rho * state.get("a", 0) + (1 - rho) * g**2
    delta = -np.sqrt(state.get("d", 0) + epsilon) / np.sqrt(state["a"] + epsilon) * g
    state["d"] = rho * state.get("d", 0) + (1 - rho) * delta**2
    return w + lr * delta


def adamax(w, g, state, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    state["m"] = beta_1 * state.get("m", 0) + (1 - beta_1) * g
    state["u"] = np.maximum(beta_2 * state.get("u", 0), abs(g))
    return w - lr / (1 - beta_1**t) * state["m"] / (state["u"] + epsilon)


def nadam(w, g, state, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    now, following = (beta_1 * (1 - 0.5 * 0.96**s) for s in (t, t + 1))
    state["U"] = state.get("U", 1) * now
    state["m"] = beta_1 * state.get("m", 0) + (1 - beta_1) * g
    state["v"] = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
    ahead = following * state["m"] / (1 - state["U"] * following) + (1 - now) * g / (1 - state["U"])
    return w - lr * ahead / (np.sqrt(state["v"] / (1 - beta_2**t)) + epsilon)


def ftrl(w, g, state, t, lr, learning_rate_power=-0.5, initial_accumulator_value=0.1, beta=0.0, **strengths):
    l1, l2 = (strengths.get(f"{name}_regularization_strength", 0) for name in ("l1", "l2"))
    old = state.get("n", initial_accumulator_value)
    state["n"] = old + g**2
    sigma = (state["n"] ** -learning_rate_power - old**-learning_rate_power) / lr
    shrunk = g + 2 * strengths.get("l2_shrinkage_regularization_strength", 0) * w
    z = state["z"] = state.get("z", 0) + shrunk - sigma * w
    quadratic = state["n"] ** -learning_rate_power / lr + 2 * l2 + beta / lr
    return np.where(abs(z) > l1, (np.sign(z) * l1 - z) / quadratic, 0)


def lion(w, g, state, t, lr, beta_1=0.9, beta_2=0.99):
    m = state.get("m", 0)
    state["m"] = beta_2 * m + (1 - beta_2) * g
    return w - lr * np.sign(beta_1 * m + (1 - beta_1) * g)


def lamb(w, g, state, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    state["m"] = beta_1 * state.get("m", 0) + (1 - beta_1) * g
    state["v"] = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
    step = state["m"] / (1 - beta_1**t) / (np.sqrt(state["v"] / (1 - beta_2**t)) + epsilon)
    lengths = np.sqrt((w**2).sum()), np.sqrt((step**2).sum())
    return w - lr * (lengths[0] / lengths[1] if all(lengths) else 1) * step


def adafactor(w, g, state, t, lr, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0, **_):
    if not w.size:
        return w
    beta, squares = 1 - t**beta_2_decay, g**2 + epsilon_1
    if w.ndim < 2:
        v = state["v"] = beta * state.get("v", 0) + (1 - beta) * squares
    else:
        r = state["r"] = beta * state.get("r", 0) + (1 - beta) * squares.mean(-1)
        c = state["c"] = beta * state.get("c", 0) + (1 - beta) * squares.mean(-2)
        v = (r / r.mean(-1, keepdims=True))[..., None] * c[..., None, :]
    update = g / np.sqrt(v)
    update = update / max(1, np.sqrt((update**2).mean()) / clip_threshold)
    return w - max(epsilon_2, np.sqrt((w**2).mean())) * min(lr, t**-0.5) * update


def muon(w, g, state, t, lr, momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2, muon_b=-4.775, **adam_arguments):
    if w.ndim != 2:
        names = {"adam_beta_1": "beta_1", "adam_beta_2": "beta_2", "epsilon": "epsilon"}
        ratio = adam_arguments.get("adam_lr_ratio", 1)
        return adam(w, g, state, t, lr * ratio, **{names[k]: v for k, v in adam_arguments.items() if k in names})
    m = state["m"] = momentum * state.get("m", 0) + g
    x = g + momentum * m if nesterov else m
    x = x / (np.linalg.norm(x) + 1e-7)
    u, s, v = np.linalg.svd(x, full_matrices=False)
    for _ in range(ns_steps):
        s = 3.4445 * s + muon_b * s**3 + 2.0315 * s**5
    return w - lr * (1 if rms_rate is None else rms_rate * max(w.shape) ** 0.5) * (u * s) @ v


def schedule_free(w, g, state, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0):
    """Keeps x, which the optimizer recovers from w and z."""
    z = state.get("z", state.get("start", w))
    # Decay of w alone moves x as well.
    x = (w - (1 - beta_1) * z) / beta_1
    state["v"] = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
    rate = lr * min(t / warmup_steps, 1) if warmup_steps else lr
    z = state["z"] = z - rate * g / (np.sqrt(state["v"] / (1 - beta_2**t)) + epsilon)
    return (1 - beta_1) * z + beta_1 * ((1 - 1 / t) * x + z / t)


CASES = [
    (optimizers.SGD, sgd, {}),
    (optimizers.SGD, sgd, {"momentum": 0.8}),
    (optimizers.SGD, sgd, {"momentum": 0.8, "nesterov": True}),
    (optimizers.SGD, sgd, {"nesterov": True}),
    (optimizers.Adam, adam, {}),
    (optimizers.Adam, adam, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    (optimizers.Adam, adam, {"beta_2": 0.3, "amsgrad": True}),
    (optimizers.AdamW, adam, {"weight_decay": 0.0}),
    (optimizers.RMSprop, rmsprop, {}),
    (optimizers.RMSprop, rmsprop, {"rho": 0.6, "momentum": 0.7, "epsilon": 1e-3}),
    (optimizers.RMSprop, rmsprop, {"centered": True, "epsilon": 1e-3}),
    (optimizers.RMSprop, rmsprop, {"centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    (optimizers.Adagrad, adagrad, {}),
    (optimizers.Adagrad, adagrad, {"initial_accumulator_value": 0.0, "epsilon": 1e-2}),
    (optimizers.Adadelta, adadelta, {}),
    (optimizers.Adadelta, adadelta, {"rho": 0.5, "epsilon": 1e-2}),
    (optimizers.Adamax, adamax, {}),
    (optimizers.Adamax, adamax, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    (optimizers.Nadam, nadam, {}),
    (optimizers.Nadam, nadam, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    (optimizers.Ftrl, ftrl, {}),
    (optimizers.Ftrl, ftrl, {"learning_rate_power": -0.7, "initial_accumulator_value": 0.5, "beta": 0.3}),
    (
        optimizers.Ftrl,
        ftrl,
        {
            "l1_regularization_strength": 0.2,
            "l2_regularization_strength": 0.3,
            "l2_shrinkage_regularization_strength": 0.1,
        },
    ),
    (optimizers.Lion, lion, {}),
    (optimizers.Lion, lion, {"beta_1": 0.3, "beta_2": 0.6}),
    (optimizers.Lamb, lamb, {}),
    (optimizers.Lamb, lamb, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    (optimizers.Adafactor, adafactor, {}),
    (
        optimizers.Adafactor,
        adafactor,
        {"beta_2_decay": -0.5, "epsilon_1": 1e-3, "epsilon_2": 0.5, "clip_threshold": 0.3, "relative_step": False},
    ),
    (optimizers.ScheduleFreeAdamW, schedule_free, {}),
    (optimizers.ScheduleFreeAdamW, schedule_free, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2, "warmup_steps": 4}),
    (optimizers.Muon, muon, {"weight_decay": None, "adam_weight_decay": None}),
    (
        optimizers.Muon,
        muon,
        {
            "weight_decay": None,
            "adam_weight_decay": None,
            "momentum": 0.5,
            "nesterov": False,
            "rms_rate": None,
            "ns_steps": 3,
            "muon_b": -4.0,
            "adam_lr_ratio": 0.5,
        },
    ),
]
