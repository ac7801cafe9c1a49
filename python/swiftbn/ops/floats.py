"""Tests of floats, floats that are not finite or do not fit, and what real numbers make trivial."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, promote, resolve, to_dtype
from swiftbn.ops.creation import zeros_like
from swiftbn.ops.elementwise import (
    abs,
    add,
    clip,
    equal,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_or,
    multiply,
    subtract,
    through_float,
    where,
)
from swiftbn.ops.reduction import all
from swiftbn.ops.trigonometry import _is_negative


@operation
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced; by default by 0 and the dtype's largest and smallest numbers."""
    x = resolve(x)
    if not is_float_dtype(dtype_of(x)):
        return x
    limits = np.finfo(dtype_of(x))
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    x = where(isnan(x), nan, x)
    return where(equal(x, math.inf), high, where(equal(x, -math.inf), low, x))


@operation
def isclose(x1, x2, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False):
    """Whether |x1 - x2| ≤ atol + rtol·|x2|, element by element; infinities are close to themselves."""
    a, b = promote(x1, x2, to_float=True)
    near = less_equal(abs(subtract(a, b)), add(multiply(abs(b), rtol), atol))
    near = logical_or(equal(a, b), logical_and(near, less(abs(b), math.inf)))
    return logical_or(near, logical_and(isnan(a), isnan(b))) if equal_nan else near


@operation
def allclose(x1, x2, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False):
    """Whether `isclose` holds for all elements."""
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@operation
def isposinf(x):
    """Whether x is +∞, element by element."""
    return equal(x, math.inf)


@operation
def isneginf(x):
    """Whether x is -∞, element by element."""
    return equal(x, -math.inf)


@operation
def signbit(x):
    """Whether x is negative, or -0, element by element."""
    x = resolve(x)
    return _is_negative(x) if is_float_dtype(dtype_of(x)) else less(x, 0)


@operation
def real(x):
    """The real part: x itself, as there are no complex tensors."""
    return resolve(x)


@operation
def imag(x):
    """The imaginary part: zeros, as there are no complex tensors."""
    return zeros_like(x)


@operation
def conjugate(x):
    """The complex conjugate: x itself, as there are no complex tensors."""
    return resolve(x)


conj = conjugate


@operation
def isreal(x):
    """Whether x is real, element by element: true, as there are no complex tensors."""
    x = resolve(x)
    return logical_or(equal(x, x), isnan(x))


@operation
def copy(x):
    """The same values."""
    x = resolve(x)
    return x.copy() if isinstance(x, np.ndarray) else call("identity", x)[0]


@operation
def saturate_cast(x, dtype):
    """x in another dtype; what is out of its range becomes its nearest number."""
    x, dtype = resolve(x), standardize_dtype(dtype)
    if dtype == "bool":
        return to_dtype(x, dtype)
    limits = np.finfo(dtype) if is_float_dtype(dtype) else np.iinfo(dtype)
    source = dtype_of(x)
    if is_float_dtype(source) and is_float_dtype(dtype):
        low, high = float(limits.min), float(limits.max)
        return to_dtype(where(isinf(x), x, clip(x, low, high)) if source == "float64" else x, dtype)
    # The largest integer that the source holds exactly and the target too.
    high = int(limits.max)
    if is_float_dtype(source):
        high = float(np.nextafter(np.dtype(source).type(high), 0)) if _rounds_up(high, source) else float(high)
        return to_dtype(clip(where(isnan(x), 0.0, x), float(limits.min), high), dtype)
    own = np.iinfo("uint8" if source == "bool" else source)
    wide = to_dtype(x, "int64")
    if own.min < limits.min or own.max > limits.max:
        wide = through_float(lambda v: clip(v, float(limits.min), float(limits.max)), wide)
    return to_dtype(wide, dtype)


def _rounds_up(number: int, dtype: str) -> bool:
    return int(np.dtype(dtype).type(number)) > number
