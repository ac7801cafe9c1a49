"""swiftbn.ops against NumPy: at once on arrays, inside programs, on symbolic tensors; gradients by differences."""

import math

import numpy as np
import pytest
from checks import check_gradient, traced

import swiftbn
from swiftbn import KerasTensor, Variable, ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 4))
Y = RANDOM.normal(size=(4,))
POSITIVE = RANDOM.uniform(0.5, 2.0, size=(3, 4))
CUBE = RANDOM.normal(size=(2, 3, 4))
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


REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std")


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduction(name, axis, keepdims):
    def function(x):
        return getattr(ops, name)(x, axis=axis, keepdims=keepdims)

    expected = getattr(np, name)(CUBE, axis=axis, keepdims=keepdims)
    for result in (function(CUBE), traced(function, CUBE)):
        assert result.shape == np.shape(expected)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    if axis in (None, (0, 2)):
        check_gradient(function, CUBE)


def test_reductions_of_integers_keep_their_dtype():
    result = ops.sum(INTEGERS, axis=1)
    assert result.dtype == "int32"
    np.testing.assert_array_equal(result, [8, 2])
    assert ops.mean(INTEGERS).dtype == "float32"
    assert ops.max(INTEGERS) == 7
    assert ops.sum(np.array([True, True, False])) == 2
    np.testing.assert_array_equal(ops.any(INTEGERS == 0, axis=1), [True, False])
    np.testing.assert_array_equal(ops.all(INTEGERS != 0, axis=1), [False, True])
    np.testing.assert_array_equal(ops.count_nonzero(INTEGERS, axis=1), [3, 4])


def test_arg_extremes_take_the_first():
    x = np.array([[1.0, 5.0, 5.0], [2.0, 0.0, 0.0]])
    np.testing.assert_array_equal(ops.argmax(x, axis=-1), [1, 0])
    np.testing.assert_array_equal(ops.argmin(x, axis=-1, keepdims=True), [[0], [1]])
    assert ops.argmax(x) == 1
    assert ops.argmax(x, axis=0).dtype == "int32"


