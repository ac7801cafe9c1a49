"""Convolution and pooling over any number of axes, from their definitions, in NumPy."""

import itertools

import numpy as np


def per_axis(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


def pads_of(extent, size, stride, dilation, padding):
    """Zeros in front, and the output's extent."""
    reach = (size - 1) * dilation + 1
    if padding == "same":
        out = -(-extent // stride)
        return max(0, (out - 1) * stride + reach - extent) // 2, out
    before = reach - 1 if padding == "causal" else 0
    return before, max(0, (extent + before - reach) // stride + 1)


def window_elements(x, sizes, strides, dilation, padding):
    """For every output pixel: (its place, [(place in the kernel, pixel of x (N, C)) inside of x])."""
    axes = len(sizes)
    strides, dilation = per_axis(strides, axes), per_axis(dilation, axes)
    rules = [pads_of(*arguments, padding) for arguments in zip(x.shape[1:-1], sizes, strides, dilation, strict=True)]
    for place in np.ndindex(*(out for _, out in rules)):
        inside = []
        for tap in np.ndindex(*sizes):
            at = [p * s + t * d - b for p, s, t, d, (b, _) in zip(place, strides, tap, dilation, rules, strict=True)]
            if all(0 <= a < extent for a, extent in zip(at, x.shape[1:-1], strict=True)):
                inside.append((tap, x[(slice(None), *at)]))
        yield place, inside


def reference_convolution(x, w, strides=1, padding="valid", dilation=1, groups=1):
    sizes, filters = w.shape[:-2], w.shape[-1]
    results = {}
    for place, inside in window_elements(x, sizes, strides, dilation, padding):
        y = np.zeros((x.shape[0], filters))
        for tap, pixel in inside:
            parts = zip(np.split(pixel, groups, -1), np.split(w[tap], groups, -1), strict=True)
            y += np.concatenate([a @ b for a, b in parts], -1)
        results[place] = y
    return assemble(results, x.shape[0], filters)


def reference_depthwise(x, w, strides=1, padding="valid", dilation=1):
    *sizes, channels, multiplier = w.shape
    results = {}
    for place, inside in window_elements(x, tuple(sizes), strides, dilation, padding):
        y = np.zeros((x.shape[0], channels, multiplier))
        for tap, pixel in inside:
            y += pixel[:, :, None] * w[tap]
        results[place] = y.reshape(x.shape[0], -1)
    return assemble(results, x.shape[0], channels * multiplier)


def reference_transpose(x, w, strides=1, padding="valid", output_padding=None, dilation=1):
    """Keras' output extents, with what the formula for "same" cuts off taken as JAX takes it."""
    axes = w.ndim - 2
    strides, dilation = per_axis(strides, axes), per_axis(dilation, axes)
    extras = per_axis(output_padding, axes)
    extents, before = [], []
    for extent, size, s, d, extra in zip(x.shape[1:-1], w.shape, strides, dilation, extras, strict=False):
        k = (size - 1) * d + 1
        if padding == "valid":
            extents.append((extent - 1) * s + (max(k, s) if extra is None else k + extra))
            before.append(0)
        else:
            extents.append(extent * s if extra is None else (extent - 1) * s + k % 2 + extra)
            total = s + k - 2 if extra is None else k + k % 2 - 2 + extra
            before.append(k - 1 - min(-(-total // 2), k - 1))
    y = np.zeros((x.shape[0], *extents, w.shape[-2]))
    for place, tap in itertools.product(np.ndindex(*x.shape[1:-1]), np.ndindex(*w.shape[:-2])):
        at = [p * s + t * d - b for p, s, t, d, b in zip(place, strides, tap, dilation, before, strict=True)]
        if all(0 <= a < extent for a, extent in zip(at, extents, strict=True)):
            y[(slice(None), *at)] += x[(slice(None), *place)] @ w[tap].T
    return y


def reference_pooling(x, size, strides=None, padding="valid", reduce=np.max):
    axes = x.ndim - 2
    size = per_axis(size, axes)
    results = {
        place: reduce(np.stack([pixel for _, pixel in inside]), axis=0)
        for place, inside in window_elements(x, size, size if strides is None else strides, 1, padding)
    }
    return assemble(results, x.shape[0], x.shape[-1])


def assemble(results, batch, channels):
    extents = [1 + max(places) for places in zip(*results, strict=True)] if results else [0]
    y = np.empty((batch, *extents, channels))
    for place, value in results.items():
        y[(slice(None), *place)] = value
    return y
