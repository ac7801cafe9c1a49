"""Exponentials and logarithms to other bases, error functions, and maxima that leave out NaN."""

from __future__ import annotations

import math

from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import dtype_of, promote, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import (
    abs,
    add,
    ceil,
    divide,
    equal,
    erf,
    exp,
    floor,
    greater,
    isnan,
    less,
    log,
    log1p,
    logical_and,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sin,
    sqrt,
    square,
    stop_gradient,
    subtract,
    where,
)


@operation
def exp2(x):
    """2 to the power x, element by element."""
    return power(2.0, to_float(x))


@operation
def logaddexp(x1, x2):
    """log(eˣ¹ + eˣ²) without overflow, element by element."""
    a, b = promote(x1, x2, to_float=True)
    large, difference = maximum(a, b), negative(abs(subtract(a, b)))
    # Equal infinities have no difference.
    difference = where(equal(a, b), 0.0, difference)
    return add(large, log1p(exp(difference)))


@operation
def logaddexp2(x1, x2):
    """log2(2ˣ¹ + 2ˣ²) without overflow, element by element."""
    a, b = promote(x1, x2, to_float=True)
    return divide(logaddexp(multiply(a, math.log(2.0)), multiply(b, math.log(2.0))), math.log(2.0))


@operation
def cbrt(x):
    """Cube root, of negative numbers too, element by element."""
    x = to_float(x)
    size = abs(x)
    finite = logical_and(greater(size, 0), less(size, math.inf))
    size = where(finite, size, 1.0)
    # One Newton step makes the power exact to an ulp.
    root = power(size, 1 / 3)
    root = subtract(root, divide(subtract(root, divide(size, square(root))), 3.0))
    return where(finite, multiply(sign(x), root), x)


@operation
def erfc(x):
    """1 - erf(x), element by element; its precision is that of 1 (far out it is 0)."""
    return subtract(1.0, erf(to_float(x)))


# M. Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011), table 5: powers of w - 2.5 and of √w - 3.
_GILES_NEAR = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_GILES_FAR = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _polynomial(x, coefficients):
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = add(multiply(x, total), coefficient)
    return total


@operation
def erfinv(x):
    """The number whose error function is x, element by element; ±∞ at ±1, NaN outside."""
    x = to_float(x)
    inside = less(abs(x), 1.0)
    safe = where(inside, x, 0.0)
    w = negative(log(multiply(subtract(1.0, safe), add(1.0, safe))))
    near = _polynomial(subtract(minimum(w, 5.0), 2.5), _GILES_NEAR)
    far = _polynomial(subtract(sqrt(maximum(w, 5.0)), 3.0), _GILES_FAR)
    y = multiply(where(less(w, 5.0), near, far), safe)
    for _ in range(3 if dtype_of(x) == "float64" else 1):
        y = stop_gradient(y)
        # Newton's step; its derivative by x is that of the inverse.
        slope = multiply(exp(square(y)), math.sqrt(math.pi) / 2)
        y = subtract(y, multiply(subtract(erf(y), safe), slope))
    edge = where(equal(abs(x), 1.0), multiply(sign(x), math.inf), math.nan)
    return where(inside, y, edge)


@operation
def sinc(x):
    """sin(π·x)/(π·x), and 1 at 0, element by element."""
    x = multiply(to_float(x), math.pi)
    zero = equal(x, 0)
    safe = where(zero, 1.0, x)
    return where(zero, 1.0, divide(sin(safe), safe))


@operation
def heaviside(x1, x2):
    """0 below 0, 1 above, x2 at 0, element by element; NaN stays."""
    x, middle = promote(x1, x2, to_float=True)
    return where(isnan(x), x, where(equal(x, 0), middle, where(less(x, 0), 0.0, 1.0)))


@operation
def trunc(x):
    """x without its fraction, element by element."""
    x = resolve(x)
    return where(less(x, 0), ceil(x), floor(x)) if is_float_dtype(dtype_of(x)) else x


@operation
def fabs(x):
    """|x| as a float, element by element."""
    return abs(to_float(x))


@operation
def fmod(x1, x2):
    """The remainder of x1 / x2 with the sign of x1, element by element."""
    a, b = promote(x1, x2)
    from swiftbn.ops.elementwise import mod

    return multiply(sign(a), mod(abs(a), abs(b)))


@operation
def fmax(x1, x2):
    """The larger of x1 and x2, or the one that is not NaN, element by element."""
    a, b = promote(x1, x2)
    return where(isnan(a), b, where(isnan(b), a, maximum(a, b)))


@operation
def fmin(x1, x2):
    """The smaller of x1 and x2, or the one that is not NaN, element by element."""
    a, b = promote(x1, x2)
    return where(isnan(a), b, where(isnan(b), a, minimum(a, b)))


@operation
def ldexp(x1, x2):
    """x1·2ˣ², element by element."""
    x, exponent = to_float(x1), resolve(x2)
    return multiply(x, power(2.0, to_dtype(exponent, dtype_of(x))))
