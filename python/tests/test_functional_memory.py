"""Batch normalization on arrays: memory in any order and with gaps, results in given memory, other buffers."""

import array
import itertools

import numpy as np
import pytest
from functional_reference import (
    case,
    check_all,
    in_order_of,
)

import swiftbn
from swiftbn import functional


def orders(x):
    """The same values in every order of axes in memory."""
    for order in itertools.permutations(range(x.ndim)):
        yield np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


@pytest.mark.parametrize("shape", [(6, 7), (4, 3, 5), (3, 4, 5, 6), (2, 1, 5, 3)], ids=str)
def test_memory_in_any_order_is_worked_on_in_place(shape):
    for axis in range(len(shape)):
        x, dy, gamma, beta = case(shape, axis, "float32")
        for ordered in orders(x):
            # copy=False: a copy at the boundary would be an error.
            check_all(ordered, in_order_of(dy, ordered), gamma, beta, axis)


def gapped(x):
    """Arrays equal to x whose memory has gaps, runs backwards or repeats."""
    wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), 99, x.dtype)
    wide[..., ::2] = x
    yield wide[..., ::2]
    yield np.ascontiguousarray(x[::-1])[::-1]
    field = np.zeros(x.shape, [("value", x.dtype), ("flag", "u1")])
    field["value"] = x
    yield field["value"]
    larger = np.full((x.shape[0] + 1, *x.shape[1:-1], x.shape[-1] + 1), 99, x.dtype)
    larger[1:, ..., 1:] = x
    yield larger[1:, ..., 1:]


def test_memory_with_gaps_is_copied_once():
    x, dy, gamma, beta = case((6, 5, 4), -1, "float32")
    y, mean, inv_std = functional.batch_norm(x, gamma, beta)
    gradients = functional.batch_norm_backward(dy, x, gamma, mean, inv_std)
    inference = functional.batch_norm_inference(x, gamma, beta, mean, inv_std)
    for strange, strange_dy in zip(gapped(x), gapped(dy), strict=True):
        for actual, expected in zip(functional.batch_norm(strange, gamma, beta), (y, mean, inv_std), strict=True):
            assert np.array_equal(actual, expected)
        for given_dy, given_x in [(strange_dy, strange), (dy, strange), (strange_dy, x)]:
            actual = functional.batch_norm_backward(given_dy, given_x, gamma, mean, inv_std)
            assert all(np.array_equal(*pair) for pair in zip(actual, gradients, strict=True))
        assert np.array_equal(functional.batch_norm_inference(strange, gamma, beta, mean, inv_std), inference)


def test_parameters_with_gaps_are_copied():
    x, _, gamma, beta = case((6, 4), -1, "float64")
    strange = np.repeat(gamma, 2)[::2], beta[::-1].copy()[::-1]
    for actual, expected in zip(functional.batch_norm(x, *strange), functional.batch_norm(x, gamma, beta), strict=True):
        assert np.array_equal(actual, expected)


def test_dy_in_another_order_than_x():
    x, dy, gamma, beta = case((3, 4, 5), 1, "float64")
    _, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=1)
    expected = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=1)
    for other in orders(dy):
        actual = functional.batch_norm_backward(other, x, gamma, mean, inv_std, axis=1)
        assert all(np.array_equal(*pair) for pair in zip(actual, expected, strict=True))


def test_out_receives_the_result_and_nothing_else_changes():
    x, dy, gamma, beta = case((8, 3, 6), 1, "float32")
    for ordered in orders(x):
        ordered_dy = in_order_of(dy, ordered)
        y, mean, inv_std = functional.batch_norm(ordered, gamma, beta, axis=1)
        dx, dgamma, _ = functional.batch_norm_backward(ordered_dy, ordered, gamma, mean, inv_std, axis=1)
        moved = functional.batch_norm_inference(ordered, gamma, beta, mean, inv_std, axis=1)
        before = [a.copy() for a in (ordered, ordered_dy, gamma, beta, mean, inv_std)]
        out = np.full_like(ordered, np.nan)
        assert functional.batch_norm(ordered, gamma, beta, axis=1, out=out)[0] is out
        assert np.array_equal(out, y)
        result = functional.batch_norm_backward(ordered_dy, ordered, gamma, mean, inv_std, axis=1, out=out)
        assert result[0] is out
        assert np.array_equal(out, dx)
        assert np.array_equal(result[1], dgamma)
        assert functional.batch_norm_inference(ordered, gamma, beta, mean, inv_std, axis=1, out=out) is out
        assert np.array_equal(out, moved)
        after = (ordered, ordered_dy, gamma, beta, mean, inv_std)
        assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("shape", [(32, 10), (2, 3, 40, 40), (600, 64)], ids=str)
def test_out_may_be_the_input_itself(shape):
    x, dy, gamma, beta = case(shape, 1, "float32")
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=1)
    dx = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=1)[0]
    moved = functional.batch_norm_inference(x, gamma, beta, mean, inv_std, axis=1)
    same = dy.copy()
    assert np.array_equal(functional.batch_norm_backward(same, x, gamma, mean, inv_std, axis=1, out=same)[0], dx)
    same = x.copy()
    assert np.array_equal(functional.batch_norm(same, gamma, beta, axis=1, out=same)[0], y)
    same = x.copy()
    assert np.array_equal(functional.batch_norm_inference(same, gamma, beta, mean, inv_std, axis=1, out=same), moved)


def test_other_buffers_than_arrays():
    x, _, gamma, beta = case((6, 4), -1, "float64")
    expected = functional.batch_norm(x, gamma, beta)
    buffers = array.array("d", gamma), memoryview(beta)
    for given_x in (x, memoryview(x), memoryview(np.asfortranarray(x))):
        actual = functional.batch_norm(given_x, *buffers)
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-14)
    variable = swiftbn.Variable(x)
    assert np.array_equal(functional.batch_norm(np.asarray(variable), gamma, beta)[0], expected[0])


def test_results_are_plain_arrays():
    masked = np.ma.masked_array(np.asfortranarray(np.ones((3, 4), "float32")))
    assert [type(a) for a in functional.batch_norm(masked, None, None)] == [np.ndarray] * 3
