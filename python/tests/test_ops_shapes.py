"""Shaping, indexing and products of swiftbn.ops against NumPy, and their gradients."""

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import Variable, ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 4))
Y = RANDOM.normal(size=(4,))
CUBE = RANDOM.normal(size=(2, 3, 4))
INTEGERS = np.array([[3, -2, 7, 0], [1, 5, -6, 2]], "int32")
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
