"""`ops.conv` and its two gradients against PyTorch in channels-last layout.

Ours are compiled programs that write to the same arrays every time; PyTorch's results come from its allocator, warm.
Where Winograd's algorithm is used, rows of their own have it switched off; the mean without it has these instead. Those
of convolutions in groups are in no mean but their own. Errors are relative to the same operation on magnitudes.
"""

from typing import NamedTuple

from _rows import Row

TITLE = "convolutions"
PEERS = ("PyTorch",)
WITH, WITHOUT = "in one group", "in one group, without Winograd's algorithm"
INSTEAD, GROUPS = "where Winograd's algorithm is switched off", "in groups"
MEANS = {WITH: 1.3, WITHOUT: 1.1, INSTEAD: None, GROUPS: None}


class Case(NamedTuple):
    """Images (N, H, W, C), kernel (KH, KW, C / groups, O), and how many rows "same" adds before the first."""

    name: str
    images: tuple
    kernel: tuple
    stride: int
    padding: str
    before: int = 0
    groups: int = 1

    @property
    def has_winograd(self) -> bool:
        return self.kernel[:2] == (3, 3) and min(self.kernel[2:]) >= 16 and self.groups == 1

    @property
    def is_depthwise(self) -> bool:
        return self.kernel[3] == 1


CASES = (
    Case("3x3, 1 to 32", (64, 28, 28, 1), (3, 3, 1, 32), 1, "valid"),
    Case("3x3, 32 to 64", (64, 13, 13, 32), (3, 3, 32, 64), 1, "valid"),
    Case("3x3 same, 64 to 64", (16, 56, 56, 64), (3, 3, 64, 64), 1, "same", 1),
    Case("1x1, 64 to 256", (16, 56, 56, 64), (1, 1, 64, 256), 1, "valid"),
    Case("7x7 stride 2, 3 to 64", (16, 224, 224, 3), (7, 7, 3, 64), 2, "same", 2),
    Case("5x5 same, 32 to 32", (64, 28, 28, 32), (5, 5, 32, 32), 1, "same", 2),
    Case("depthwise 3x3 same, 128", (16, 56, 56, 128), (3, 3, 128, 1), 1, "same", 1),
    Case("3x3 same, 128 in 32 groups", (16, 56, 56, 128), (3, 3, 4, 128), 1, "same", 1, 32),
    Case("3x3 same, 256 in 32 groups", (16, 28, 28, 256), (3, 3, 8, 256), 1, "same", 1, 32),
    Case("3x3 stride 2 same, 256 in 32 groups", (16, 56, 56, 256), (3, 3, 8, 256), 2, "same", 0, 32),
    Case("3x3 same, 512 in 32 groups", (16, 14, 14, 512), (3, 3, 16, 512), 1, "same", 1, 32),
    Case("3x3 same, 128 in 4 groups", (16, 28, 28, 128), (3, 3, 32, 128), 1, "same", 1, 4),
    Case("1x1, 240 in 3 groups", (16, 28, 28, 240), (1, 1, 80, 240), 1, "valid", 0, 3),
    Case("1x1, 128 in 16 groups", (16, 56, 56, 128), (1, 1, 8, 128), 1, "valid", 0, 16),
)
KINDS = ("forward", "input gradient", "weight gradient")


def rows(setting):
    import numpy as np

    rng = np.random.default_rng(0)
    for case in CASES[1:2] if setting.quick else CASES:
        x, w = rng.standard_normal(case.images, np.float32), rng.standard_normal(case.kernel, np.float32)
        dy = rng.standard_normal(_program(case, "forward", "float32")(x, w).shape, np.float32)
        for kind, first, second in zip(KINDS, (x, dy, x), (w, w, dy), strict=True):
            theirs, as_array = (None, None) if setting.peer is None else _theirs(case, kind, first, second)
            for winograd in (True, False) if case.has_winograd else (True,):
                yield _row(case, kind, (first, second), theirs, as_array, winograd)


