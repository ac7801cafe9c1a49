"""The one way from Python into the native operations: at once on host arrays, recorded on tensors of a trace."""

from __future__ import annotations

import numpy as np

from swiftbn import _native
from swiftbn.config import floatx
from swiftbn.dtypes import HALF_DTYPES, SUPPORTED_DTYPES, is_float_dtype, result_dtype, to_host_array
from swiftbn.tensor import KerasTensor, Tensor
from swiftbn.variable import Variable


def call(name: str, *inputs, **attributes) -> tuple:
    """Runs or records a native operation on tensors, variables and host arrays that it takes as they are."""
    trace = None
    half = False
    values = []
    for x in inputs:
        x = resolve(x)
        if type(x) is Tensor:
            half = half or x.dtype in HALF_DTYPES
            if trace is None:
                trace = x._trace
            elif trace is not x._trace:
                raise ValueError(
                    f"{name}: the inputs belong to different traces; a tensor was kept from an earlier one"
                )
        elif x.itemsize == 2:
            half = True
        values.append(x)
    if half and name not in _TAKING_HALF:
        return _in_float32(name, values, attributes)
    if trace is None:
        return _native.execute(name, tuple(values), attributes)
    return trace.operation(name, tuple(values), attributes)


# The operations of the core that take the 16-bit floats, which it stores but does not compute in.
_TAKING_HALF = {"cast", "identity", "stop_gradient"}


def _in_float32(name: str, values: list, attributes: dict) -> tuple:
    """The operation computed in float32; rounded when all of its floats came in one 16-bit dtype."""
    dtypes = {dtype_of(x) for x in values if is_float_dtype(dtype_of(x))}
    outputs = call(name, *(to_dtype(x, "float32") if dtype_of(x) in HALF_DTYPES else x for x in values), **attributes)
    if len(dtypes) > 1:
        return outputs
    (dtype,) = dtypes
    return tuple(to_dtype(y, dtype) if dtype_of(y) == "float32" else y for y in outputs)


def resolve(x):
    """A Tensor of the active trace or a host array."""
    kind = type(x)
    if kind is Tensor:
        return x
    if isinstance(x, Variable):
        return x.value
    if kind is np.ndarray and x.dtype in _NAMES and x.flags.c_contiguous:
        return x
    if isinstance(x, KerasTensor):
        raise TypeError(f"Expected a tensor or an array. Received: {x!r}")
    if isinstance(x, (list, tuple)) and _holds_tensors(x):
        from swiftbn.ops.shaping import stack

        return resolve(stack(x))
    return to_host_array(x)


# Dtypes that the core takes as they are, in this machine's byte order. Looking a name up here is many times faster than
# asking NumPy for it.
_NAMES = {np.dtype(name): name for name in SUPPORTED_DTYPES if name != "bfloat16"}


def _holds_tensors(items) -> bool:
    return any(isinstance(x, (Tensor, Variable)) or (isinstance(x, (list, tuple)) and _holds_tensors(x)) for x in items)


def dtype_of(x) -> str:
    """Name of the dtype of a tensor, variable or host array."""
    dtype = x.dtype
    return dtype if isinstance(dtype, str) else _NAMES.get(dtype) or dtype.name


def to_dtype(x, dtype: str):
    """The same numbers in another dtype; host arrays of any kind and Python numbers are accepted."""
    if not isinstance(x, (Tensor, Variable, np.ndarray)):
        if isinstance(x, (list, tuple)) and _holds_tensors(x):
            return to_dtype(resolve(x), dtype)
        return to_host_array(x, dtype)
    x = resolve(x)
    if dtype_of(x) == dtype:
        return x
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return to_host_array(x, dtype)
    return call("cast", x, dtype=dtype)[0]


def is_weak(x) -> bool:
    """Python and NumPy scalars take the dtype of what they meet."""
    return isinstance(x, (int, float, np.generic)) and not isinstance(x, Tensor)


def promote(*inputs, to_float: bool = False) -> list:
    """The inputs in the dtype in which they meet.

    Scalars do not count, except that a fractional one makes integers floats. With `to_float` integers become
    `floatx()`.
    """
    strong = [x if is_weak(x) else resolve(x) for x in inputs]
    dtypes = [dtype_of(x) for x in strong if not is_weak(x)]
    if dtypes:
        dtype = result_dtype(*dtypes)
    else:
        dtype = result_dtype(*(_weak_dtype(x) for x in strong))
    scalars = [x for x in strong if is_weak(x)]
    if not is_float_dtype(dtype):
        if to_float or any(isinstance(x, (float, np.floating)) for x in scalars):
            dtype = floatx()
        elif dtype == "bool" and any(_weak_dtype(x) != "bool" for x in scalars):
            dtype = "int32"
    return [to_dtype(x, dtype) for x in strong]


def _weak_dtype(x) -> str:
    if isinstance(x, (bool, np.bool_)):
        return "bool"
    if isinstance(x, (int, np.integer)):
        return "int32" if -(2**31) <= x < 2**31 else "int64"
    return floatx()


def to_float(x):
    """The tensor itself, or in `floatx()` when it holds integers."""
    x = resolve(x)
    return x if is_float_dtype(dtype_of(x)) else to_dtype(x, floatx())


def normalize_axis(axis, ndim: int, name: str) -> int:
    """The axis counted from the front.

    Raises:
        ValueError: not an integer or out of range.
    """
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ValueError(f"{name}: expected axis to be an integer. Received: axis={axis!r}")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: expected -{ndim} <= axis < {ndim} for rank {ndim}. Received: axis={axis}")
    return int(axis) % ndim


def normalize_axes(axis, ndim: int, name: str) -> tuple:
    """All axes for None; else one or several, counted from the front, each once."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    axes = tuple(normalize_axis(a, ndim, name) for a in axes)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: expected different axes. Received: axis={axis}")
    return axes
