"""Batch normalization on arrays: against float64 NumPy, any axis and memory order, aliasing, threads."""

import array
import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import swiftbn
from swiftbn import functional

SHAPES = [
    (2, 1),
    (32, 10),
    (7, 33),
    (1, 5),
    (129, 64),
    (3, 5, 2),
    (4, 3, 5, 6),
    (2, 16, 9, 9),
    (2, 3, 1, 4, 5),
]
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def others(x, axis):
    return tuple(i for i in range(x.ndim) if i != axis % x.ndim)


def along(vector, x, axis):
    """A (C,) vector as an array that broadcasts over x."""
    return vector.astype("float64").reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def reference(x, gamma, beta, axis, epsilon):
    x = x.astype("float64")
    mean = x.mean(others(x, axis))
    inv_std = 1 / np.sqrt(x.var(others(x, axis)) + epsilon)
    gamma = np.ones_like(mean) if gamma is None else gamma
    beta = np.zeros_like(mean) if beta is None else beta
    y = (x - along(mean, x, axis)) * along(inv_std * gamma, x, axis) + along(beta, x, axis)
    return y, mean, inv_std


def reference_backward(dy, x, gamma, mean, inv_std, axis):
    dy, x = dy.astype("float64"), x.astype("float64")
    normalized = (x - along(mean, x, axis)) * along(inv_std, x, axis)
    dgamma, dbeta = (dy * normalized).sum(others(x, axis)), dy.sum(others(x, axis))
    count = x.size // len(dbeta)
    gamma = np.ones_like(dbeta) if gamma is None else gamma
    centered = dy - along(dbeta, x, axis) / count - normalized * along(dgamma, x, axis) / count
    return along(gamma * inv_std, x, axis) * centered, dgamma, dbeta


def case(shape, axis, dtype, seed=0):
    """x, dy, gamma, beta."""
    random = np.random.default_rng(seed)
    channels = shape[axis]
    x = random.normal(1.5, 2, shape).astype(dtype)
    dy = random.normal(size=shape).astype(dtype)
    return x, dy, random.uniform(0.5, 2, channels).astype(dtype), random.normal(size=channels).astype(dtype)


def close(actual, expected, dtype, scale=1.0):
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    limit = TOLERANCE[dtype] * max(1, np.abs(expected).max()) * scale
    np.testing.assert_allclose(actual, expected, rtol=0, atol=limit)


def orders(x):
    """The same values in every order of axes in memory."""
    for order in itertools.permutations(range(x.ndim)):
        yield np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


def in_order_of(values, model):
    result = np.empty_like(model)
    result[...] = values
    return result


def check_all(x, dy, gamma, beta, axis, epsilon=1e-3):
    dtype = x.dtype.name
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis, epsilon=epsilon, copy=False)
    expected = reference(x, gamma, beta, axis, epsilon)
    close(y, expected[0], dtype, scale=4)
    close(mean, expected[1], dtype)
    close(inv_std, expected[2], dtype)
    assert [s for s, n in zip(y.strides, y.shape, strict=True) if n > 1] == [
        s for s, n in zip(x.strides, x.shape, strict=True) if n > 1
    ]

    gradients = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=axis, copy=False)
    expected = reference_backward(dy, x, gamma, mean, inv_std, axis)
    # Sums of n products; with inv_std up to 1/sqrt(epsilon) where channels are constant.
    scale = 4 * np.sqrt(x.size) * max(1, inv_std.max())
    for actual, wanted in zip(gradients, expected, strict=True):
        close(actual, wanted, dtype, scale)

    variance = 1 / inv_std.astype("float64") ** 2
    moving = (mean + 1).astype(dtype), variance.astype(dtype)
    y = functional.batch_norm_inference(x, gamma, beta, *moving, axis=axis, epsilon=epsilon, copy=False)
    scaled = along(1 / np.sqrt(moving[1].astype("float64") + epsilon), x, axis)
    normalized = (x.astype("float64") - along(moving[0], x, axis)) * scaled
    gamma = np.ones_like(mean) if gamma is None else gamma
    beta = np.zeros_like(mean) if beta is None else beta
    close(y, normalized * along(gamma, x, axis) + along(beta, x, axis), dtype, scale=8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_numpy_on_every_axis(shape, dtype):
    for axis in range(-len(shape), len(shape)):
        check_all(*case(shape, axis, dtype), axis)


@pytest.mark.parametrize("given_gamma", [True, False])
@pytest.mark.parametrize("given_beta", [True, False])
def test_gamma_and_beta_may_be_none(given_gamma, given_beta):
    x, dy, gamma, beta = case((9, 17), -1, "float32")
    check_all(x, dy, gamma if given_gamma else None, beta if given_beta else None, -1)


@pytest.mark.parametrize("shape", [(6, 7), (4, 3, 5), (3, 4, 5, 6), (2, 1, 5, 3)], ids=str)
def test_memory_in_any_order_is_worked_on_in_place(shape):
    for axis in range(len(shape)):
        x, dy, gamma, beta = case(shape, axis, "float32")
        for ordered in orders(x):
            # copy=False: a copy at the boundary would be an error.
            check_all(ordered, in_order_of(dy, ordered), gamma, beta, axis)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=5),
    st.integers(-5, 4),
    st.sampled_from(["float32", "float64"]),
    st.randoms(use_true_random=False),
)
def test_random_shapes_axes_and_orders(shape, axis, dtype, random):
    axis = axis % len(shape)
    order = random.sample(range(len(shape)), len(shape))
    x, dy, gamma, beta = case(tuple(shape), axis, dtype)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    check_all(x, in_order_of(dy, x), gamma, beta, axis)


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


