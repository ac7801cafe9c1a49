"""Element-wise functions, arithmetic, comparisons and logic, with NumPy's broadcasting and names."""

from __future__ import annotations

import math

from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, promote, resolve, to_dtype, to_float


def _unary(name: str, summary: str, of_integers=None):
    """A function of floats, to which integers are converted unless `of_integers` takes them as they are."""

    def function(x):
        if of_integers is not None:
            x = resolve(x)
            dtype = dtype_of(x)
            if not is_float_dtype(dtype):
                return of_integers(to_dtype(x, "int32") if dtype == "bool" else x)
        return call(name, to_float(x))[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}, element by element."
    return operation(function)


def through_float(function, x):
    """`function` of a float tensor; integers are taken through float64 (exact up to 2**53) and back."""
    x = resolve(x)
    dtype = dtype_of(x)
    if is_float_dtype(dtype):
        return function(x)
    dtype = "int32" if dtype == "bool" else dtype
    return to_dtype(function(to_dtype(x, "float64")), dtype)


negative = _unary("negative", "-x", lambda x: subtract(0, x))
abs = _unary("abs", "|x|", lambda x: x if dtype_of(x).startswith("u") else maximum(x, subtract(0, x)))
sign = _unary(
    "sign",
    "-1, 0 or 1 as x is negative, zero or positive",
    lambda x: subtract(to_dtype(greater(x, 0), dtype_of(x)), to_dtype(less(x, 0), dtype_of(x))),
)
square = _unary("square", "x²", lambda x: multiply(x, x))
sqrt = _unary("sqrt", "√x")
rsqrt = _unary("rsqrt", "1/√x")
reciprocal = _unary("reciprocal", "1/x")
exp = _unary("exp", "eˣ")
expm1 = _unary("expm1", "eˣ - 1, exact near 0")
log = _unary("log", "Natural logarithm of x")
log1p = _unary("log1p", "log(1 + x), exact near 0")
tanh = _unary("tanh", "Hyperbolic tangent of x")
sin = _unary("sin", "Sine of x")
cos = _unary("cos", "Cosine of x")
floor = _unary("floor", "Largest integer that is not above x")
ceil = _unary("ceil", "Smallest integer that is not below x")
erf = _unary("erf", "Error function 2/√π·∫₀ˣ exp(-t²) dt")
sigmoid = _unary("sigmoid", "1/(1 + e⁻ˣ)")
absolute = abs


@operation
def round(x, decimals: int = 0):
    """x rounded to `decimals` places, halves to even, element by element."""
    if decimals == 0:
        return through_float(lambda value: call("round", value)[0], x)
    scale = 10.0**decimals
    return divide(call("round", multiply(to_float(x), scale))[0], scale)


@operation
def log2(x):
    """Logarithm of x to the base 2, element by element."""
    return divide(log(x), math.log(2.0))


@operation
def log10(x):
    """Logarithm of x to the base 10, element by element."""
    return divide(log(x), math.log(10.0))


@operation
def tan(x):
    """Tangent of x, element by element."""
    return divide(sin(x), cos(x))


def _binary(name: str, native: str, summary: str, to_float: bool = False):
    def function(x1, x2):
        return _arithmetic(native, *promote(x1, x2, to_float=to_float))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}, element by element; shapes broadcast as NumPy's."
    return operation(function)


def _arithmetic(native: str, a, b):
    dtype = dtype_of(a)
    # The core computes in float32, float64, int32 and int64 (and adds and multiplies uint32).
    wide = {"bool": "int32", "uint8": "int32"}.get(dtype, dtype)
    if dtype == "uint32" and native not in ("add", "subtract", "multiply"):
        wide = "int64"
    if not is_float_dtype(wide) and native == "power":
        return to_dtype(call(native, to_dtype(a, "float64"), to_dtype(b, "float64"))[0], wide)
    result = call(native, to_dtype(a, wide), to_dtype(b, wide))[0]
    return result if dtype == "bool" else to_dtype(result, dtype)


