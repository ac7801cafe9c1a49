"""Convolution and pooling by plain loops over windows, in NumPy."""

import numpy as np


def windows(extent, size, stride, dilation, padding):
    """First index (may be negative) of each window along an axis, TensorFlow's rules."""
    reach = (size - 1) * dilation + 1
    if padding == "valid":
        return [i * stride for i in range((extent - reach) // stride + 1)]
    out = -(-extent // stride)
    before = max(0, (out - 1) * stride + reach - extent) // 2
    return [i * stride - before for i in range(out)]


def reference_conv(x, w, strides, padding, dilation):
    strides, dilation = (v if isinstance(v, tuple) else (v, v) for v in (strides, dilation))
    rows = windows(x.shape[1], w.shape[0], strides[0], dilation[0], padding)
    columns = windows(x.shape[2], w.shape[1], strides[1], dilation[1], padding)
    y = np.zeros((x.shape[0], len(rows), len(columns), w.shape[3]))
    for r, top in enumerate(rows):
        for c, left in enumerate(columns):
            for i in range(w.shape[0]):
                for j in range(w.shape[1]):
                    h, v = top + i * dilation[0], left + j * dilation[1]
                    if 0 <= h < x.shape[1] and 0 <= v < x.shape[2]:
                        y[:, r, c] += x[:, h, v] @ w[i, j]
    return y


def reference_pool(x, size, strides, padding, reduce):
    size = size if isinstance(size, tuple) else (size, size)
    strides = size if strides is None else strides if isinstance(strides, tuple) else (strides, strides)
    rows = windows(x.shape[1], size[0], strides[0], 1, padding)
    columns = windows(x.shape[2], size[1], strides[1], 1, padding)
    y = np.zeros((x.shape[0], len(rows), len(columns), x.shape[3]))
    for r, top in enumerate(rows):
        for c, left in enumerate(columns):
            part = x[:, max(top, 0) : top + size[0], max(left, 0) : left + size[1]]
            y[:, r, c] = reduce(part, axis=(1, 2))
    return y