def test_statistics_hold_where_the_mean_is_huge():
    random = np.random.default_rng(1)
    x = (1e4 + random.normal(size=(4096, 8))).astype("float32")
    y, mean, inv_std = functional.batch_norm(x, None, None)
    expected = reference(x, None, None, -1, 1e-3)
    np.testing.assert_allclose(mean, expected[1], rtol=1e-7)
    np.testing.assert_allclose(inv_std, expected[2], rtol=1e-5)
    np.testing.assert_allclose(y, expected[0], atol=1e-4)


def test_constant_channels_have_no_variance():
    x = np.empty((257, 3), "float32")
    x[:] = [0.1, -1e7, 3e-30]
    y, mean, inv_std = functional.batch_norm(x, None, np.array([1, 2, 3], "float32"), epsilon=1e-6)
    assert np.array_equal(mean, x[0])
    np.testing.assert_allclose(inv_std, 1e3, rtol=1e-6)
    assert np.array_equal(y, np.broadcast_to(np.array([1, 2, 3], "float32"), x.shape))


def test_nan_stays_in_its_channel():
    x, _, gamma, beta = case((50, 5), -1, "float32")
    clean = functional.batch_norm(x, gamma, beta)
    x[17, 2] = np.nan
    y, mean, inv_std = functional.batch_norm(x, gamma, beta)
    assert np.isnan(y[:, 2]).all() and np.isnan(mean[2]) and np.isnan(inv_std[2])
    kept = [0, 1, 3, 4]
    assert np.array_equal(y[:, kept], clean[0][:, kept])
    assert np.array_equal(mean[kept], clean[1][kept])


@pytest.mark.parametrize("shape, axis", [((512, 96), -1), ((4, 8, 64, 64), 1), ((4, 64, 64, 8), -1)])
def test_threads_do_not_change_a_bit(shape, axis):
    x, dy, gamma, beta = case(shape, axis, "float32")
    before = swiftbn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 4):
            swiftbn.set_num_threads(threads)
            y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis)
            gradients = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=axis)
            results.append([y, mean, inv_std, *gradients])
    finally:
        swiftbn.set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(*pair) for pair in zip(results[0], other, strict=True))


def test_calls_from_several_threads():
    cases = [case((300, 70), -1, "float32", seed) for seed in range(4)]
    expected = [functional.batch_norm(x, gamma, beta) for x, _, gamma, beta in cases]
    wrong = []

    def work(index):
        x, _, gamma, beta = cases[index]
        for _ in range(50):
            actual = functional.batch_norm(x, gamma, beta)
            if not all(np.array_equal(*pair) for pair in zip(actual, expected[index], strict=True)):
                wrong.append(index)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
