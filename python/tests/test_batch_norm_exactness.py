"""Batch normalization in float32 against extended precision, on inputs that are hard to sum; beside the peers."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import batch_norm_exactness as exactness  # noqa: E402

CASES = dict(exactness.inputs())
pytestmark = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="longdouble is no more than double here")


@pytest.mark.parametrize("case", CASES)
def test_errors_are_small(case):
    worst = exactness.measure("swiftbn", CASES[case])
    assert worst["variance"] <= 8
    for name in ("y", "dx", "dbeta"):
        assert worst[name] <= 1e-6, name
    # Products of a gradient with deviations of both signs, summed.
    assert worst["dgamma"] <= 2e-6


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("case", ["mean 1e4, std 1", "mean 1, std 1e-4", "constant", "one outlier of 1e6"])
def test_every_layout_is_exact(case, axis):
    """The same data with channels first, in the middle and last."""
    from swiftbn import functional, ops

    data = CASES[case].reshape(64, 64, -1)
    x = np.ascontiguousarray(np.moveaxis(data, -1, axis))
    others = tuple(a for a in range(3) if a != axis)
    mean, variance = ops.moments(x, axes=others)
    true = data.astype(np.longdouble)
    expected = true.var((0, 1))
    np.testing.assert_array_less(np.abs(variance - expected), 8 * np.spacing(expected.astype("float32")) + 1e-45)
    channels = data.shape[-1]
    y, _, _ = functional.batch_norm(x, np.ones(channels, "f4"), np.zeros(channels, "f4"), axis=axis)
    normal = (true - true.mean((0, 1))) / np.sqrt(expected + np.longdouble(1e-3))
    np.testing.assert_allclose(np.moveaxis(y, axis, -1), normal.astype("f8"), rtol=1e-6, atol=2e-6)


@pytest.mark.interop
@pytest.mark.parametrize("peer", ["torch", "tensorflow", "jax"])
@pytest.mark.parametrize("case", CASES)
def test_no_peer_is_nearer_to_the_truth(case, peer):
    pytest.importorskip(peer)
    if peer == "tensorflow" and pytest.importorskip("keras").backend.backend() != peer:
        pytest.skip("Keras computes with another backend")
    ours, theirs = exactness.measure("swiftbn", CASES[case]), exactness.measure(peer, CASES[case])
    assert ours["variance"] <= max(theirs["variance"], 8)
    for name in ("y", "dx"):
        # Two roundings of float32 are no difference.
        assert ours[name] <= max(theirs[name], 2.4e-7), name
