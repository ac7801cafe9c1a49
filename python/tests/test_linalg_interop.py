"""Linear algebra against real Keras: names, values, gradients, and configurations of models."""

import json
import os

import numpy as np
import pytest

import swiftbn
from swiftbn import ops

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(3, 4, 4)).astype("float32")
DEFINITE = (X @ np.swapaxes(X, -1, -2) + np.eye(4)).astype("float32")
LOWER = np.linalg.cholesky(DEFINITE)
TALL, WIDE = RANDOM.normal(size=(5, 3)).astype("float32"), RANDOM.normal(size=(3, 5)).astype("float32")
B = RANDOM.normal(size=(3, 4, 2)).astype("float32")
VALUES = [
    ("cholesky", (DEFINITE,), {}),
    ("cholesky", (DEFINITE,), {"upper": True}),
    ("cholesky_inverse", (LOWER[0],), {}),
    ("cholesky_inverse", (LOWER[0].T,), {"upper": True}),
    ("det", (X,), {}),
    ("inv", (X,), {}),
    ("logdet", (DEFINITE,), {}),
    ("slogdet", (X,), {}),
    ("lstsq", (TALL, B[0, :1].repeat(5, 0) + TALL[:, :2]), {}),
    ("lstsq", (WIDE, WIDE[:, 0]), {}),
    ("lu_factor", (X,), {}),
    ("matrix_rank", (X,), {}),
    ("matrix_rank", (TALL,), {"tol": 2.0}),
    ("pinv", (X,), {}),
    ("pinv", (TALL,), {"rcond": 0.5}),
    ("qr", (X,), {}),
    ("qr", (TALL,), {"mode": "complete"}),
    ("qr", (WIDE,), {}),
    ("solve", (X, B), {}),
    ("solve", (X[0], B[0, :, 0]), {}),
    ("solve_triangular", (LOWER, B), {"lower": True}),
    ("solve_triangular", (np.swapaxes(LOWER, -1, -2), B), {}),
    ("svd", (X,), {"compute_uv": False}),
    *(("norm", (X,), {"ord": o, "axis": (1, 2)}) for o in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *(("norm", (X,), {"ord": o, "axis": -1, "keepdims": True}) for o in (None, 0, 1, 2, 3, np.inf, -np.inf)),
    ("norm", (TALL,), {"ord": 1}),
    ("norm", (X,), {}),
]
IDS = [f"{name}-{kwargs}" for name, _, kwargs in VALUES]


def flat(results):
    return list(results) if isinstance(results, (tuple, list)) else [results]


def of_keras(name, args, kwargs):
    """What Keras computes; its backends lack some."""
    try:
        return [keras.ops.convert_to_numpy(v) for v in flat(getattr(keras.ops, name)(*args, **kwargs))]
    except Exception as error:
        if keras.backend.backend() == "jax":
            raise
        pytest.skip(f"Keras has no {name} of these arguments: {error}")


@pytest.mark.parametrize("name, args, kwargs", VALUES, ids=IDS)
def test_values(name, args, kwargs):
    theirs = of_keras(name, args, kwargs)
    ours = [np.asarray(v) for v in flat(getattr(ops, name)(*args, **kwargs))]
    assert [a.shape for a in ours] == [a.shape for a in theirs]
    assert [a.dtype for a in ours] == [a.dtype for a in theirs]
    if keras.backend.backend() == "tensorflow" and name == "lu_factor":
        pytest.skip("TensorFlow's pivots are a permutation")
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_vectors_up_to_their_signs():
    for args, name in (((DEFINITE,), "eigh"), ((X,), "svd"), ((TALL, True), "svd"), ((WIDE, False), "svd")):
        ours, theirs = flat(getattr(ops, name)(*args)), of_keras(name, args, {})
        for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            is_values = position == (0 if name == "eigh" else 1)
            # Full matrices end in vectors that are not determined.
            a, b = (v[..., : min(args[0].shape[-2:]), :] if position == 2 else v for v in (a, b))
            a, b = (v[..., : min(args[0].shape[-2:])] if position == 0 and name == "svd" else v for v in (a, b))
            np.testing.assert_allclose(*((a, b) if is_values else (np.abs(a), np.abs(b))), rtol=2e-4, atol=2e-4)


GRADIENTS = {
    "cholesky": (lambda o, x: o.cholesky(x), DEFINITE),
    "det": (lambda o, x: o.det(x), X),
    "inv": (lambda o, x: o.inv(x), X),
    "slogdet": (lambda o, x: o.slogdet(x)[1], X),
    "solve": (lambda o, x: o.solve(x, B), X),
    "solve_triangular": (lambda o, x: o.solve_triangular(x, B, lower=True), LOWER),
    "qr": (lambda o, x: o.matmul(o.square(o.qr(x)[0]), o.qr(x)[1]), TALL),
    "eigh": (lambda o, x: o.matmul(o.square(o.eigh(x)[1]), o.expand_dims(o.eigh(x)[0], -1)), DEFINITE),
    "svd": (lambda o, x: o.matmul(o.square(o.svd(x, full_matrices=False)[0]), o.ones((3, 2))), TALL),
    "svd_values": (lambda o, x: o.svd(x, compute_uv=False), WIDE),
    "pinv": (lambda o, x: o.pinv(x), TALL),
    "lu_factor": (lambda o, x: o.lu_factor(x)[0], X),
    "lstsq": (lambda o, x: o.lstsq(x, np.arange(5, dtype="float32")), TALL),
    "nuclear_norm": (lambda o, x: o.norm(x, "nuc"), TALL),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    if keras.backend.backend() != "jax":
        pytest.skip("gradients are taken with JAX")
    import jax

    function, x = GRADIENTS[name]
    weights = RANDOM.normal(size=np.shape(function(ops, x))).astype("float32")
    ours = swiftbn.grad(lambda v: ops.sum(function(ops, v) * weights))(x)
    theirs = jax.grad(lambda v: keras.ops.sum(function(keras.ops, v) * weights))(x)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3 * np.abs(ours).max())


def test_names():
    theirs = {name for name in dir(keras.ops.linalg) if not name.startswith("_")}
    assert theirs - set(ops.linalg.__all__) == {"eig"} and set(ops.linalg.__all__) < theirs


def test_configurations():
    """A model of ours in Keras, and back."""
    x = swiftbn.Input((4, 4))
    outputs = [
        ops.det(x),
        ops.solve(x, x),
        ops.svd(x, compute_uv=False),
        *ops.slogdet(x),
        ops.qr(x, mode="complete")[1],
    ]
    outputs += [ops.logdet(x), ops.matrix_rank(x, tol=0.5)]
    ours = swiftbn.Model(x, outputs)
    theirs = keras.Model.from_config(ours.get_config())
    back = swiftbn.Model.from_config(json.loads(json.dumps(theirs.get_config())))
    expected = ours.predict(DEFINITE, verbose=0)
    for model in (theirs, back):
        for a, b in zip(expected, model.predict(DEFINITE, verbose=0), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)
