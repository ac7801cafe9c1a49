"""Memory of large results: reused when arrays are gone, never while anything shows it."""

import gc
import pickle
import resource

import numpy as np
import pytest

from swiftbn import functional, jit, ops

LARGE = (64, 128, 64)  # 2 MB of float32


def normalized(x, axis=-1):
    channels = x.shape[axis]
    return functional.batch_norm(x, np.ones(channels, x.dtype), np.zeros(channels, x.dtype), axis=axis)[0]


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal(LARGE, dtype=np.float32)


def test_repeated_calls_cost_no_page_faults(x):
    scale = np.ones(64, np.float32)

    def call():
        _, mean, inv_std = functional.batch_norm(x, scale, scale)
        functional.batch_norm_backward(x, x, scale, mean, inv_std)

    double = jit(lambda a: ops.multiply(a, 2.0))
    for _ in range(3):
        call()
        double(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        call()
        double(x)
    # Two results of 512 pages in each of 20 rounds would be 20,000 and more.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 1_000


def test_results_that_are_alive_keep_their_numbers(x):
    exact = normalized(x.astype(np.float64))
    held = []
    for index in range(12):
        y = normalized(x * (index + 1))
        held.append(y if index % 2 else y[3:5, ::2])
        del y
    for index, y in enumerate(held):
        wanted = exact if index % 2 else exact[3:5, ::2]
        assert np.abs(y - wanted).max() < 1e-2, index
    addresses = {y.__array_interface__["data"][0] for y in held}
    assert len(addresses) == len(held)


def test_memory_of_results_that_are_gone_is_taken_again(x):
    y = normalized(x)
    address = y.__array_interface__["data"][0]
    assert address % 64 == 0
    del y
    gc.collect()
    assert normalized(x).__array_interface__["data"][0] == address


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_results_have_the_memory_order_of_the_input(x, order):
    moved = np.ascontiguousarray(x).transpose(order)
    y = normalized(moved)
    assert y.shape == moved.shape and y.strides == moved.strides
    assert np.allclose(y, normalized(np.ascontiguousarray(moved)), atol=1e-5)


def test_arrays_with_gaps_and_axes_of_one_element(x):
    gaps = np.repeat(x, 2, axis=1)[:, ::2]
    assert np.array_equal(normalized(gaps), normalized(np.ascontiguousarray(gaps)))
    line = x.reshape(1, -1, 1, 64)
    y = normalized(line)
    assert y.shape == line.shape and np.array_equal(y.reshape(x.shape), normalized(x))
    wide = np.lib.stride_tricks.as_strided(x, (1, *LARGE), (10**9, *x.strides))
    assert np.array_equal(normalized(wide)[0], normalized(x))


def test_results_are_arrays_like_others(x):
    y = normalized(x)
    assert type(y) is np.ndarray and y.flags.writeable and y.flags.c_contiguous
    assert np.array_equal(pickle.loads(pickle.dumps(y)), y)
    y[0, 0, 0] = 7
    assert y.copy()[0, 0, 0] == 7
    with pytest.raises(TypeError, match="cannot be made"):
        type(y.base if not isinstance(y.base, memoryview) else y.base.obj)()


def test_what_is_kept_has_a_limit():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    x = np.ones((10, 1024, 1024), np.float32)  # 40 MB
    double = jit(lambda a: ops.multiply(a, 2.0))
    double(x)
    before = resident()
    results = [double(x) for _ in range(8)]
    assert resident() - before > 200e6
    del results
    gc.collect()
    assert resident() - before < 150e6
