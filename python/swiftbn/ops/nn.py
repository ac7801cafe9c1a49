"""Functions of neural networks: activations, labels, normalization."""

from __future__ import annotations

from swiftbn.config import epsilon as fuzz_factor
from swiftbn.dtypes import standardize_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import abs as absolute
from swiftbn.ops.elementwise import (
    add,
    clip,
    divide,
    greater,
    maximum,
    minimum,
    multiply,
    negative,
    tanh,
    where,
)
from swiftbn.ops.shaping import transpose
from swiftbn.tensor import Tensor, is_symbolic


@operation
def relu(x):
    """max(x, 0); NaN stays NaN."""
    return call("relu", to_float(x))[0]


@operation
def relu6(x):
    """min(max(x, 0), 6)."""
    return clip(to_float(x), 0.0, 6.0)


@operation
def leaky_relu(x, negative_slope: float = 0.2):
    """x where x > 0, else negative_slope·x."""
    return call("leaky_relu", to_float(x), negative_slope=float(negative_slope))[0]


@operation
def elu(x, alpha: float = 1.0):
    """x where x > 0, else alpha·(eˣ - 1)."""
    x = to_float(x)
    return where(greater(x, 0), x, multiply(call("expm1", minimum(x, 0.0))[0], float(alpha)))


@operation
def selu(x):
    """scale·elu(x, alpha) with the self-normalizing constants of Klambauer et al. 2017."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


@operation
def silu(x):
    """x·sigmoid(x), also called swish."""
    return call("silu", to_float(x))[0]


swish = silu


@operation
def softplus(x):
    """log(1 + eˣ)."""
    return call("softplus", to_float(x))[0]


@operation
def softsign(x):
    """x / (1 + |x|)."""
    x = to_float(x)
    return divide(x, add(absolute(x), 1.0))


@operation
def gelu(x, approximate: bool = True):
    """x·Φ(x), Φ being the normal distribution function; by tanh if `approximate` (Hendrycks & Gimpel 2016)."""
    return call("gelu_tanh" if approximate else "gelu", to_float(x))[0]


def mish(x):
    """x·tanh(softplus(x)); of symbolic tensors by functions that files of models can name."""
    if is_symbolic(x):
        return multiply(x, tanh(softplus(x)))
    return call("mish", to_float(x))[0]


@operation
def hard_sigmoid(x):
    """min(max(x/6 + 1/2, 0), 1)."""
    return clip(add(divide(to_float(x), 6.0), 0.5), 0.0, 1.0)


@operation
def hard_silu(x):
    """x·hard_sigmoid(x), also called hard swish."""
    return multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


@operation
def log_sigmoid(x):
    """log(sigmoid(x)) = -softplus(-x)."""
    return negative(softplus(negative(x)))


@operation
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along an axis."""
    x = to_float(x)
    axis = normalize_axis(axis, len(x.shape), "softmax")
    result = call("softmax", x, axis=axis)[0]
    if isinstance(result, Tensor):
        result._trace.softmax_axes[result._index] = axis
    return result


@operation
def log_softmax(x, axis=-1):
    """log(softmax(x)) along an axis, without underflow."""
    x = to_float(x)
    return call("log_softmax", x, axis=normalize_axis(axis, len(x.shape), "log_softmax"))[0]


@operation
def one_hot(x, num_classes: int, axis: int = -1, dtype=None, sparse: bool = False):
    """A new axis of extent `num_classes` with 1 at the label and 0 elsewhere; labels out of range give zeros.

    Raises:
        ValueError: `sparse=True`, which is not supported.
    """
    if sparse:
        raise ValueError("one_hot: only sparse=False is supported. Received: sparse=True")
    labels = resolve(x)
    if dtype_of(labels) not in ("int32", "int64"):
        labels = to_dtype(labels, "int64")
    dtype = standardize_dtype(dtype)
    native = dtype if dtype in ("float32", "float64") else "float32"
    result = to_dtype(call("one_hot", labels, depth=int(num_classes), dtype=native)[0], dtype)
    rank = len(result.shape)
    position = normalize_axis(axis, rank, "one_hot")
    if position == rank - 1:
        return result
    order = list(range(rank - 1))
    order.insert(position, rank - 1)
    return transpose(result, order)


@operation
def batch_normalization(x, mean, variance, axis: int, offset=None, scale=None, epsilon: float = 1e-3):
    """scale·(x - mean)/√(variance + epsilon) + offset, along a channel axis."""
    x = to_float(x)
    parameters = [p for p in (scale, offset) if p is not None]
    attributes = {
        "axis": int(axis),
        "epsilon": float(epsilon),
        "scale": scale is not None,
        "center": offset is not None,
    }
    dtype = dtype_of(x)
    rest = [to_dtype(p, dtype) for p in (*parameters, mean, variance)]
    return call("batch_norm_inference", x, *rest, **attributes)[0]


@operation
def multi_hot(inputs, num_classes=None, axis: int = -1, dtype=None):
    """1 at every label that occurs along the last axis, 0 elsewhere."""
    from swiftbn.ops.reduction import max as reduce_max

    if num_classes is None:
        raise ValueError("multi_hot: expected num_classes to be an integer. Received: None")
    if axis != -1:
        raise ValueError(f"multi_hot: only axis=-1 is supported. Received: axis={axis}")
    hot = one_hot(inputs, num_classes, dtype=dtype)
    return reduce_max(hot, axis=-2) if len(hot.shape) > 1 else hot


@operation
def normalize(x, axis: int = -1, order: int = 2, epsilon: float | None = None):
    """x divided by its norm along an axis (at least `epsilon`)."""
    from swiftbn.ops.norms import norm

    length = norm(x, ord=order, axis=axis, keepdims=True)
    return divide(x, maximum(length, fuzz_factor() if epsilon is None else epsilon))
