"""New tensors, and conversions between tensors and NumPy arrays."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import integer, is_number
from swiftbn.config import floatx
from swiftbn.dtypes import is_float_dtype, numpy_dtype, result_dtype, standardize_dtype, to_host_array
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, resolve, to_dtype
from swiftbn.tensor import KerasTensor, Tensor
from swiftbn.variable import Variable


@operation
def convert_to_tensor(x, dtype=None):
    """x as a tensor: symbolic ones stay what they are, everything else becomes a NumPy array.

    Lists of Python floats take `floatx()`, arrays keep their dtype unless another is given.
    """
    return resolve(x) if dtype is None else to_dtype(x, standardize_dtype(dtype))


def convert_to_numpy(x) -> np.ndarray:
    """x as a NumPy array; variables as a copy.

    Raises:
        TypeError: x is symbolic and has no numbers.
    """
    if isinstance(x, Variable):
        return x.numpy().copy()
    if isinstance(x, (list, tuple)):
        return np.stack([convert_to_numpy(item) for item in x]) if x else to_host_array(x)
    return np.asarray(x) if isinstance(x, (Tensor, KerasTensor)) else to_host_array(x)


array = convert_to_tensor


def is_tensor(x) -> bool:
    """Whether x is a tensor: an array, or a symbolic tensor."""
    return isinstance(x, (np.ndarray, Tensor, KerasTensor))


def zeros(shape, dtype=None) -> np.ndarray:
    """Zeros of a shape."""
    return np.zeros(shape, standardize_dtype(dtype))


def ones(shape, dtype=None) -> np.ndarray:
    """Ones of a shape."""
    return np.ones(shape, standardize_dtype(dtype))


def full(shape, fill_value, dtype=None):
    """One value in a shape."""
    if isinstance(fill_value, (Tensor, Variable)):
        value = fill_value if dtype is None else to_dtype(fill_value, standardize_dtype(dtype))
        return call("broadcast_to", value, shape=tuple(shape) if isinstance(shape, (list, tuple)) else (shape,))[0]
    return np.full(shape, fill_value, standardize_dtype(dtype))


def _filled_like(x, value: float, dtype):
    x = resolve(x)
    dtype = dtype_of(x) if dtype is None else standardize_dtype(dtype)
    if None in x.shape:
        return to_dtype(call("fill_like", to_dtype(x, "float32"), value=float(value))[0], dtype)
    return np.full(x.shape, value, dtype)


@operation
def zeros_like(x, dtype=None):
    """Zeros in the shape of x."""
    return _filled_like(x, 0, dtype)


@operation
def ones_like(x, dtype=None):
    """Ones in the shape of x."""
    return _filled_like(x, 1, dtype)


@operation
def full_like(x, fill_value, dtype=None):
    """One value in the shape of x."""
    return _filled_like(x, fill_value, dtype)


def arange(start, stop=None, step=None, dtype=None) -> np.ndarray:
    """start, start + step, … below stop; int32 when all three are integers, else `floatx()`."""
    step = 1 if step is None else step
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, stop, step) if v is not None)
        dtype = "int32" if whole else None
    return np.arange(start, stop, step, standardize_dtype(dtype))


@operation
def linspace(start, stop, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype=None, axis: int = 0):
    """`num` evenly spaced numbers from start to stop, along a new axis when these are tensors.

    Without `endpoint` stop is left out; with `retstep` the distance is returned, too. By default the dtype is that in
    which float tensors meet, else `floatx()`.
    """
    num = integer("linspace", "num", num, 0)
    ends = [x if is_number(x) else resolve(x) for x in (start, stop)]
    floats = [dtype_of(x) for x in ends if not is_number(x) and is_float_dtype(dtype_of(x))]
    kind = result_dtype(*floats) if floats else floatx()
    dtype = kind if dtype is None else standardize_dtype(dtype)
    if not any(isinstance(x, Tensor) for x in ends):
        result = np.linspace(*ends, num, endpoint, retstep, numpy_dtype(dtype), axis)
        return (result[0], np.asarray(result[1], numpy_dtype(kind))) if retstep else result
    from swiftbn.ops.elementwise import add, divide, floor, multiply, subtract, where
    from swiftbn.ops.shaping import expand_dims, moveaxis, reshape

    start, stop = (to_dtype(x, kind) for x in ends)
    span, parts = subtract(stop, start), num - 1 if endpoint else num
    step = divide(span, float(parts)) if parts > 0 else multiply(span, float("nan"))
    steps = reshape(np.arange(num, dtype=numpy_dtype(kind)), (num, *[1] * len(span.shape)))
    values = add(multiply(steps, expand_dims(step if parts > 0 else span, 0)), start)
    if endpoint and parts > 0:
        # Free of rounding at the end.
        values = where(steps == parts, stop, values)
    values = moveaxis(values, 0, axis)
    values = to_dtype(values if is_float_dtype(dtype) else floor(values), dtype)
    return (values, step) if retstep else values


def eye(N: int, M: int | None = None, k: int = 0, dtype=None) -> np.ndarray:
    """N × M zeros with ones on diagonal k."""
    return np.eye(N, M, k, standardize_dtype(dtype))


def identity(n: int, dtype=None) -> np.ndarray:
    """The n × n matrix of 1 on the diagonal, 0 elsewhere."""
    return eye(n, dtype=dtype)