def test_moments_and_logsumexp():
    mean, variance = ops.moments(CUBE, axes=[0, 2])
    np.testing.assert_allclose(mean, CUBE.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(variance, CUBE.var((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(ops.logsumexp(1000 + X, axis=1), 1000 + np.log(np.exp(X).sum(1)), rtol=1e-12)
    assert ops.logsumexp(np.array([-math.inf, -math.inf])) == -math.inf
    check_gradient(lambda x: ops.logsumexp(x, axis=1), X)
    np.testing.assert_allclose(ops.norm(X, axis=1), np.linalg.norm(X, axis=1), rtol=1e-12)


def test_variance_is_stable_far_from_zero():
    x = (1e4 + RANDOM.normal(size=10_000)).astype("float32")
    assert abs(ops.var(x) / x.astype("float64").var() - 1) < 1e-4


SHAPING = [
    (lambda m, x: m.reshape(x, (4, 6)), CUBE),
    (lambda m, x: m.reshape(x, (-1, 2)), CUBE),
    (lambda m, x: m.ravel(x), CUBE),
    (lambda m, x: m.expand_dims(x, 1), CUBE),
    (lambda m, x: m.expand_dims(x, (0, -1)), CUBE),
    (lambda m, x: m.squeeze(x[:, :1], 1), CUBE),
    (lambda m, x: m.transpose(x), CUBE),
    (lambda m, x: m.transpose(x, (1, 0, 2)), CUBE),
    (lambda m, x: m.swapaxes(x, 0, -1), CUBE),
    (lambda m, x: m.moveaxis(x, 0, -1), CUBE),
    (lambda m, x: m.broadcast_to(x, (5, 3, 4)), X),
    (lambda m, x: m.concatenate([x, x * 2], axis=1), CUBE),
    (lambda m, x: m.stack([x, x * 2], axis=1), CUBE),
    (lambda m, x: m.flip(x, 1), CUBE),
    (lambda m, x: m.flip(x), CUBE),
    (lambda m, x: m.pad(x, ((1, 0), (0, 2))), X),
    (lambda m, x: m.pad(x, 1, constant_values=3.0), X),
    (lambda m, x: m.take(x, np.array([2, 0, 2]), axis=1), CUBE),
    (lambda m, x: m.take(x, np.array([[1, 5], [0, 3]])), CUBE),
    (lambda m, x: m.repeat(x, 2, axis=1), CUBE),
    (lambda m, x: m.tile(x, (2, 1, 3)), CUBE),
    (lambda m, x: m.split(x, 2, axis=2)[1], CUBE),
    (lambda m, x: m.split(x, [1, 3], axis=2)[1], CUBE),
]


@pytest.mark.parametrize("case", range(len(SHAPING)))
def test_shaping(case):
    function, x = SHAPING[case]
    # NumPy 1.x and 2.x name the padding value alike; ops takes it as well.
    expected = function(np, x)
    for result in (function(ops, x), traced(lambda v: function(ops, v), x)):
        np.testing.assert_array_equal(result, expected)
    check_gradient(lambda v: function(ops, v), x)


KEYS = [
    0,
    -1,
    slice(1, None),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(2, 0, -1),
    (slice(None), 1),
    (Ellipsis, 0),
    (Ellipsis, None),
    (None, 1, slice(None), None, slice(1, 3)),
    (1, 2, 3),
    (slice(0, 0),),
    (slice(-2, None), slice(-100, 100)),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing(key):
    np.testing.assert_array_equal(traced(lambda x: x[key], CUBE), CUBE[key])
    np.testing.assert_array_equal(Variable(CUBE)[key], CUBE[key])
    if CUBE[key].size:
        check_gradient(lambda x: ops.getitem(x, key), CUBE)


def test_indexing_errors():
    with pytest.raises(IndexError, match="axis 0"):
        Variable(CUBE)[2]
    with pytest.raises(IndexError, match="at most 3"):
        Variable(CUBE)[0, 0, 0, 0]


@pytest.mark.parametrize(
    "a, b",
    [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 1, 3, 4), (5, 4, 2)),
    ],
    ids=str,
)
def test_matmul(a, b):
    a, b = RANDOM.normal(size=a), RANDOM.normal(size=b)
    np.testing.assert_allclose(ops.matmul(a, b), a @ b, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(traced(lambda p, q: p @ q, a, b), a @ b, rtol=1e-10, atol=1e-12)
    check_gradient(ops.matmul, a, b)


def test_dot_tensordot_outer():
    a, b = RANDOM.normal(size=(2, 3, 4)), RANDOM.normal(size=(4, 5))
    np.testing.assert_allclose(ops.dot(a, b), np.dot(a, b), rtol=1e-10)
    np.testing.assert_allclose(ops.dot(a, RANDOM.normal(size=(6, 4, 2)) * 0 + 1), np.dot(a, np.ones((6, 4, 2))))
    c = RANDOM.normal(size=(3, 4, 6))
    np.testing.assert_allclose(ops.tensordot(a, c), np.tensordot(a, c), rtol=1e-10)
    axes = ([2, 0], [1, 2])
    d = RANDOM.normal(size=(7, 4, 2))
    np.testing.assert_allclose(ops.tensordot(a, d, axes), np.tensordot(a, d, axes), rtol=1e-10)
    np.testing.assert_allclose(ops.outer(Y, Y), np.outer(Y, Y))
    np.testing.assert_allclose(ops.vdot(Y, Y), Y @ Y)
    np.testing.assert_array_equal(ops.matmul(INTEGERS, INTEGERS.T), INTEGERS @ INTEGERS.T)


def test_dtypes():
    f32, f64 = np.ones(2, "float32"), np.ones(2, "float64")
    i32, i64, u8 = np.ones(2, "int32"), np.ones(2, "int64"), np.ones(2, "uint8")
    assert ops.add(f32, 1).dtype == ops.add(f32, 1.5).dtype == "float32"
    assert ops.add(f32, i64).dtype == "float32"
    assert ops.add(f32, f64).dtype == "float64"
    assert ops.add(i32, 1).dtype == "int32"
    assert ops.add(i32, 0.5).dtype == "float32"
    assert ops.add(i32, i64).dtype == "int64"
    assert ops.divide(i32, i32).dtype == "float32"
    assert ops.add(u8, i32).dtype == "int32"
    assert ops.multiply(u8, u8).dtype == "uint8"
    assert ops.exp(i32).dtype == "float32"
    assert ops.cast(f32, "int64").dtype == "int64"
    assert ops.convert_to_tensor([1.0, 2.0]).dtype == "float32"
    assert ops.convert_to_tensor([1, 2]).dtype == "int32"
    assert ops.convert_to_tensor(np.ones(2, ">f4")).dtype == np.dtype("float32").newbyteorder("=")
    np.testing.assert_array_equal(ops.cast(np.array([1.7, -1.7]), "int32"), [1, -1])


@pytest.mark.parametrize("bad", [np.ones(2, complex), np.array([None, 1]), np.array(["a"]), [[1, 2], [3]]], ids=str)
def test_data_that_are_no_numbers(bad):
    with pytest.raises(TypeError, match="Expected"):
        ops.add(bad, 1)


def test_where_clip_one_hot():
    np.testing.assert_array_equal(ops.where(X > 0, X, 0.0), np.where(X > 0, X, 0))
    check_gradient(lambda a, b: ops.where(X > 0, a, b), X, POSITIVE)
    np.testing.assert_array_equal(ops.clip(X, -0.5, 0.5), X.clip(-0.5, 0.5))
    np.testing.assert_array_equal(ops.clip(INTEGERS, 0, 3), INTEGERS.clip(0, 3))
    np.testing.assert_array_equal(ops.one_hot(np.array([0, 2]), 3), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(ops.one_hot(np.array([0, 2]), 3, axis=0), [[1, 0], [0, 0], [0, 1]])
    np.testing.assert_array_equal(ops.divide_no_nan(X, 0 * X), 0 * X)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides, dilation", [(1, 1), ((2, 1), 1), (1, (1, 2))])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_conv(padding, strides, dilation, data_format):
    x, w = RANDOM.normal(size=(2, 6, 5, 3)), RANDOM.normal(size=(3, 2, 3, 4))
    expected = reference_conv(x, w, strides, padding, dilation)
    if data_format == "channels_first":
        x, expected = x.transpose(0, 3, 1, 2).copy(), expected.transpose(0, 3, 1, 2)
    result = ops.conv(x, w, strides, padding, data_format, dilation)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-10)
    check_gradient(lambda a, b: ops.conv(a, b, strides, padding, data_format, dilation), x, w)


def windows(extent, size, stride, dilation, padding):
    """First index (may be negative) of each window along an axis, TensorFlow's rules."""
    reach = (size - 1) * dilation + 1
    if padding == "valid":
        return [i * stride for i in range((extent - reach) // stride + 1)]
    out = -(-extent // stride)
    before = max(0, (out - 1) * stride + reach - extent) // 2
    return [i * stride - before for i in range(out)]


def reference_conv(x, w, strides, padding, dilation):
    strides, dilation = (v if isinstance(v, tuple) else (v, v) for v in (strides, dilation))
    rows = windows(x.shape[1], w.shape[0], strides[0], dilation[0], padding)
    columns = windows(x.shape[2], w.shape[1], strides[1], dilation[1], padding)
    y = np.zeros((x.shape[0], len(rows), len(columns), w.shape[3]))
    for r, top in enumerate(rows):
        for c, left in enumerate(columns):
            for i in range(w.shape[0]):
                for j in range(w.shape[1]):
                    h, v = top + i * dilation[0], left + j * dilation[1]
                    if 0 <= h < x.shape[1] and 0 <= v < x.shape[2]:
                        y[:, r, c] += x[:, h, v] @ w[i, j]
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size, strides", [(2, None), ((3, 2), (2, 1)), (2, 3)])
@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
def test_pool(name, size, strides, padding):
    x = RANDOM.normal(size=(2, 7, 6, 3))
    expected = reference_pool(x, size, strides, padding, np.max if name == "max_pool" else np.mean)
    np.testing.assert_allclose(getattr(ops, name)(x, size, strides, padding), expected, rtol=1e-12)
    first = x.transpose(0, 3, 1, 2).copy()
    result = getattr(ops, name)(first, size, strides, padding, "channels_first")
    np.testing.assert_allclose(result, expected.transpose(0, 3, 1, 2), rtol=1e-12)
    check_gradient(lambda v: getattr(ops, name)(v, size, strides, padding), x)


def reference_pool(x, size, strides, padding, reduce):
    size = size if isinstance(size, tuple) else (size, size)
    strides = size if strides is None else strides if isinstance(strides, tuple) else (strides, strides)
    rows = windows(x.shape[1], size[0], strides[0], 1, padding)
    columns = windows(x.shape[2], size[1], strides[1], 1, padding)
    y = np.zeros((x.shape[0], len(rows), len(columns), x.shape[3]))
    for r, top in enumerate(rows):
        for c, left in enumerate(columns):
            part = x[:, max(top, 0) : top + size[0], max(left, 0) : left + size[1]]
            y[:, r, c] = reduce(part, axis=(1, 2))
    return y


LOGITS = RANDOM.normal(size=(5, 4)) * 3
LABELS = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]


@pytest.mark.parametrize("form", ["logits", "probabilities", "from softmax"])
def test_categorical_crossentropies(form):
    expected = -np.log(softmax(LOGITS))[np.arange(5), LABELS]

    def compute(loss, target):
        if form == "logits":
            return traced(lambda x: loss(target, x, from_logits=True), LOGITS)
        if form == "probabilities":
            return loss(target, softmax(LOGITS))
        return traced(lambda x: loss(target, ops.softmax(x)), LOGITS)

    for target in (LABELS, LABELS[:, None], LABELS.astype("float32"), LABELS.astype("uint8")):
        np.testing.assert_allclose(compute(ops.sparse_categorical_crossentropy, target), expected, rtol=1e-6)
    np.testing.assert_allclose(compute(ops.categorical_crossentropy, ONE_HOT), expected, rtol=1e-6)


def test_crossentropy_from_softmax_is_exact_where_probabilities_vanish():
    logits = np.array([[200.0, -200.0]], "float32")
    loss = traced(lambda x: ops.sparse_categorical_crossentropy(np.array([1]), ops.softmax(x)), logits)
    np.testing.assert_allclose(loss, [400.0])


def test_crossentropy_gradients():
    check_gradient(lambda x: ops.sparse_categorical_crossentropy(LABELS, x, from_logits=True), LOGITS)
    check_gradient(lambda x: ops.sparse_categorical_crossentropy(LABELS, ops.softmax(x)), LOGITS)
    check_gradient(lambda x: ops.categorical_crossentropy(ONE_HOT, ops.softmax(x)), LOGITS)
    check_gradient(lambda x: ops.categorical_crossentropy(ONE_HOT, x), softmax(LOGITS / 4))
    check_gradient(lambda x: ops.binary_crossentropy(ONE_HOT, ops.sigmoid(x)), LOGITS)
    check_gradient(lambda x: ops.binary_crossentropy(ONE_HOT, x), sigmoid(LOGITS / 4))


def test_binary_crossentropy():
    expected = -(ONE_HOT * np.log(sigmoid(LOGITS)) + (1 - ONE_HOT) * np.log(sigmoid(-LOGITS)))
    np.testing.assert_allclose(ops.binary_crossentropy(ONE_HOT, LOGITS, from_logits=True), expected, rtol=1e-10)
    np.testing.assert_allclose(ops.binary_crossentropy(ONE_HOT, sigmoid(LOGITS)), expected, rtol=1e-6)


def test_labels_out_of_range():
    for labels in ([0, 4, 1, 1, 2], [0, -1, 1, 1, 2]):
        with pytest.raises(ValueError, match="sparse_softmax_cross_entropy|label"):
            ops.sparse_categorical_crossentropy(np.array(labels), LOGITS, from_logits=True)


def test_batch_normalization_of_computed_statistics_is_differentiated_through():
    def normalize(x, gamma, beta):
        mean, variance = ops.moments(x, axes=[0])
        return ops.batch_normalization(x, mean, variance, -1, offset=beta, scale=gamma)

    gamma, beta = POSITIVE[0], Y
    expected = gamma * (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3) + beta
    np.testing.assert_allclose(normalize(X, gamma, beta), expected, rtol=1e-10)
    check_gradient(normalize, X, gamma, beta)


def test_stop_gradient():
    gradient = swiftbn.grad(lambda x: ops.sum(x * ops.stop_gradient(x)))(X)
    np.testing.assert_allclose(gradient, X)


def test_symbolic_ops_make_nodes():
    x = KerasTensor((None, 3))
    y = ops.mean(x * 2 + 1, axis=-1)
    assert y.shape == (None,) and y.dtype == "float32"
    assert y._keras_history.operation.name.startswith("mean")
    assert (x @ np.ones((3, 5), "float32")).shape == (None, 5)
    assert ops.reshape(KerasTensor((None, 4)), (-1, 2, 2)).shape == (None, 2, 2)
    assert ops.concatenate([x, x], axis=-1).shape == (None, 6)
    assert (x > 0).dtype == "bool"


def test_symbolic_tensors_have_no_numbers():
    x = KerasTensor((None, 3))
    for convert in (np.asarray, float, bool):
        with pytest.raises(TypeError, match="symbolic"):
            convert(x)
    with pytest.raises(TypeError, match="symbolic"):
        traced(lambda t: t if t else t, X)
    with pytest.raises(TypeError, match="symbolic"):
        traced(lambda t: np.exp(t), X)


def test_numpy_on_the_left():
    variable = Variable(Y)
    assert isinstance(X * variable, np.ndarray)
    np.testing.assert_allclose(X - variable, X - Y)
    np.testing.assert_allclose(traced(lambda t: X / t, Y), X / Y)


def test_random_is_reproducible_and_distributed_right():
    for function in (swiftbn.random.normal, swiftbn.random.uniform, swiftbn.random.truncated_normal):
        first, second = function((1000,), seed=7), function((1000,), seed=7)
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, function((1000,), seed=8))
    normal = swiftbn.random.normal((100_000,), mean=2.0, stddev=3.0, seed=1)
    assert abs(normal.mean() - 2) < 0.05 and abs(normal.std() - 3) < 0.05
    uniform = swiftbn.random.uniform((100_000,), -1.0, 3.0, seed=1)
    assert uniform.min() >= -1 and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.02
    assert np.abs(swiftbn.random.truncated_normal((10_000,), seed=1)).max() <= 2
    integers = swiftbn.random.randint((1000,), 2, 5, seed=1)
    assert set(integers.tolist()) == {2, 3, 4}
    shuffled = swiftbn.random.shuffle(np.arange(100), seed=1)
    assert sorted(shuffled.tolist()) == list(range(100)) and shuffled.tolist() != list(range(100))


def test_seed_generator_moves_on():
    generator = swiftbn.random.SeedGenerator(3)
    first, second = (swiftbn.random.normal((4,), seed=generator) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(generator.state.numpy(), [3, 2])
    again = swiftbn.random.SeedGenerator(3)
    np.testing.assert_array_equal(swiftbn.random.normal((4,), seed=again), first)
    with pytest.raises(ValueError, match="seed"):
        swiftbn.random.SeedGenerator(-1)


def test_dropout_op():
    x = np.ones((1000, 10), "float32")
    y = swiftbn.random.dropout(x, 0.25, seed=5)
    assert set(np.unique(y).tolist()) <= {0.0, np.float32(1 / 0.75).item()}
    assert abs((y == 0).mean() - 0.25) < 0.02


def test_defaults_of_creation_and_concatenation():
    a, b = np.ones((2, 3)), np.zeros((1, 3))
    np.testing.assert_array_equal(ops.concatenate([a, b]), np.concatenate([a, b]))
    np.testing.assert_array_equal(ops.identity(3, "float64"), np.eye(3))
    assert ops.identity(2, dtype="int32").dtype == "int32"
    np.testing.assert_array_equal(ops.arange(1, 4), [1, 2, 3])
