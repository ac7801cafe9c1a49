"""Linear algebra against NumPy: values in both dtypes, edge sizes, bad input, programs, symbolic calls."""

import numpy as np
import pytest
from checks import traced

import swiftbn
from swiftbn import ops

RANDOM = np.random.default_rng(12)
SQUARE = [(0, 0), (1, 1), (2, 2), (5, 5), (40, 40), (3, 4, 4), (2, 0, 3, 3), (2, 3, 7, 7)]
SHAPES = [*SQUARE, (0, 3), (3, 0), (5, 2), (2, 5), (3, 6, 4), (3, 4, 6), (70, 33)]
DTYPES = ["float32", "float64"]


def matrices(shape, dtype="float64"):
    return RANDOM.normal(size=shape).astype(dtype)


def definite(shape, dtype="float64"):
    x = matrices(shape)
    return (x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])).astype(dtype)


def close(ours, theirs, scale=1.0):
    """Within some roundings of numbers of size `scale`; the dtype is that of `ours`."""
    ours = np.asarray(ours)
    tolerance = 400 * np.finfo(ours.dtype).eps * scale
    assert ours.shape == np.shape(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def largest(x):
    return 1 + np.abs(x).max(initial=0)


def flat(results):
    return results if isinstance(results, tuple) else (results,)


def transposed(x):
    return np.swapaxes(x, -1, -2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE)
class TestSquareMatrices:
    def test_cholesky(self, shape, dtype):
        x = definite(shape, dtype)
        factor = ops.cholesky(x)
        assert factor.dtype == dtype
        close(factor, np.linalg.cholesky(x.astype("float64")), largest(x))
        close(ops.cholesky(x, upper=True), transposed(factor))
        close(ops.cholesky_inverse(factor) @ x, np.broadcast_to(np.eye(shape[-1]), shape), largest(x) ** 2)
        close(ops.cholesky_inverse(transposed(factor), upper=True), ops.cholesky_inverse(factor))

    def test_determinants(self, shape, dtype):
        # Far from singular, with rows that have to be exchanged.
        x = np.ascontiguousarray(definite(shape, dtype)[..., ::-1, :]) / max(1, shape[-1])
        exact = x.astype("float64")
        expected = np.linalg.det(exact)
        assert ops.det(x).dtype == dtype
        close((ops.det(x) / expected).astype(dtype), np.ones_like(expected))
        signs, logarithms = ops.slogdet(x)
        np.testing.assert_array_equal(signs, np.linalg.slogdet(exact)[0])
        close(logarithms, np.linalg.slogdet(exact)[1], 40)
        np.testing.assert_array_equal(ops.logdet(x), logarithms)

    def test_inverses_and_solutions(self, shape, dtype):
        x = definite(shape, dtype)
        close(ops.inv(x), np.linalg.inv(x.astype("float64")), largest(x))
        for columns in (0, 1, 3, 70):
            b = matrices((*shape[:-1], columns), dtype)
            close(ops.solve(x, b), np.linalg.solve(x.astype("float64"), b), largest(x))
        vectors = matrices(shape[:-1], dtype)
        close(ops.solve(x, vectors), ops.solve(x, vectors[..., None])[..., 0])

    def test_triangular_systems(self, shape, dtype):
        x, b = definite(shape, dtype), matrices((*shape[:-1], 3), dtype)
        for lower in (True, False):
            triangle = np.tril(x) if lower else np.triu(x)
            solution = ops.solve_triangular(x, b, lower=lower)
            close(triangle @ solution, b, largest(x) * largest(solution))
        close(ops.solve_triangular(x, b), solution)

    def test_eigenvalues_of_symmetric_matrices(self, shape, dtype):
        x = matrices(shape, dtype)
        symmetric = np.tril(x) + transposed(np.tril(x, -1))
        values, vectors = ops.eigh(x)
        assert values.dtype == vectors.dtype == dtype
        close(values, np.linalg.eigvalsh(symmetric.astype("float64")), largest(x))
        close(symmetric @ vectors, vectors * values[..., None, :], largest(x))
        close(transposed(vectors) @ vectors, np.broadcast_to(np.eye(shape[-1]), shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
class TestAnyMatrices:
    def test_lu_factors(self, shape, dtype):
        x = matrices(shape, dtype)
        factors, pivots = ops.lu_factor(x)
        m, k = shape[-2], min(shape[-2:])
        assert factors.dtype == dtype and pivots.dtype == "int32" and pivots.shape == (*shape[:-2], k)
        lower = np.tril(factors[..., :k], -1) + np.eye(m, k, dtype=dtype)
        product = lower @ np.triu(factors)[..., :k, :]
        permuted = x.copy()
        for matrix in np.ndindex(shape[:-2]):
            for i, j in enumerate(pivots[matrix]):
                permuted[matrix][[i, j]] = permuted[matrix][[j, i]]
        close(product, permuted)

    def test_orthonormal_factors(self, shape, dtype):
        x = matrices(shape, dtype)
        for mode in ("reduced", "complete"):
            q, r = ops.qr(x, mode)
            if 0 not in shape:
                # LAPACK's signs, too.
                expected = np.linalg.qr(x.astype("float64"), mode)
                close(q, expected[0], 20)
                close(r, expected[1], 20)
            close(q @ r, x)
            close(transposed(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], *q.shape[-1:] * 2)))
            np.testing.assert_array_equal(np.tril(r, -1), np.zeros_like(r))

    @pytest.mark.parametrize("full", [False, True])
    def test_singular_values(self, shape, dtype, full):
        x = matrices(shape, dtype)
        u, s, vt = ops.svd(x, full_matrices=full)
        expected = np.linalg.svd(x.astype("float64"), full_matrices=full)
        assert [a.shape for a in (u, s, vt)] == [a.shape for a in expected] and {u.dtype, s.dtype, vt.dtype} == {
            np.dtype(dtype)
        }
        k = s.shape[-1]
        close(s, expected[1], 2)
        close((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], x)
        close(transposed(u) @ u, np.broadcast_to(np.eye(u.shape[-1]), (*shape[:-2], *u.shape[-1:] * 2)))
        close(vt @ transposed(vt), np.broadcast_to(np.eye(vt.shape[-2]), (*shape[:-2], *vt.shape[-2:-1] * 2)))
        np.testing.assert_array_equal(ops.svd(x, compute_uv=False), s)

    def test_pseudo_inverses_and_ranks(self, shape, dtype):
        x = matrices(shape, dtype)
        expected = np.linalg.pinv(x.astype("float64")) if 0 not in shape else np.zeros((*shape[:-2], *shape[:-3:-1]))
        close(ops.pinv(x), expected, largest(expected) ** 2)
        rank = ops.matrix_rank(x)
        assert rank.dtype == "int32" and rank.shape == shape[:-2] and (rank == min(shape[-2:])).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 1), (0, 3)])
