"""`ops.jvp`: derivatives along directions, against differences in float64, and Keras."""

import numpy as np
import pytest

import swiftbn
from swiftbn import layers, ops

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
TA, TB = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))


def difference(function, primals, tangents, step=1e-6):
    """Central differences of one output."""
    moved = [[p + sign * step * t for p, t in zip(primals, tangents, strict=True)] for sign in (1, -1)]
    return (np.asarray(function(*moved[0])) - np.asarray(function(*moved[1]))) / (2 * step)


CASES = {
    "matmul": (lambda a, b: ops.matmul(a, b), (A, B), (TA, TB)),
    "tanh": (lambda a: ops.tanh(a) * a, (A,), (TA,)),
    "softmax": (lambda a: ops.softmax(a, axis=0), (A,), (TA,)),
    "logsumexp": (lambda a: ops.logsumexp(a, axis=-1), (A,), (TA,)),
    "scalar": (lambda a: ops.sum(ops.exp(a)), (A,), (TA,)),
    "max": (lambda a: ops.max(a, axis=1), (A,), (TA,)),
    "norm": (lambda a, b: ops.norm(ops.matmul(a, b)) * b, (A, B), (TA, TB)),
    "conv": (
        lambda x, k: ops.conv(x, k, padding="same"),
        (RNG.normal(size=(2, 5, 5, 3)), RNG.normal(size=(3, 3, 3, 2))),
        (RNG.normal(size=(2, 5, 5, 3)), RNG.normal(size=(3, 3, 3, 2))),
    ),
    "layer norm": (lambda a: ops.layer_normalization(a), (A,), (TA,)),
    "inverse": (lambda a: ops.inv(a), (A[:, :3],), (TA[:, :3],)),
    "empty": (lambda a: ops.square(a), (A[:0],), (TA[:0],)),
}


@pytest.mark.parametrize("case", CASES)
def test_against_differences(case):
    function, primals, tangents = CASES[case]
    outputs, derivatives = ops.jvp(function, primals, tangents)
    assert outputs.dtype == derivatives.dtype == np.float64 and outputs.shape == derivatives.shape
    np.testing.assert_allclose(outputs, function(*primals), rtol=1e-12)
    np.testing.assert_allclose(derivatives, difference(function, primals, tangents), rtol=1e-6, atol=1e-7)


def test_nested_arguments_and_outputs():
    def function(pair, third):
        return {"product": pair["a"] * pair["b"], "rest": [third, ops.sum(pair["a"])]}

    primals = ({"a": A, "b": 2 * A}, B)
    tangents = ({"a": TA, "b": 3 * TA}, TB)
    outputs, derivatives = ops.jvp(function, primals, list(tangents))
    np.testing.assert_allclose(outputs["product"], 2 * A * A)
    np.testing.assert_allclose(derivatives["product"], TA * 2 * A + A * 3 * TA)
    np.testing.assert_allclose(derivatives["rest"][0], TB)
    np.testing.assert_allclose(derivatives["rest"][1], TA.sum())


def test_other_results():
    outputs, derivatives, aux = ops.jvp(lambda a: (a * a, {"twice": 2 * a, "word": "x"}), (A,), (TA,), has_aux=True)
    np.testing.assert_allclose(outputs, A * A)
    np.testing.assert_allclose(derivatives, 2 * A * TA)
    np.testing.assert_allclose(aux["twice"], 2 * A)
    assert aux["word"] == "x"


def test_outputs_that_do_not_depend():
    outputs, (same, constant) = ops.jvp(lambda a, b: (a, ops.ones((2,), "float64")), (A, B), (TA, TB))
    np.testing.assert_allclose(same, TA)
    np.testing.assert_array_equal(constant, [0, 0])
    # Other uses of an argument do not count.
    found = swiftbn.jit(lambda x: ops.jvp(lambda y: y + 2 * x, (x,), (x,))[1])(A)
    np.testing.assert_allclose(found, A)


def test_numbers_lists_and_variables():
    output, derivative = ops.jvp(ops.sin, (0.1,), (0.2,))
    assert output.dtype == np.float32 and output.shape == ()
    np.testing.assert_allclose([output, derivative], [np.sin(0.1), 0.2 * np.cos(0.1)], rtol=1e-6)
    variable = swiftbn.Variable(A)
    np.testing.assert_allclose(ops.jvp(ops.square, [variable], [TA])[1], 2 * A * TA, rtol=1e-5)
    assert ops.jvp(ops.square, (A.astype("float32"),), (TA,))[1].dtype == np.float32


def test_inside_other_derivatives():
    # d/da of the derivative of Σ sin a along t is -sin(a)·t.
    gradient = swiftbn.grad(lambda a: ops.jvp(lambda x: ops.sum(ops.sin(x)), (a,), (TA,))[1])(A)
    np.testing.assert_allclose(gradient, -np.sin(A) * TA)
    second = ops.jvp(lambda a: ops.jvp(ops.exp, (a,), (TA,))[1], (A,), (TA,))[1]
    np.testing.assert_allclose(second, np.exp(A) * TA * TA)


def test_layers_and_symbolic_tensors():
    dense = layers.Dense(2, "tanh", dtype="float64")
    dense(A)
    found = ops.jvp(dense, (A,), (TA,))[1]
    np.testing.assert_allclose(found, difference(dense, (A,), (TA,)), rtol=1e-6)
    x, t = swiftbn.Input((4,)), swiftbn.Input((4,))
    outputs, derivatives = ops.jvp(lambda y: ops.sum(ops.square(y), axis=-1), (x,), (t,))
    assert outputs.shape == derivatives.shape == (None,)
    model = swiftbn.Model([x, t], derivatives)
    np.testing.assert_allclose(model.predict([A, TA], verbose=0), (2 * A * TA).sum(-1), rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ((3, (A,), (TA,)), TypeError, "expected fun to be a function. Received: fun=3"),
        ((ops.sin, A, (TA,)), TypeError, "expected primals to be a tuple or a list"),
        ((ops.sin, (A,), TA), TypeError, "expected tangents to be a tuple or a list"),
        ((ops.sin, (A,), (TA, TA)), ValueError, "tangents nested as the primals"),
        ((ops.sin, (A,), (TA[0],)), ValueError, r"tangent of shape \(3, 4\), as the primal. Received: shape \(4,\)"),
        ((ops.abs, (np.arange(3),), (np.arange(3),)), TypeError, "primals of a float dtype. Received: dtype int64"),
        ((ops.argmax, (A,), (TA,)), TypeError, "fun to return tensors of a float dtype. Received: dtype int"),
        ((ops.sin, (A,), (TA,), True), TypeError, "has_aux=True"),
    ],
)
def test_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        ops.jvp(*arguments)


def test_names():
    assert ops.linalg.jvp is ops.jvp


@pytest.mark.interop
def test_same_as_keras():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() not in ("tensorflow", "jax"):
        pytest.skip("Keras has it on TensorFlow and JAX")
    a, ta = A.astype("float32"), TA.astype("float32")
    for name in ("tanh", "softmax", "logsumexp"):
        ours = ops.jvp(getattr(ops, name), (a,), (ta,))
        theirs = keras.ops.jvp(
            getattr(keras.ops, name), (keras.ops.convert_to_tensor(a),), (keras.ops.convert_to_tensor(ta),)
        )
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, np.asarray(other), rtol=1e-4, atol=1e-5)
