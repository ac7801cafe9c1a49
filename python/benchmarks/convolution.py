"""`ops.conv` and its two gradients against PyTorch in channels-last layout.

    python python/benchmarks/convolution.py [--threads 1] [--only 3x3] [--winograd off]

Ours are compiled programs that write to the same arrays every time; PyTorch's results come from its allocator, warm.
The last columns are the largest errors of ours and PyTorch's, relative to the same operation on magnitudes in float64.
"""

import argparse
import functools

from _interleave import compare, limit_threads

# Name, images (N, H, W, C), kernel (KH, KW, C, O), stride, padding, and how many rows "same" adds before the first.
CASES = [
    ("3x3 first", (64, 28, 28, 1), (3, 3, 1, 32), 1, "valid", 0),
    ("3x3 documents", (64, 13, 13, 32), (3, 3, 32, 64), 1, "valid", 0),
    ("3x3 same", (16, 56, 56, 64), (3, 3, 64, 64), 1, "same", 1),
    ("1x1", (16, 56, 56, 64), (1, 1, 64, 256), 1, "valid", 0),
    ("7x7 stride 2", (16, 224, 224, 3), (7, 7, 3, 64), 2, "same", 2),
    ("5x5", (64, 28, 28, 32), (5, 5, 32, 32), 1, "same", 2),
]


def program(images, kernel, stride, padding, kind):
    """Our operation as a function of its two arrays that returns the same array every time, and that array's shape."""
    import numpy as np

    from swiftbn import ops
    from swiftbn.trace import Trace

    with Trace() as trace:
        x, w = trace.input("x", images, "float32"), trace.input("w", kernel, "float32")
        y = ops.conv(x, w, strides=stride, padding=padding)
        if kind == "forward":
            out = y
        else:
            seed = trace.input("dy", y.shape, "float32")
            out = trace.gradients(y, [x if kind == "input gradient" else w], seed)[0]
        compiled = trace.compile([out])
    result = (np.empty(out.shape, np.float32),)
    unused = np.zeros(images, np.float32), np.zeros(kernel, np.float32)

    def run(first, second):
        # A gradient does not read the input that it is taken by.
        arrays = {
            "forward": (first, second),
            "input gradient": (unused[0], second, first),
            "weight gradient": (first, unused[1], second),
        }[kind]
        return compiled.run(arrays, out=result)[0]

    return run


def peer(images, kernel, stride, padding, kind, before):
    """PyTorch's operation on tensors (N, C, H, W) and (O, C, KH, KW), of either float dtype."""
    import torch
    import torch.nn.functional as tf

    n, height, width, channels = images
    after = (before + 1 if stride == 2 else before) if padding == "same" else 0
    before = before if padding == "same" else 0
    symmetric, extra = (before, 0) if before == after else (0, before + after)

    def padded(x):
        return tf.pad(x, (before, after, before, after)) if extra else x

    def like(x, *shape):
        return x.new_zeros(shape).contiguous(memory_format=torch.channels_last)

    def backward(dy, x, w, wants):
        geometry = (stride, stride), (symmetric, symmetric), (1, 1), False, (0, 0), 1
        return torch.ops.aten.convolution_backward(dy, x, w, None, *geometry, wants)

    unused = {}

    def placeholder(dtype, *shape):
        if dtype not in unused:
            unused[dtype] = like(torch.zeros(1, dtype=dtype), *shape)
        return unused[dtype]

    def run(first, second):
        if kind == "forward":
            return tf.conv2d(padded(first), second, stride=stride, padding=symmetric)
        if kind == "weight gradient":
            w = placeholder(first.dtype, kernel[3], kernel[2], kernel[0], kernel[1])
            return backward(second, padded(first), w, (False, True, False))[1]
        x = placeholder(first.dtype, n, channels, height + extra, width + extra)
        dx = backward(first, x, second, (True, False, False))[0]
        return dx[:, :, before : before + height, before : before + width] if extra else dx

    return run


def rows(images, kernel, stride, padding, before):
    """(kind, ours, PyTorch's, errors of both) for forward and both gradients."""
    import numpy as np
    import torch

    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(images, np.float32), rng.standard_normal(kernel, np.float32)
    dy = rng.standard_normal(program(images, kernel, stride, padding, "forward")(x, w).shape, np.float32)

    def as_images(a):
        return torch.from_numpy(a).permute(0, 3, 1, 2)

    def as_weights(a):
        return torch.from_numpy(a).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

    for kind, first, second in [("forward", x, w), ("input gradient", dy, w), ("weight gradient", x, dy)]:
        ours = program(images, kernel, stride, padding, kind)
        theirs = peer(images, kernel, stride, padding, kind, before)
        tensors = as_images(first), (as_images if kind == "weight gradient" else as_weights)(second)
        with torch.no_grad():
            exact = theirs(*(t.double() for t in tensors))
            scale = theirs(*(t.double().abs() for t in tensors)).clamp_min(1e-30)
            mine = (as_weights if kind == "weight gradient" else as_images)(ours(first, second))
            errors = [float(((side - exact).abs() / scale).max()) for side in (mine, theirs(*tensors))]
        yield kind, functools.partial(ours, first, second), functools.partial(theirs, *tensors), errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--winograd", choices=("on", "off"), default="on")
    arguments = parser.parse_args()
    limit_threads(arguments.threads)

    import torch

    import swiftbn

    torch.set_num_threads(arguments.threads)
    swiftbn.config.set_winograd(arguments.winograd == "on")
    for case in CASES:
        if arguments.only not in case[0]:
            continue
        for kind, ours, theirs, errors in rows(*case[1:]):
            with torch.no_grad():
                result = compare(ours, theirs)
            print(f"{case[0]:14} {kind:16} {result}  errors {errors[0]:.1e} {errors[1]:.1e}", flush=True)


if __name__ == "__main__":
    main()
