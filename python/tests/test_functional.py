"""Batch normalization on arrays: against float64 NumPy on any axis, huge means, constant channels, NaN, threads."""

import threading

import numpy as np
import pytest
from checks import same_on_threads
from functional_reference import case, check_all, in_order_of, reference
from hypothesis import given, settings
from hypothesis import strategies as st

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

    def both_ways():
        y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis)
        return y, mean, inv_std, functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=axis)

    same_on_threads(both_ways)


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