def test_least_squares(shape, dtype):
    a = matrices(shape, dtype)
    for b in (matrices(shape[0], dtype), matrices((shape[0], 2), dtype)):
        expected = np.linalg.lstsq(a.astype("float64"), b.astype("float64"), rcond=None)[0]
        close(ops.lstsq(a, b), expected, 40)
    deficient = np.outer(np.arange(4.0), [1.0, 2, 3])
    expected = np.linalg.lstsq(deficient, np.ones(4), rcond=None)[0]
    for rcond in (None, -1, 0.1):
        np.testing.assert_allclose(ops.lstsq(deficient, np.ones(4), rcond=rcond), expected, rtol=1e-12)


def test_batches_broadcast():
    a, b = definite((3, 1, 4, 4)), matrices((2, 4, 5))
    close(ops.solve(a, b), np.linalg.solve(a, b), largest(a))
    close(ops.solve(a[0, 0], b), np.linalg.solve(a[0, 0], b), largest(a))
    lower = np.linalg.cholesky(a)
    close(ops.solve_triangular(a, b, lower=True), np.linalg.solve(np.tril(a), b), largest(a))
    close(ops.cholesky_inverse(lower), np.linalg.inv(a), largest(a))
    # A vector for each matrix, and one for all.
    vectors = matrices((3, 1, 4))
    close(ops.solve(a, vectors), np.linalg.solve(a, vectors[..., None])[..., 0], largest(a))
    close(ops.solve(a, vectors[0, 0]), np.linalg.solve(a, vectors[0, 0][:, None])[..., 0], largest(a))


