"""Inverse trigonometric and hyperbolic functions, element by element."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, promote, to_float
from swiftbn.ops.elementwise import (
    abs,
    add,
    divide,
    equal,
    exp,
    expm1,
    isnan,
    less,
    log,
    log1p,
    logical_and,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    sign,
    sqrt,
    square,
    subtract,
    where,
)


@operation
def arctan(x):
    """The angle in -π/2 … π/2 whose tangent is x."""
    return call("arctan", to_float(x))[0]


@operation
def arctan2(x1, x2):
    """The angle in -π … π of the point (x2, x1), NumPy's `arctan2(y, x)`; 0 and -π, π on the axis by the sign of x1."""
    y, x = promote(x1, x2, to_float=True)
    # The quotient of equal infinities is that of ones, and the one of zeros is left out.
    both = logical_and(equal(abs(y), math.inf), equal(abs(x), math.inf))
    y, x = where(both, sign(y), y), where(both, sign(x), x)
    origin = logical_and(equal(y, 0), equal(x, 0))
    angle = arctan(divide(y, where(equal(x, 0), 1.0, x)))
    upright = multiply(sign(y), math.pi / 2)
    half_turn = where(_is_negative(y), multiply(_ones(y), -math.pi), multiply(_ones(y), math.pi))
    angle = where(equal(x, 0), upright, where(less(x, 0), add(angle, half_turn), angle))
    # On the axis itself the signs of zeros decide.
    flat = where(_is_negative(x), half_turn, y)
    return where(origin, flat, angle)


def _ones(x):
    """Ones of x's dtype, with which numbers take that dtype."""
    return np.ones((), dtype_of(x))


def _is_negative(x):
    """Whether x is below 0 or is -0."""
    return logical_or(less(x, 0), logical_and(equal(x, 0), less(divide(1.0, x), 0)))


@operation
def arcsin(x):
    """The angle in -π/2 … π/2 whose sine is x; NaN outside -1 … 1."""
    x = to_float(x)
    return arctan2(x, sqrt(multiply(subtract(1.0, x), add(1.0, x))))


@operation
def arccos(x):
    """The angle in 0 … π whose cosine is x; NaN outside -1 … 1."""
    x = to_float(x)
    return arctan2(sqrt(multiply(subtract(1.0, x), add(1.0, x))), x)


@operation
def sinh(x):
    """Hyperbolic sine (eˣ - e⁻ˣ)/2, exact near 0."""
    x = to_float(x)
    size = minimum(abs(x), 1.0)
    small = expm1(multiply(size, sign(x)))
    near = multiply(add(small, divide(small, add(small, 1.0))), 0.5)
    half = exp(multiply(maximum(abs(x), 1.0), 0.5))
    far = subtract(multiply(multiply(half, 0.5), half), divide(divide(0.5, half), half))
    return where(less(abs(x), 1.0), near, multiply(sign(x), far))


@operation
def cosh(x):
    """Hyperbolic cosine (eˣ + e⁻ˣ)/2."""
    half = exp(multiply(abs(to_float(x)), 0.5))
    return add(multiply(multiply(half, 0.5), half), divide(divide(0.5, half), half))


@operation
def arcsinh(x):
    """The number whose hyperbolic sine is x, exact near 0."""
    x = to_float(x)
    size = abs(x)
    small = minimum(size, 1.0)
    near = log1p(add(small, divide(square(small), add(sqrt(add(square(small), 1.0)), 1.0))))
    far = _far(size, 1.0)
    result = multiply(sign(x), where(less(size, 1.0), near, far))
    # Multiplication by the sign would make the slope at 0 vanish.
    return where(equal(x, 0), x, result)


def _far(size, shift: float):
    """log(size + √(size² + shift)) for size ≥ 1, without overflow."""
    size = maximum(size, 1.0)
    inverse = divide(1.0, size)
    return add(log(size), log(add(1.0, sqrt(maximum(add(1.0, multiply(square(inverse), shift)), 0.0)))))


@operation
def arccosh(x):
    """The number ≥ 0 whose hyperbolic cosine is x; NaN below 1."""
    x = to_float(x)
    # With d = x - 1 it is log1p(d + √(d·(d + 2))), which is exact near 1.
    distance = subtract(minimum(x, 2.0), 1.0)
    near = log1p(add(distance, sqrt(multiply(distance, add(distance, 2.0)))))
    return where(logical_or(less(x, 2.0), isnan(x)), near, _far(x, -1.0))


@operation
def arctanh(x):
    """The number whose hyperbolic tangent is x, exact near 0; NaN outside -1 … 1."""
    x = to_float(x)
    return multiply(subtract(log1p(x), log1p(negative(x))), 0.5)


@operation
def deg2rad(x):
    """Degrees as radians, x·π/180."""
    return multiply(to_float(x), math.pi / 180)


@operation
def rad2deg(x):
    """Radians as degrees, x·180/π."""
    return multiply(to_float(x), 180 / math.pi)


@operation
def angle(x):
    """The angle of real numbers in the complex plane: 0, or π below 0."""
    x = to_float(x)
    return where(isnan(x), x, where(_is_negative(x), multiply(_ones(x), math.pi), 0.0))


@operation
def hypot(x1, x2):
    """√(x1² + x2²), without overflow."""
    a, b = promote(x1, x2, to_float=True)
    a, b = abs(a), abs(b)
    large, small = maximum(a, b), minimum(a, b)
    endless = logical_or(equal(a, math.inf), equal(b, math.inf))
    safe = where(logical_or(equal(large, 0), endless), 1.0, large)
    length = multiply(safe, sqrt(add(square(divide(small, safe)), 1.0)))
    return where(endless, math.inf, where(equal(large, 0), add(a, b), length))
