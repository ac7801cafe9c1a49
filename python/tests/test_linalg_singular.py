"""Singular, indefinite and NaN matrices, and ranks that depend on a cutoff."""

import numpy as np
import pytest
from checks import traced

from swiftbn import ops

RANDOM = np.random.default_rng(12)


def matrices(shape, dtype="float64"):
    return RANDOM.normal(size=shape).astype(dtype)


def definite(shape, dtype="float64"):
    x = matrices(shape)
    return (x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])).astype(dtype)


def flat(results):
    return results if isinstance(results, tuple) else (results,)


def test_known_ranks_and_cutoffs():
    x = np.diag([4.0, 2.0, 1e-3, 0.0])
    assert ops.matrix_rank(x) == 3 and ops.matrix_rank(x, tol=1.0) == 2
    np.testing.assert_array_equal(ops.matrix_rank(np.stack([x, x]), tol=np.array([3.0, 1e-4])), [1, 3])
    np.testing.assert_allclose(ops.pinv(x), np.linalg.pinv(x), rtol=1e-12)
    np.testing.assert_allclose(ops.pinv(x, rcond=0.1), np.diag([0.25, 0.5, 0, 0]), atol=1e-15)
    ratios = np.array([0.1, 0.6])
    both = ops.pinv(np.stack([x, x]), rcond=ratios)
    np.testing.assert_allclose(both[1], np.diag([0.25, 0, 0, 0]), atol=1e-15)
    assert not ops.matrix_rank(np.zeros((3, 2))) and not ops.pinv(np.zeros((3, 2))).any()


class TestSingularInput:
    """What NumPy calls a LinAlgError is NaN, for that matrix of a batch only."""

    singular = np.array([[[1.0, 2], [2, 4]], [[2.0, 1], [1, 2]]])
    indefinite = np.array([[[1.0, 2], [2, 1]], [[2.0, 1], [1, 2]]])

    def check(self, result, expected):
        assert np.isnan(result[0]).all()
        np.testing.assert_allclose(result[1], expected, rtol=1e-12)

    @pytest.mark.parametrize("run", [lambda f, *a: f(*a), traced], ids=["at once", "compiled"])
    def test_it_gives_nan(self, run):
        good, b = self.singular[1], np.ones((2, 2, 1))
        self.check(run(ops.inv, self.singular), np.linalg.inv(good))
        self.check(run(ops.solve, self.singular, b), np.linalg.solve(good, b[1]))
        factor = run(ops.cholesky, self.indefinite)
        assert np.isnan(factor[0][np.tril_indices(2)]).all() and factor[0, 0, 1] == 0
        np.testing.assert_allclose(factor[1], np.linalg.cholesky(good))
        lower = np.array([[[1.0, 0], [5, 0]], [[2.0, 0], [1, 2]]])
        solution = run(lambda a, b: ops.solve_triangular(a, b, lower=True), lower, b)
        self.check(solution, np.linalg.solve(lower[1], b[1]))
        self.check(run(ops.cholesky_inverse, lower), np.linalg.inv(lower[1] @ lower[1].T))

    def test_determinants_are_zero(self):
        np.testing.assert_allclose(ops.det(self.singular), [0, 3], atol=1e-15)
        signs, logarithms = ops.slogdet(self.singular)
        assert signs.tolist() == [0, 1] and logarithms[0] == -np.inf
        assert np.isfinite(ops.slogdet(np.eye(400) * 10.0)[1]) and ops.slogdet(-np.eye(3))[0] == -1

    @pytest.mark.parametrize(
        "name", ["cholesky", "cholesky_inverse", "det", "eigh", "inv", "logdet", "pinv", "qr", "svd"]
    )
    def test_nan_gives_nan(self, name):
        x = definite((3, 4, 4))
        good = getattr(ops, name)(x)
        x[1, 2, 1] = np.nan
        for result, expected in zip(flat(getattr(ops, name)(x)), flat(good), strict=True):
            assert np.isnan(result[1]).any()
            np.testing.assert_array_equal(result[[0, 2]], expected[[0, 2]])