def test_integers_lists_and_halves():
    assert ops.det([[2, 1], [1, 3]]) == 5 and ops.det([[2, 1], [1, 3]]).dtype == "float32"
    np.testing.assert_array_equal(ops.solve(np.array([[2, 0], [0, 4]]), [2, 2]), [1, 0.5])
    half = definite((3, 3)).astype("float16")
    for name in ("cholesky", "inv", "det", "pinv", "eigh", "qr", "svd", "slogdet"):
        results, expected = (flat(getattr(ops, name)(x)) for x in (half, half.astype("float32")))
        for ours, exact in zip(results, expected, strict=True):
            assert ours.dtype == "float16"
            np.testing.assert_array_equal(ours, np.asarray(exact).astype("float16"))
    factors, pivots = ops.lu_factor(half)
    assert factors.dtype == "float16" and pivots.dtype == "int32"
    assert ops.matrix_rank(half).dtype == "int32"


@pytest.mark.parametrize("name", "cholesky cholesky_inverse det eigh inv logdet slogdet lu_factor qr svd pinv".split())
def test_programs_compute_the_same(name):
    x = definite((2, 4, 4))
    function = getattr(ops, name)
    at_once = function(x)
    compiled = traced(lambda v: list(function(v)) if isinstance(at_once, tuple) else function(v), x)
    for a, b in zip(compiled, at_once, strict=True):
        np.testing.assert_array_equal(a, b)


def test_unknown_batches():
    inputs = swiftbn.Input((4, 4))
    gram = ops.matmul(inputs, ops.transpose(inputs, (0, 2, 1)))
    factor = ops.cholesky(ops.add(gram, np.eye(4, dtype="float32")))
    u, s, vt = ops.svd(inputs, full_matrices=False)
    assert s.shape == (None, 4) and ops.det(inputs).shape == (None,)
    solution = ops.solve(inputs, ops.linalg.norm(inputs, axis=-1))
    assert solution.shape == (None, 4)
    rebuilt = ops.matmul(ops.multiply(u, ops.expand_dims(s, 1)), vt)
    model = swiftbn.Model(inputs, [factor, rebuilt, solution, ops.det(inputs), ops.pinv(inputs)])
    x = matrices((3, 4, 4), "float32")
    outputs = model.predict(x, verbose=0)
    expected = (
        np.linalg.cholesky(x @ transposed(x) + np.eye(4)),
        x,
        np.linalg.solve(x, np.linalg.norm(x, axis=-1)[..., None])[..., 0],
        np.linalg.det(x),
        np.linalg.pinv(x),
    )
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
    # Saved and read back by the names of Keras' classes.
    copy = swiftbn.Model.from_config(model.get_config())
    for ours, again in zip(outputs, copy.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(ours, again)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: ops.cholesky(np.ones((2, 3))),
            r"cholesky: expected x of shape \(\.\.\., M, M\).*Received: shape \(2, 3\)",
        ),
        (lambda: ops.det(np.ones(3)), r"det: expected x of shape.*Received: shape \(3,\)"),
        (lambda: ops.inv(3.0), r"inv: expected x of shape.*Received: shape \(\)"),
        (lambda: ops.svd(np.ones(3)), "svd: expected x of shape"),
        (
            lambda: ops.qr(np.ones((2, 2)), mode="raw"),
            "qr: expected mode to be 'reduced' or 'complete'. Received: mode='raw'",
        ),
        (lambda: ops.solve(np.ones((2, 2)), np.ones(3)), r"solve: expected b of shape \(\.\.\., 2\)"),
        (lambda: ops.solve(np.ones((2, 2)), 1.0), "solve: expected b of shape"),
        (lambda: ops.solve_triangular(np.ones((2, 3)), np.ones(3)), "solve_triangular: expected a of shape"),
        (lambda: ops.solve(np.ones((2, 3, 3)), np.ones((3, 3, 3))), "cannot be broadcast"),
        (lambda: ops.lstsq(np.ones((2, 2, 2)), np.ones(2)), "lstsq: expected a of shape"),
        (lambda: ops.lstsq(np.ones((2, 2)), np.ones(3)), "lstsq: expected a of shape"),
        (lambda: ops.det(swiftbn.Input((2, 3))), "det: expected x of shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_are_those_of_the_package():
    names = "cholesky cholesky_inverse det eigh inv lstsq lu_factor matrix_rank norm pinv qr solve solve_triangular svd"
    for name in names.split():
        assert getattr(ops.linalg, name) is getattr(ops, name)
