"""Runs operations on arbitrary inputs and attributes: each either works or raises an ordinary exception.

python python/tests/fuzz_operations.py SEED COUNT

A crash of the interpreter is the failure that `test_fuzz.py` looks for.
"""

import collections
import random
import resource
import sys

import numpy as np

import swiftbn

native = swiftbn._native
EXTREMES = [0, 1, 2, 3, -1, -2, 5, 2**31, 2**40, 2**47, 2**48, 2**62, 2**63 - 1, -(2**62), -(2**63)]
NUMBERS = [0.0, 1.0, 0.5, -1.0, 1e308, float("nan"), float("inf"), 1e-3]
DTYPES = ["float32", "float64", "int32", "int64", "uint8", "bool", "uint32", "complex64"]
# What kind of value each attribute takes: an integer, several, a truth value, a dtype, a padding, a number.
KINDS = {
    **dict.fromkeys("axis depth n start_axis group_size groups diagonal".split(), "integer"),
    **dict.fromkeys(
        "axes shape strides dilation pool_size begin end before after pads output_padding".split(), "integers"
    ),
    **dict.fromkeys("keepdims scale center transpose_a transpose_b amsgrad nesterov".split(), "truth"),
    **dict.fromkeys("go_backwards has_state has_mask has_bias reset_after".split(), "truth"),
    **dict.fromkeys("upper transpose unit_diagonal complete full compute_uv".split(), "truth"),
    **dict.fromkeys("value epsilon negative_slope minimum maximum rate mean std momentum".split(), "number"),
    "dtype": "dtype",
    "padding": "padding",
}
ATTRIBUTES = {
    "slice": "begin end strides",
    "pad": "before after value",
    "reshape": "shape",
    "broadcast_to": "shape",
    "take": "axis",
    "one_hot": "depth dtype",
    "transpose": "axes",
    **dict.fromkeys("conv2d conv3d".split(), "strides padding dilation groups"),
    **dict.fromkeys("conv2d_transpose conv3d_transpose".split(), "strides padding dilation output_padding"),
    **dict.fromkeys("max_pool2d avg_pool2d max_pool3d avg_pool3d".split(), "pool_size strides padding"),
    "concatenate": "axis",
    "expand_dims": "axis",
    "squeeze": "axes",
    "flip": "axes",
    "cast": "dtype",
    "clip": "minimum maximum",
    "leaky_relu": "negative_slope",
    "matmul": "transpose_a transpose_b",
    "triangle": "upper diagonal",
    "triangular_solve": "upper transpose unit_diagonal",
    "lu_solve": "transpose",
    "qr": "complete",
    "svd": "full compute_uv",
    "random_uniform": "shape dtype minimum maximum",
    "random_normal": "shape dtype mean std",
    "truncated_normal": "shape dtype mean std",
    "dropout": "rate",
    "random_permutation": "n",
    "flatten": "start_axis",
    "batch_norm": "axis epsilon scale center group_size",
    "moments": "axis",
    "extent_product": "axes dtype",
    "batch_norm_inference": "axis epsilon scale center",
    **dict.fromkeys("softmax log_softmax argmax argmin".split(), "axis"),
    **dict.fromkeys("sum mean max min prod any all".split(), "axes keepdims"),
    **dict.fromkeys("simple_rnn lstm".split(), "go_backwards has_state has_mask"),
    "gru": "go_backwards has_state has_mask has_bias reset_after",
    "sgd": "momentum nesterov",
    "adam": "amsgrad epsilon",
}


def value(dice, kind, rank):
    # Mostly small numbers, so that much gets past the first check.
    one = (lambda: dice.choice([0, 1, 2, 3, -1, 1, 2, 1])) if dice.random() < 0.6 else (lambda: dice.choice(EXTREMES))
    if kind == "integer":
        return one()
    if kind == "integers":
        return tuple(one() for _ in range(dice.choice([rank, rank, rank, 2, 1, 3])))
    choices = {
        "truth": [False, True],
        "dtype": DTYPES,
        "padding": ["valid", "same", "valid", "same", "explicit", "full"],
        "number": NUMBERS,
    }
    return dice.choice(choices[kind])


def array(dice, numbers):
    shape = tuple(dice.choice([0, 1, 2, 3, 5]) for _ in range(dice.choice([0, 1, 2, 2, 3, 4, 4])))
    return (numbers.random(shape) * 3 - 1).astype(dice.choice(["f4", "f4", "f4", "f8", "i4", "i8", "u1", "?", "u4"]))


def inputs(dice, numbers, operation):
    first = array(dice, numbers)
    if operation.startswith(("random", "truncated")):
        return [np.array([1, 2], "u4")]
    if operation == "dropout":
        return [first, np.array([1, 2], "u4")]
    if operation in ("triangle", "cholesky", "lu", "triangular_solve", "qr", "eigh", "svd", "lu_solve"):
        n = dice.choice([0, 1, 2, 3, 5, 20])
        lead = dice.choice([(), (), (1,), (2,), (0,), (3, 2)])
        shape = (*lead, n, n if dice.random() < 0.6 else dice.choice([0, 1, 4, 17]))
        a = (numbers.random(shape) * 3 - 1).astype(dice.choice(["f4", "f8"]))
        a[numbers.random(shape) < dice.choice([0, 0, 0.1])] = dice.choice([0, np.nan, np.inf, 1e30])
        if operation == "lu_solve":
            # Any numbers may come as a permutation.
            rows = numbers.choice(np.array(EXTREMES), shape[:-1]).astype("i8")
            return [a, a, rows, a[..., : dice.choice([0, 1, 3])].copy()]
        return [a, a[..., :2].copy()] if operation == "triangular_solve" else [a]
    if operation.startswith(("conv2d", "conv3d", "max_pool", "avg_pool")) and dice.random() < 0.8:
        extents = [dice.choice([0, 1, 3, 6]), dice.choice([1, 4])] + [dice.choice([1, 2, 3])] * ("3d" in operation)
        images = numbers.random((dice.choice([0, 1, 2]), *extents, dice.choice([2, 2, 4])), "f4")
        sizes = [dice.choice([1, 2, 3]) for _ in extents]
        kernel = numbers.random((*sizes, dice.choice([1, 2, 2]), dice.choice([2, 4, 3])), "f4")
        return [images, kernel] if operation.startswith("conv") else [images]
    count = dice.choice([1, 1, 2, 2, 3, 4, 6])
    return [first] + [dice.choice([array(dice, numbers), first, first.astype("f4")]) for _ in range(count - 1)]


def main(seed: int, count: int) -> None:
    # Huge results fail to be allocated instead of filling the machine's memory.
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    dice, numbers = random.Random(seed), np.random.default_rng(seed)
    names = [*ATTRIBUTES, *native.operation_names()]
    outcomes = collections.Counter()
    for _ in range(count):
        operation = dice.choice(names)
        arrays = inputs(dice, numbers, operation)
        wanted = [name for name in ATTRIBUTES.get(operation, "").split() if dice.random() < 0.9]
        attributes = {name: value(dice, KINDS[name], arrays[0].ndim) for name in wanted}
        if attributes.get("padding") == "explicit":
            attributes["pads"] = value(dice, KINDS["pads"], 2 * arrays[0].ndim - 4)
        print(operation, [(a.shape, str(a.dtype)) for a in arrays], attributes, file=sys.stderr)
        try:
            native.execute(operation, tuple(arrays), attributes)
            outcomes["works"] += 1
        except (ValueError, TypeError, IndexError, MemoryError) as error:
            outcomes[type(error).__name__] += 1
    print(dict(outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