add = _binary("add", "add", "x1 + x2")
subtract = _binary("subtract", "subtract", "x1 - x2")
multiply = _binary("multiply", "multiply", "x1 · x2")
divide = _binary("divide", "divide", "x1 / x2, a float", to_float=True)
floor_divide = _binary("floor_divide", "floor_divide", "⌊x1 / x2⌋")
mod = _binary("mod", "remainder", "x1 - x2·⌊x1 / x2⌋, which has the sign of x2")
power = _binary("power", "power", "x1 to the power x2")
maximum = _binary("maximum", "maximum", "The larger of x1 and x2; NaN if either is NaN")
minimum = _binary("minimum", "minimum", "The smaller of x1 and x2; NaN if either is NaN")
true_divide = divide
remainder = mod


@operation
def divide_no_nan(x1, x2):
    """x1 / x2, and 0 where x2 is 0; the gradient is 0 there as well."""
    x1, x2 = promote(x1, x2, to_float=True)
    empty = equal(x2, 0)
    return where(empty, 0.0, divide(x1, where(empty, 1.0, x2)))


@operation
def clip(x, x_min, x_max):
    """min(max(x, x_min), x_max), element by element; NaN stays NaN."""
    if isinstance(x_min, (int, float)) and isinstance(x_max, (int, float)):
        return through_float(lambda v: call("clip", v, minimum=float(x_min), maximum=float(x_max))[0], x)
    return minimum(maximum(x, x_min), x_max)


def _comparison(name: str, summary: str):
    def function(x1, x2):
        a, b = promote(x1, x2)
        if dtype_of(a) == "bool":
            a, b = to_dtype(a, "int32"), to_dtype(b, "int32")
        return call(name, a, b)[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether {summary}, element by element; comparisons with NaN are false (not_equal is true)."
    return operation(function)


equal = _comparison("equal", "x1 = x2")
not_equal = _comparison("not_equal", "x1 ≠ x2")
less = _comparison("less", "x1 < x2")
less_equal = _comparison("less_equal", "x1 ≤ x2")
greater = _comparison("greater", "x1 > x2")
greater_equal = _comparison("greater_equal", "x1 ≥ x2")


def _truth(x):
    x = resolve(x)
    return x if dtype_of(x) == "bool" else not_equal(x, 0)


@operation
def logical_and(x1, x2):
    """Whether both are true (not zero), element by element."""
    return call("logical_and", _truth(x1), _truth(x2))[0]


@operation
def logical_or(x1, x2):
    """Whether one or both are true (not zero), element by element."""
    return call("logical_or", _truth(x1), _truth(x2))[0]


@operation
def logical_not(x):
    """Whether x is false (zero), element by element."""
    return call("logical_not", _truth(x))[0]


@operation
def logical_xor(x1, x2):
    """Whether exactly one is true (not zero), element by element."""
    return not_equal(_truth(x1), _truth(x2))


@operation
def isnan(x):
    """Whether x is NaN, element by element."""
    return not_equal(x, x)


@operation
def isinf(x):
    """Whether x is infinite, element by element."""
    return equal(abs(x), math.inf)


@operation
def isfinite(x):
    """Whether x is neither NaN nor infinite, element by element."""
    return less(abs(x), math.inf)


@operation
def where(condition, x1=None, x2=None):
    """x1 where the condition is true, else x2; all three broadcast."""
    if x1 is None or x2 is None:
        raise ValueError("where: expected x1 and x2; the positions of true elements alone are not supported")
    a, b = promote(x1, x2)
    return call("where", _truth(condition), a, b)[0]


@operation
def cast(x, dtype):
    """x in another dtype; floats become integers by cutting off the fraction."""
    return to_dtype(x, standardize_dtype(dtype))


@operation
def stop_gradient(variable):
    """The same value, through which no gradient flows."""
    x = resolve(variable)
    return call("stop_gradient", x)[0]
