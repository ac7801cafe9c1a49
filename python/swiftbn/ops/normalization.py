"""Normalizations that are built from other operations, and a measure of pictures."""

from __future__ import annotations

from swiftbn import config
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, normalize_axes, promote, resolve, to_float
from swiftbn.ops.elementwise import add, log10, multiply, rsqrt, square, subtract
from swiftbn.ops.reduction import mean, moments


@operation
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """x / √(mean(x²) + epsilon) over axes, times `scale`; epsilon is `config.epsilon()` by default."""
    x = to_float(x)
    epsilon = config.epsilon() if epsilon is None else float(epsilon)
    y = multiply(x, rsqrt(add(mean(square(x), axis, keepdims=True), epsilon)))
    return y if scale is None else multiply(y, scale)


@operation
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None):
    """(x - mean) / √(variance + epsilon) over axes, times gamma, plus beta, whose shapes are those of the axes."""
    x = to_float(x)
    epsilon = config.epsilon() if epsilon is None else float(epsilon)
    center, variance = moments(x, axis, keepdims=True)
    y = multiply(subtract(x, center), rsqrt(add(variance, epsilon)))
    axes = normalize_axes(axis, len(x.shape), "layer_normalization")
    shape = tuple(x.shape[a] if a in axes else 1 for a in range(len(x.shape)))
    for combine, weight in ((multiply, gamma), (add, beta)):
        if weight is not None:
            y = combine(y, call("reshape", resolve(weight), shape=shape)[0])
    return y


@operation
def psnr(x1, x2, max_val):
    """Peak signal-to-noise ratio 20·log10(max_val) - 10·log10(mean((x1 - x2)²)), in decibels."""
    a, b = promote(x1, x2, to_float=True)
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(f"psnr: expected equal shapes. Received: {tuple(a.shape)} and {tuple(b.shape)}")
    peak, _ = promote(max_val, a, to_float=True)
    return subtract(multiply(log10(peak), 20.0), multiply(log10(mean(square(subtract(a, b)))), 10.0))
