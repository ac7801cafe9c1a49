"""Batch renormalization: corrections of a batch's statistics towards running ones.

Ioffe 2017 (arXiv 1702.03275), as Keras 3 does it: y = γ·(x̂·r + d) + β with r = σ/σ', d = (μ - μ')/σ' clipped and
constant for gradients, where x̂, μ, σ are the batch's and μ', σ' the running mean and standard deviation.
"""

from __future__ import annotations

from swiftbn import ops


def bounds(clipping) -> dict:
    """Checks `renorm_clipping`."""
    clipping = dict(clipping or {})
    if set(clipping) - {"rmax", "rmin", "dmax"}:
        raise ValueError(
            f"BatchNormalization: expected renorm_clipping to have the keys rmax, rmin, dmax. Received: {clipping}"
        )
    low, high, shift = clipping.get("rmin"), clipping.get("rmax"), clipping.get("dmax")
    if (low is not None and high is not None and high < low) or (shift is not None and shift < 0):
        raise ValueError(
            f"BatchNormalization: expected rmin <= rmax and dmax >= 0 in renorm_clipping. Received: {clipping}"
        )
    return clipping


def build(layer, shape: tuple) -> None:
    """Adds the running statistics."""
    if not layer.renorm:
        return

    def deviation(shape, dtype=None):
        return ops.sqrt(layer.moving_variance_initializer(shape, dtype))

    for name, initializer in (
        ("moving_stddev", deviation),
        ("renorm_mean", layer.moving_mean_initializer),
        ("renorm_stddev", deviation),
    ):
        setattr(layer, name, layer.add_weight(shape=shape, initializer=initializer, trainable=False, name=name))


def corrected(layer, mean, variance, gamma, beta, shift=None) -> tuple:
    """γ and β with r and d worked in: x̂·(r·γ) + (d·γ + β).

    Args:
        shift: what was taken from the values before their mean was.
    """
    running_mean = ops.reshape(layer.renorm_mean, (-1,))
    if shift is not None:
        running_mean = running_mean - shift
    running = ops.maximum(ops.reshape(layer.renorm_stddev, (-1,)), layer.epsilon**0.5)
    r = ops.sqrt(variance + layer.epsilon) / running
    d = (mean - running_mean) / running
    limits = layer.renorm_clipping
    if limits.get("rmin") is not None:
        r = ops.maximum(r, float(limits["rmin"]))
    if limits.get("rmax") is not None:
        r = ops.minimum(r, float(limits["rmax"]))
    if limits.get("dmax") is not None:
        d = ops.clip(d, -float(limits["dmax"]), float(limits["dmax"]))
    r, d = ops.stop_gradient(r), ops.stop_gradient(d)
    scale = r if gamma is None else r * gamma
    offset = d if gamma is None else d * gamma
    return scale, offset if beta is None else offset + beta


def update(layer, mean, variance, assign) -> None:
    """Takes in a batch; `assign(variable, value)` sets a variable. The moving variance follows from the deviation."""
    deviation = ops.sqrt(variance + layer.epsilon)
    momentum, own = layer.momentum, layer.renorm_momentum
    assign(layer.renorm_mean, layer.renorm_mean * own + mean * (1.0 - own))
    assign(layer.renorm_stddev, layer.renorm_stddev * own + deviation * (1.0 - own))
    moving = layer.moving_stddev * momentum + deviation * (1.0 - momentum)
    assign(layer.moving_mean, layer.moving_mean * momentum + mean * (1.0 - momentum))
    assign(layer.moving_stddev, moving)
    assign(layer.moving_variance, ops.relu(moving * moving - layer.epsilon))
