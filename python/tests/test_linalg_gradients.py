"""Gradients of linear algebra against central differences in float64, of first and second order."""

import numpy as np
import pytest
from checks import central_differences, check_gradient

import swiftbn
from swiftbn import ops

RANDOM = np.random.default_rng(31)
X = RANDOM.normal(size=(2, 3, 3))
TALL, WIDE = RANDOM.normal(size=(4, 2)), RANDOM.normal(size=(2, 4))
B = RANDOM.normal(size=(2, 3, 2))


def definite(x):
    return ops.add(ops.matmul(x, ops.swapaxes(x, -1, -2)), np.diag([1.0, 1.5, 2.0]))


def projections(vectors):
    """The products of each vector with itself, which do not depend on its sign."""
    return ops.multiply(ops.expand_dims(vectors, -2), ops.expand_dims(vectors, -3))


CASES = {
    "cholesky": (lambda x: ops.cholesky(definite(x)), X),
    "cholesky_upper": (lambda x: ops.cholesky(definite(x), upper=True), X),
    "cholesky_inverse": (lambda x: ops.cholesky_inverse(ops.cholesky(definite(x))), X),
    "cholesky_inverse_upper": (lambda x: ops.cholesky_inverse(ops.add(x, 2.0), upper=True), X),
    "det": (ops.det, X),
    "slogdet": (lambda x: ops.slogdet(x)[1], X),
    "logdet": (ops.logdet, X),
    "inv": (ops.inv, X),
    "solve": (ops.solve, X, B),
    "solve_vectors": (ops.solve, X, B[..., 0]),
    "solve_broadcast": (ops.solve, X[0], B),
    "solve_triangular": (lambda a, b: ops.solve_triangular(ops.add(a, 2.0), b), X, B),
    "solve_triangular_lower": (lambda a, b: ops.solve_triangular(ops.add(a, 2.0), b, lower=True), X, B[..., 0]),
    "lu_factor": (lambda x: ops.lu_factor(x)[0], X),
    "lu_factor_tall": (lambda x: ops.lu_factor(x)[0], TALL),
    "lu_factor_wide": (lambda x: ops.lu_factor(x)[0], WIDE),
    "qr_q": (lambda x: ops.qr(x)[0], TALL),
    "qr_r": (lambda x: ops.qr(x)[1], WIDE),
    "qr_complete": (lambda x: ops.matmul(*ops.qr(x, "complete")), WIDE),
    "eigh_values": (lambda x: ops.eigh(definite(x))[0], X),
    "eigh_vectors": (lambda x: projections(ops.eigh(definite(x))[1]), X),
    "svd_values": (lambda x: ops.svd(x, compute_uv=False), TALL),
    "svd_values_of_full": (lambda x: ops.svd(x)[1], WIDE),
    "svd_left": (lambda x: projections(ops.svd(x, full_matrices=False)[0]), TALL),
    "svd_right": (lambda x: projections(ops.swapaxes(ops.svd(x, full_matrices=False)[2], -1, -2)), WIDE),
    "svd_square": (lambda x: projections(ops.svd(x)[0]), X),
    "pinv": (ops.pinv, X),
    "pinv_tall": (ops.pinv, TALL),
    "pinv_wide": (ops.pinv, WIDE),
    "lstsq": (ops.lstsq, TALL, RANDOM.normal(size=4)),
    "lstsq_wide": (ops.lstsq, WIDE, RANDOM.normal(size=(2, 3))),
    "norm_nuclear": (lambda x: ops.norm(x, "nuc"), TALL),
    "norm_spectral": (lambda x: ops.norm(x, 2, axis=(1, 2)), X),
    "norm_vectors": (lambda x: ops.norm(x, 3, axis=-1), X),
    "norm_columns": (lambda x: ops.norm(x, 1, axis=(-2, -1)), X),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function, *arrays = CASES[name]
    check_gradient(function, *arrays, tolerance=2e-6)


@pytest.mark.parametrize("name", [name for name in CASES if name != "norm_columns"])
def test_second_derivatives(name):
    function, *arrays = CASES[name]
    weights = RANDOM.normal(size=arrays[0].shape)

    def slope(x):
        def loss(value):
            return ops.sum(ops.square(function(value, *arrays[1:])))

        return ops.sum(ops.multiply(swiftbn.grad(loss)(x), weights))

    ours = swiftbn.grad(slope)(arrays[0])
    expected = central_differences(slope, arrays[0])
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("x", [np.eye(3), np.diag([2.0, 2.0, 5.0])], ids=["all", "two"])
def test_equal_eigenvalues(x):
    """Values have their derivative, vectors have none, and no finite number hides that; pinv needs none of them."""
    weights = RANDOM.normal(size=(3, 3))
    for values in (lambda v: ops.eigh(v)[0], lambda v: ops.svd(v, compute_uv=False)):
        gradient = swiftbn.grad(lambda v, f=values: ops.sum(ops.square(f(v))))(x)
        np.testing.assert_allclose(gradient, 2 * x, rtol=1e-12, atol=1e-12)
    for vectors in (lambda v: ops.eigh(v)[1], lambda v: ops.svd(v)[0]):
        assert not np.isfinite(swiftbn.grad(lambda v, f=vectors: ops.sum(ops.multiply(f(v), weights)))(x)).all()
    inverse = swiftbn.grad(lambda v: ops.sum(ops.multiply(ops.pinv(v), weights)))(x)
    expected = -np.linalg.inv(x).T @ weights @ np.linalg.inv(x).T
    np.testing.assert_allclose(inverse, expected, rtol=1e-12, atol=1e-12)


def test_what_is_not_determined_says_so():
    for function in (lambda x: ops.svd(x)[0], lambda x: ops.qr(x, "complete")[0]):
        with pytest.raises(ValueError, match="expected"):
            swiftbn.grad(lambda x, f=function: ops.sum(f(x)))(TALL)


def test_gradients_of_singular_matrices_are_nan():
    x = np.array([[1.0, 2], [2, 4]])
    for function in (ops.det, ops.inv, ops.logdet):
        assert np.isnan(swiftbn.grad(lambda v, f=function: ops.sum(f(v)))(x)).any()


def test_whitening_in_a_compiled_layer():
    """The use in practice: a layer whitens its batch and learns through the factorization."""

    class Whitening(swiftbn.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

        def call(self, x):
            centred = x - ops.mean(x, axis=0)
            covariance = ops.matmul(ops.transpose(centred), centred) / 64.0 + 1e-3 * np.eye(3, dtype="float32")
            whitened = ops.solve_triangular(ops.cholesky(covariance), ops.transpose(centred), lower=True)
            return ops.transpose(whitened) * self.scale

    swiftbn.utils.set_random_seed(1)
    model = swiftbn.Sequential([swiftbn.Input((3,)), Whitening(), swiftbn.layers.Dense(1)])
    model.compile(optimizer=swiftbn.optimizers.Adam(0.05), loss="mse")
    x = (RANDOM.normal(size=(64, 3)) @ np.array([[5.0, 1, 0], [0, 0.1, 0], [2, 0, 1]])).astype("float32")
    y = x @ np.array([[0.0], [5.0], [1.0]], "float32")
    losses = model.fit(x, y, batch_size=64, epochs=80, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]
