"""Element-wise functions of swiftbn.ops against NumPy, and their gradients."""

import math

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 4))
Y = RANDOM.normal(size=(4,))
POSITIVE = RANDOM.uniform(0.5, 2.0, size=(3, 4))
INTEGERS = np.array([[3, -2, 7, 0], [1, 5, -6, 2]], "int32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


UNARY = {
    "negative": (np.negative, X),
    "abs": (np.abs, X),
    "sign": (np.sign, X),
    "square": (np.square, X),
    "sqrt": (np.sqrt, POSITIVE),
    "rsqrt": (lambda x: 1 / np.sqrt(x), POSITIVE),
    "reciprocal": (lambda x: 1 / x, POSITIVE),
    "exp": (np.exp, X),
    "expm1": (np.expm1, X),
    "log": (np.log, POSITIVE),
    "log1p": (np.log1p, POSITIVE),
    "log2": (np.log2, POSITIVE),
    "log10": (np.log10, POSITIVE),
    "tanh": (np.tanh, X),
    "sin": (np.sin, X),
    "cos": (np.cos, X),
    "tan": (np.tan, X),
    "floor": (np.floor, 3 * X),
    "ceil": (np.ceil, 3 * X),
    "round": (np.round, 3 * X),
    "erf": (np.vectorize(math.erf), X),
    "sigmoid": (sigmoid, X),
    "relu": (lambda x: np.maximum(x, 0), X),
    "relu6": (lambda x: np.clip(x, 0, 6), 5 * X),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), X),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), X),
    "selu": (lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), X),
    "silu": (lambda x: x * sigmoid(x), X),
    "softplus": (lambda x: np.log1p(np.exp(x)), X),
    "softsign": (lambda x: x / (1 + np.abs(x)), X),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), 3 * X),
    "hard_silu": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), 3 * X),
    "log_sigmoid": (lambda x: -np.log1p(np.exp(-x)), X),
    "gelu": (lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), X),
    "softmax": (softmax, X),
    "log_softmax": (lambda x: np.log(softmax(x)), X),
}
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mod": np.mod,
    "floor_divide": np.floor_divide,
}
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
# Their gradients are zero nearly everywhere or not continuous.
FLAT = {"sign", "floor", "ceil", "round", "floor_divide", "mod"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, dtype):
    reference, x = UNARY[name]
    x = x.astype(dtype)
    expected = reference(x.astype("float64"))
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for result in (getattr(ops, name)(x), traced(getattr(ops, name), x)):
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", sorted(set(UNARY) - FLAT))
def test_unary_gradient(name):
    check_gradient(getattr(ops, name), UNARY[name][1])


@pytest.mark.parametrize("name", BINARY)
def test_binary_broadcasts(name):
    function = getattr(ops, name)
    for a, b in ((X, Y), (Y, X), (X[:, :1], Y), (X, X[::-1].copy())):
        expected = BINARY[name](a, b)
        np.testing.assert_allclose(function(a, b), expected, rtol=1e-12)
        np.testing.assert_allclose(traced(function, a, b), expected, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(BINARY) - FLAT))
def test_binary_gradient(name):
    check_gradient(getattr(ops, name), X, Y + 3 if name == "divide" else Y)


def test_power():
    np.testing.assert_allclose(ops.power(POSITIVE, Y), POSITIVE**Y, rtol=1e-12)
    np.testing.assert_array_equal(ops.power(INTEGERS, 2), INTEGERS**2)
    check_gradient(ops.power, POSITIVE, Y)


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparison(name):
    a = np.array([1.0, 2.0, math.nan, 3.0])
    b = np.array([1.0, 3.0, math.nan, 2.0])
    expected = getattr(np, name)(a, b)
    for result in (getattr(ops, name)(a, b), traced(getattr(ops, name), a, b)):
        assert result.dtype == bool
        np.testing.assert_array_equal(result, expected)


def test_logic():
    a, b = np.array([True, True, False, False]), np.array([1, 0, 2, 0])
    np.testing.assert_array_equal(ops.logical_and(a, b), [True, False, False, False])
    np.testing.assert_array_equal(ops.logical_or(a, b), [True, True, True, False])
    np.testing.assert_array_equal(ops.logical_xor(a, b), [False, True, True, False])
    np.testing.assert_array_equal(ops.logical_not(b), [False, True, False, True])
    special = np.array([1.0, math.nan, math.inf, -math.inf])
    np.testing.assert_array_equal(ops.isnan(special), np.isnan(special))
    np.testing.assert_array_equal(ops.isinf(special), np.isinf(special))
    np.testing.assert_array_equal(ops.isfinite(special), np.isfinite(special))


def test_nan_passes_through_extremes():
    x = np.array([1.0, math.nan, -1.0], "float32")
    for function in (ops.relu, lambda v: ops.maximum(v, 0.0), lambda v: ops.clip(v, -1, 1)):
        assert np.isnan(function(x)[1])
    assert np.isnan(ops.max(x)) and np.isnan(ops.min(x))


def test_where_clip_one_hot():
    np.testing.assert_array_equal(ops.where(X > 0, X, 0.0), np.where(X > 0, X, 0))
    check_gradient(lambda a, b: ops.where(X > 0, a, b), X, POSITIVE)
    np.testing.assert_array_equal(ops.clip(X, -0.5, 0.5), X.clip(-0.5, 0.5))
    np.testing.assert_array_equal(ops.clip(INTEGERS, 0, 3), INTEGERS.clip(0, 3))
    np.testing.assert_array_equal(ops.one_hot(np.array([0, 2]), 3), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(ops.one_hot(np.array([0, 2]), 3, axis=0), [[1, 0], [0, 0], [0, 1]])
    np.testing.assert_array_equal(ops.divide_no_nan(X, 0 * X), 0 * X)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "uint32"])
def test_signs_and_squares_of_integers_are_exact(dtype):
    info = np.iinfo(dtype)
    values = np.array([info.min, info.min + 1, info.max - 1, info.max, 0, 1, 3, 200 % info.max], dtype)
    for name in ("negative", "abs", "sign", "square"):
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(values)
        result = np.asarray(getattr(ops, name)(values))
        assert result.dtype == expected.dtype
        assert np.array_equal(result, expected), name