def _row(case, kind, arrays, theirs, as_array, winograd):
    import numpy as np

    import swiftbn

    first, second = arrays
    program = _program(case, kind, "float32")

    def ours():
        swiftbn.config.set_winograd(winograd)
        return program(first, second)

    def error(found):
        if as_array is not None:
            found = as_array(found)
        reference = _program(case, kind, "float64")
        exact = reference(first.astype("float64"), second.astype("float64")).copy()
        scale = reference(np.abs(first).astype("float64"), np.abs(second).astype("float64"))
        return float((np.abs(found - exact) / np.maximum(scale, 1e-30)).max())

    if case.groups > 1:
        parts = (GROUPS,)
    elif case.has_winograd:
        parts = (WITH,) if winograd else (WITHOUT, INSTEAD)
    else:
        parts = (WITH, WITHOUT)
    name = f"{case.name}, {kind}" + ("" if winograd else ", without Winograd")
    return Row(name, ours, theirs, error, wanted=0.85, parts=parts, turn=0.1)


def _program(case, kind, dtype):
    """Our operation as a function of its two arrays that returns the same array every time."""
    import numpy as np

    from swiftbn import ops
    from swiftbn.trace import Trace

    convolve = ops.depthwise_conv if case.is_depthwise else ops.conv
    with Trace() as trace:
        x, w = trace.input("x", case.images, dtype), trace.input("w", case.kernel, dtype)
        y = convolve(x, w, strides=case.stride, padding=case.padding)
        if kind == "forward":
            out = y
        else:
            seed = trace.input("dy", y.shape, dtype)
            out = trace.gradients([y], [x if kind == "input gradient" else w], [seed])[0]
        compiled = trace.compile([out])
    result = (np.empty(out.shape, dtype),)
    # A gradient does not read the input that it is taken by.
    unused = np.zeros(case.images, dtype), np.zeros(case.kernel, dtype)

    def run(first, second):
        arrays = {
            "forward": (first, second),
            "input gradient": (unused[0], second, first),
            "weight gradient": (first, unused[1], second),
        }[kind]
        return compiled.run(arrays, out=result)[0]

    return run


def _theirs(case, kind, first, second):
    """PyTorch's operation in channels-last memory, and what makes an array in our order of its result."""
    import numpy as np
    import torch
    import torch.nn.functional as tf

    groups = case.kernel[2] if case.is_depthwise else case.groups
    total = case.before + (case.before + 1 if case.stride == 2 else case.before)
    symmetric, extra = (case.before, 0) if total == 2 * case.before else (0, total)

    def padded(x):
        return tf.pad(x, (case.before, total - case.before) * 2) if extra else x

    def images(a):
        return torch.from_numpy(a).permute(0, 3, 1, 2)

    def kernel(a):
        order = (2, 3, 0, 1) if case.is_depthwise else (3, 2, 0, 1)
        return torch.from_numpy(a).permute(order).contiguous(memory_format=torch.channels_last)

    def backward(dy, x, w, wants):
        geometry = (case.stride,) * 2, (symmetric,) * 2, (1, 1), False, (0, 0), groups
        return torch.ops.aten.convolution_backward(dy, x, w, None, *geometry, wants)

    n, height, width, channels = case.images
    x = torch.zeros(n, channels, height + extra, width + extra).contiguous(memory_format=torch.channels_last)
    a, b = images(first), images(second) if kind == "weight gradient" else kernel(second)
    w = kernel(np.zeros(case.kernel, "float32"))

    def run():
        with torch.no_grad():
            if kind == "forward":
                return tf.conv2d(padded(a), b, stride=case.stride, padding=symmetric, groups=groups)
            if kind == "weight gradient":
                return backward(b, padded(a), w, (False, True, False))[1]
            dx = backward(a, x, b, (True, False, False))[0]
            low, high = case.before, case.before + height
            return dx[:, :, low:high, low : case.before + width] if extra else dx

    def as_array(found):
        weight_order = (2, 3, 0, 1) if case.is_depthwise else (2, 3, 1, 0)
        return found.permute(weight_order if kind == "weight gradient" else (0, 2, 3, 1)).numpy()

    return run, as_array
