"""Cross-entropies, from logits or probabilities."""

from __future__ import annotations

from swiftbn.config import epsilon as fuzz_factor
from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, promote, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import add, clip, divide, log, multiply, negative, subtract
from swiftbn.ops.nn import softplus
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.shaping import moveaxis, squeeze
from swiftbn.tensor import Tensor


def logits_of(probabilities, activation: str, axis: int = -1):
    """The input of the softmax (along `axis`) or sigmoid that made the probabilities, None if nothing such did.

    With it a cross-entropy can be computed from logits, which is exact where probabilities round to 0 or 1.
    """
    if not isinstance(probabilities, Tensor):
        return None
    trace = probabilities._trace
    name, inputs = trace.graph.producer(probabilities._index)
    # What was narrowed or widened since is still the same function of the logits.
    if name == "cast" and is_float_dtype(Tensor(trace, inputs[0]).dtype):
        logits = logits_of(Tensor(trace, inputs[0]), activation, axis)
        return None if logits is None else to_dtype(logits, dtype_of(probabilities))
    if name == "identity":
        return logits_of(Tensor(trace, inputs[0]), activation, axis)
    if name != activation:
        return None
    rank = len(probabilities.shape)
    if name == "softmax" and trace.softmax_axes.get(probabilities._index) != normalize_axis(axis, rank, name):
        return None
    return Tensor(trace, inputs[0])


def _last(x, axis: int):
    """x with an axis moved to the end, where the core's cross-entropies have the classes."""
    return x if axis == len(x.shape) - 1 else moveaxis(x, axis, -1)


def _check_same_shape(name: str, target, output) -> None:
    known = zip(target.shape, output.shape, strict=False)
    if len(target.shape) != len(output.shape) or any(a != b for a, b in known if a is not None and b is not None):
        raise ValueError(
            f"{name}: expected target and output of the same shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )


@operation
def categorical_crossentropy(target, output, from_logits: bool = False, axis: int = -1):
    """-Σ target·log(output) over `axis`; `output` are logits or probabilities (which are normalized).

    Raises:
        ValueError: shapes differ, or there is no such axis.
    """
    target, output = promote(target, output, to_float=True)
    _check_same_shape("categorical_crossentropy", target, output)
    axis = normalize_axis(axis, len(output.shape), "categorical_crossentropy")
    logits = output if from_logits else logits_of(output, "softmax", axis)
    if logits is not None:
        return call("softmax_cross_entropy", _last(logits, axis), _last(target, axis))[0]
    output = divide(output, reduce_sum(output, axis=axis, keepdims=True))
    output = clip(output, fuzz_factor(), 1.0 - fuzz_factor())
    return negative(reduce_sum(multiply(target, log(output)), axis=axis))


@operation
def sparse_categorical_crossentropy(target, output, from_logits: bool = False, axis: int = -1):
    """-log(output[label]) over `axis`; `output` are logits or probabilities.

    Labels have the shape of the output without that axis, or with it of extent 1.

    Raises:
        ValueError: shapes that do not fit, labels outside 0 … K-1, no such axis.
    """
    output = to_float(output)
    axis = normalize_axis(axis, len(output.shape), "sparse_categorical_crossentropy")
    target = resolve(target)
    if len(target.shape) == len(output.shape) and target.shape[axis] == 1:
        target = squeeze(target, axis)
    if dtype_of(target) not in ("int32", "int64"):
        target = to_dtype(target, "int64")
    rows = tuple(output.shape[:axis]) + tuple(output.shape[axis + 1 :])
    if len(target.shape) != len(rows) or any(
        a != b for a, b in zip(target.shape, rows, strict=False) if a is not None and b is not None
    ):
        raise ValueError(
            f"sparse_categorical_crossentropy: expected target of shape {rows} for output of shape "
            f"{tuple(output.shape)}. Received: target.shape={tuple(target.shape)}"
        )
    logits = output if from_logits else logits_of(output, "softmax", axis)
    if logits is None:
        # log(p) as logits: the softmax of log(p) is p / sum(p).
        logits = log(clip(output, fuzz_factor(), 1.0 - fuzz_factor()))
    return call("sparse_softmax_cross_entropy", _last(logits, axis), target)[0]


@operation
def binary_crossentropy(target, output, from_logits: bool = False):
    """-target·log(output) - (1 - target)·log(1 - output), element by element.

    Raises:
        ValueError: shapes differ.
    """
    target, output = promote(target, output, to_float=True)
    _check_same_shape("binary_crossentropy", target, output)
    logits = output if from_logits else logits_of(output, "sigmoid")
    if logits is not None:
        # Exact for both targets at any logit, and smooth: max(l, 0) - l·t + log(1 + exp(-|l|)) is not, at l = 0.
        one = multiply(target, softplus(negative(logits)))
        return add(one, multiply(subtract(1.0, target), softplus(logits)))
    output = clip(output, fuzz_factor(), 1.0 - fuzz_factor())
    one = multiply(subtract(1.0, target), log(subtract(1.0, output)))
    return negative(add(multiply(target, log(output)), one))
