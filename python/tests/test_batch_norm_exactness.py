"""Batch normalization against extended precision, on inputs that are hard to sum, in every layout; beside the peers."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import batch_norm_exactness as exactness  # noqa: E402

import swiftbn  # noqa: E402
from swiftbn import functional, ops  # noqa: E402

CASES = dict(exactness.inputs())
pytestmark = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="longdouble is no more than double here")

# In ulp, as the module says. Sums of gradients have rounding errors of their own, in lanes of float32.
LIMITS = {"mean": 1, "variance": 8, "y": 2, "dx": 4, "dgamma": 4, "dbeta": 8}
# Products with subnormal deviations have few bits, for whoever computes in float32. A sum of a million gradients that
# cancel is off by more where vectors have four lanes (level v2: 9 ulp) than where they have sixteen.
EXCEPTIONS = {("subnormal, 1e-40", "dgamma"): 100, ("a million values, mean 1e3", "dbeta"): 16}


@pytest.mark.parametrize("layout", exactness.LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_errors_are_small(case, layout):
    worst = exactness.measure("swiftbn", CASES[case], layout)
    assert set(worst) == set(LIMITS)
    for name, limit in LIMITS.items():
        assert worst[name] <= EXCEPTIONS.get((case, name), limit), name


@pytest.mark.parametrize("case", ["mean 1e4, std 1", "mean 1, std 1e-4", "constant", "one outlier of 1e6"])
def test_channels_in_the_middle(case):
    data = CASES[case].x.reshape(64, 64, -1)
    x = np.ascontiguousarray(np.moveaxis(data, -1, 1))
    _, variance = ops.moments(x, axes=(0, 2))
    true = data.astype(np.longdouble)
    expected = true.var((0, 1))
    np.testing.assert_array_less(np.abs(variance - expected), 8 * np.spacing(expected.astype("float32")) + 1e-45)
    channels = data.shape[-1]
    y, _, _ = functional.batch_norm(x, np.ones(channels, "f4"), np.zeros(channels, "f4"), axis=1)
    normal = (true - true.mean((0, 1))) / np.sqrt(expected + np.longdouble(1e-3))
    np.testing.assert_allclose(np.moveaxis(y, 1, -1), normal.astype("f8"), rtol=1e-6, atol=2e-6)


def test_subnormal_channels():
    """A variance below all floats is 0, and y beta plus next to nothing; compiled programs count subnormal x as 0."""
    x = CASES["subnormal, 1e-40"].x
    assert (np.abs(x) < np.finfo("float32").tiny).all() and x.any()
    beta = np.arange(1, 9, dtype="float32")
    y, mean, inv_std = functional.batch_norm(x, None, beta)
    np.testing.assert_array_equal(y, np.broadcast_to(beta, x.shape))
    np.testing.assert_allclose(mean, x.mean(0, dtype="f8"), atol=1.5e-45)
    np.testing.assert_array_equal(inv_std, np.full(8, 1 / np.sqrt(1e-3), "float32"))
    variance = ops.moments(x, axes=[0])[1]
    assert not variance.any()
    found = swiftbn.jit(lambda x: ops.moments(x, axes=[0]))(x)
    assert not np.asarray(found[0]).any() and not np.asarray(found[1]).any()


def test_subnormal_variances_are_those_of_float32():
    x = CASES["subnormal variance, 1e-20"].x
    variance = ops.moments(x, axes=[0])[1]
    expected = x.astype(np.longdouble).var(0)
    assert ((0 < expected) & (expected < np.finfo("float32").tiny)).all()
    np.testing.assert_allclose(variance, expected.astype("f8"), rtol=0, atol=2e-45)


def test_gamma_of_zero():
    case = CASES["gamma = 0"]
    dy, gamma, beta = case.others
    y, mean, inv_std = functional.batch_norm(case.x, gamma, beta)
    np.testing.assert_array_equal(y, np.broadcast_to(beta, y.shape))
    dx, dgamma, _ = functional.batch_norm_backward(dy, case.x, gamma, mean, inv_std)
    assert not dx.any() and dgamma.all()


def test_the_variance_of_float16_may_exceed_float16():
    case = CASES["float16, variance 3.6e9"]
    assert case.x.dtype == "float16" and np.isfinite(case.x).all()
    assert (case.truth["variance"] > 1e4 * float(np.finfo("float16").max)).all()
    y, mean, inv_std = functional.batch_norm(case.x, *case.others[1:])
    assert y.dtype == "float16" and mean.dtype == inv_std.dtype == "float32" and np.isfinite(y).all()


@functools.cache
def worst(side, case):
    return exactness.worst_of_layouts(side, CASES[case])


@pytest.mark.interop
@pytest.mark.parametrize("peer", ["torch", "tensorflow", "jax"])
@pytest.mark.parametrize("case", CASES)
def test_no_peer_is_nearer_to_the_truth(case, peer):
    pytest.importorskip(peer)
    if peer == "tensorflow" and pytest.importorskip("keras").backend.backend() != peer:
        pytest.skip("Keras computes with another backend")
    ours, theirs = worst("swiftbn", case), worst(peer, case)
    assert ours["variance"] <= max(theirs["variance"], 8)
    for name in ("y", "dx"):
        # Two roundings of float32 are no difference.
        assert ours[name] <= max(theirs[name], 2), name
