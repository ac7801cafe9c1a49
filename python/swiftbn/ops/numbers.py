"""Divisors of integers, a Bessel function, bits of floats."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, promote, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import (
    abs as absolute,
)
from swiftbn.ops.elementwise import (
    add,
    divide,
    equal,
    exp,
    floor_divide,
    less,
    maximum,
    minimum,
    mod,
    multiply,
    sqrt,
    square,
    subtract,
    where,
)
from swiftbn.tensor import Tensor


def _integers(name: str, x1, x2) -> tuple:
    """Two integer tensors without their signs, and the dtype of the result."""
    a, b = promote(x1, x2)
    dtype = dtype_of(a)
    if is_float_dtype(dtype):
        raise TypeError(f"{name}: expected integers. Received: dtype {dtype}")
    wide = {"bool": "int32", "uint8": "int32", "uint32": "int64"}.get(dtype, dtype)
    # The core's absolute value goes through floats, which do not hold all integers.
    a, b = (maximum(x, subtract(0, x)) for x in (to_dtype(a, wide), to_dtype(b, wide)))
    return a, b, "int32" if dtype == "bool" else dtype


# Euclid's algorithm takes the longest for neighbouring Fibonacci numbers; so many of them fit into the dtype.
_STEPS = {"int32": 46, "int64": 92}


def _divisor(a, b):
    for _ in range(_STEPS[dtype_of(a)]):
        done = equal(b, 0)
        a, b = where(done, a, b), where(done, b, mod(a, where(done, 1, b)))
    return a


@operation
def gcd(x1, x2):
    """The greatest common divisor of integers, element by element; that of 0 and x is |x|. Euclid's steps are unrolled.

    Raises:
        TypeError: floats.
    """
    a, b, dtype = _integers("gcd", x1, x2)
    return to_dtype(_divisor(a, b), dtype)


@operation
def lcm(x1, x2):
    """The least common multiple of integers, element by element; that of 0 and x is 0.

    Raises:
        TypeError: floats.
    """
    a, b, dtype = _integers("lcm", x1, x2)
    divisor = _divisor(a, b)
    return to_dtype(multiply(floor_divide(a, where(equal(divisor, 0), 1, divisor)), b), dtype)


# Below it the power series of I₀ is summed, above it the asymptotic one, whose smallest term is e^-2x of the sum there.
_BORDER = 20.0


@operation
def i0(x):
    """The modified Bessel function of the first kind of order 0: Σ (x²/4)ᵏ/(k!)².

    For |x| > 20 e^x/√(2πx)·Σ ((2k - 1)!!)²/(k!·(8x)ᵏ). All terms are positive, so that nothing cancels.
    """
    x = absolute(to_float(x))
    small, large = minimum(x, _BORDER), maximum(x, _BORDER)
    quarter = multiply(square(small), 0.25)
    near = multiply(x, 0.0)
    far = multiply(x, 0.0)
    for k in range(40, 0, -1):
        near = multiply(divide(quarter, float(k * k)), add(near, 1.0))
    for k in range(30, 0, -1):
        far = multiply(divide((2 * k - 1) ** 2 / (8 * k), large), add(far, 1.0))
    # Half of the exponent at a time, so that the result overflows where it does and not before.
    half = exp(multiply(large, 0.5))
    asymptotic = multiply(multiply(divide(add(far, 1.0), sqrt(multiply(large, 2 * math.pi))), half), half)
    return where(less(x, _BORDER), add(near, 1.0), asymptotic)


def _host(name: str, *tensors) -> None:
    if any(isinstance(x, Tensor) for x in tensors):
        raise ValueError(f"{name}: works on arrays only, outside of programs. Received: a tensor of a trace")


@operation
def nextafter(x1, x2):
    """The next float behind x1 on the way to x2, element by element, of arrays outside of programs."""
    a, b = promote(x1, x2, to_float=True)
    _host("nextafter", a, b)
    return np.nextafter(a, b)


@operation
def view(x, dtype=None):
    """The same bytes in another dtype, of arrays outside of programs; the last axis changes with the width of elements.

    Args:
        dtype: None for the one of x.

    Raises:
        ValueError: elements that do not fit into the last axis, tensors of a program in another dtype.
    """
    x = resolve(x)
    target = dtype_of(x) if dtype is None else standardize_dtype(dtype)
    if target == dtype_of(x):
        return call("identity", x)[0]
    _host("view", x)
    return np.ascontiguousarray(x).view(target)
