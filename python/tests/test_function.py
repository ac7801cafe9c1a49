"""`Function`: computations between symbolic tensors; `SymbolicScope`."""

import threading

import numpy as np
import pytest

import swiftbn
from swiftbn import Function, Input, KerasTensor, layers, ops
from swiftbn.symbolic_scope import SymbolicScope, in_symbolic_scope

X = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")


def test_arithmetic():
    a, b = KerasTensor((None, 3)), KerasTensor((None, 3))
    function = Function([a, b], ops.sigmoid(a + 2 * b), name="mix")
    assert function.name == "mix" and function.inputs == [a, b] and len(function.operations) == 3
    np.testing.assert_allclose(function([X, 2 * X]), 1 / (1 + np.exp(-5 * X)), rtol=1e-6)
    assert function([X[:0], X[:0]]).shape == (0, 3)
    assert function.compute_output_shape([(7, 3), (7, 3)]) == (7, 3)


def test_nested_structures():
    a, b = KerasTensor((None, 3)), KerasTensor((3,), dtype="int32")
    function = Function({"a": a, "rest": [b]}, (a, {"sum": ops.sum(a, axis=1), "twice": b * 2}))
    same, others = function({"a": X, "rest": [np.arange(3, dtype="int32")]})
    np.testing.assert_array_equal(same, X)
    np.testing.assert_allclose(others["sum"], X.sum(1), rtol=1e-6)
    assert others["twice"].tolist() == [0, 2, 4] and others["twice"].dtype == np.int32
    shapes = function.compute_output_shape({"a": (5, 3), "rest": [(3,)]})
    assert shapes == ((5, 3), {"sum": (5,), "twice": (3,)})


def test_a_part_of_a_model():
    inputs = Input((3,))
    hidden = layers.Dense(4, "relu")(inputs)
    dense = layers.Dense(2)
    outputs = dense(hidden)
    model = swiftbn.Model(inputs, outputs)
    head = Function(hidden, outputs)
    assert head.operations == [dense] and head.outputs == [outputs]
    values = np.abs(np.random.default_rng(0).normal(size=(5, 4))).astype("float32")
    np.testing.assert_allclose(head(values), dense(values), rtol=1e-6)
    np.testing.assert_allclose(Function(inputs, [hidden, outputs])(X)[1], model(X), rtol=1e-6)


def test_of_symbolic_tensors_and_in_compiled_code():
    a = KerasTensor((None, 3))
    function = Function(a, ops.exp(a))
    x = Input((3,))
    y = function(x)
    assert y.shape == (None, 3)
    np.testing.assert_allclose(swiftbn.Model(x, y).predict(X, verbose=0), np.exp(X), rtol=1e-5)
    np.testing.assert_allclose(swiftbn.jit(function)(X), np.exp(X), rtol=1e-6)
    gradient = swiftbn.grad(lambda v: ops.sum(function(v)))(X)
    np.testing.assert_allclose(gradient, np.exp(X), rtol=1e-6)


def make(inputs, outputs):
    return lambda: Function(inputs, outputs)


A, B = KerasTensor((None, 3)), KerasTensor((None, 3))
SUM = A + B


@pytest.mark.parametrize(
    "function, text",
    [
        (make([], SUM), r"expected inputs to be KerasTensors. Received: inputs=\[\]"),
        (make(A, []), r"expected outputs to be KerasTensors. Received: outputs=\[\]"),
        (make(X, SUM), "expected inputs to be KerasTensors"),
        (make(A, SUM), "Function: .* is neither an input nor made by a layer"),
        (make(Input((3,), name="one"), Input((3,), name="two")), "depend on input 'two', which is not among"),
        (lambda: Function([A, B], SUM)(X), "expected inputs nested as"),
        (lambda: Function([A, B], SUM)([X]), "expected inputs nested as"),
        (lambda: Function([A, B], SUM)([X, X[0]]), r"expected shape \(None, 3\) for input .* Received: shape \(3,\)"),
        (lambda: Function([A, B], SUM)([X, X[:, :2]]), r"Received: shape \(2, 2\)"),
    ],
)
def test_errors(function, text):
    with pytest.raises(ValueError, match=text):
        function()


class Lossy(layers.Layer):
    def call(self, x):
        self.add_loss(ops.sum(x))
        return x


def test_symbolic_scope_keeps_losses_out():
    assert swiftbn.SymbolicScope is SymbolicScope and not in_symbolic_scope()
    with swiftbn.StatelessScope(collect_losses=True) as scope:
        with SymbolicScope() as outer:
            assert isinstance(outer, SymbolicScope)
            with SymbolicScope():
                Lossy()(X)
            assert in_symbolic_scope()
            Lossy()(X)
            seen = []
            thread = threading.Thread(target=lambda: seen.append(in_symbolic_scope()))
            thread.start()
            thread.join()
        assert scope.losses == [] and seen == [False]
        Lossy()(X)
    np.testing.assert_allclose(scope.losses, [X.sum()], rtol=1e-6)
    with pytest.raises(RuntimeError), SymbolicScope():
        raise RuntimeError
    assert not in_symbolic_scope()


@pytest.mark.interop
def test_same_as_keras():
    keras = pytest.importorskip("keras")

    def make(package):
        a, b = package.KerasTensor((None, 3)), package.KerasTensor((None, 3))
        return package.Function({"a": a, "b": b}, [package.ops.tanh(a - b), a])

    ours, theirs = make(swiftbn), make(keras)
    given = {"a": X, "b": 2 * X}
    for mine, other in zip(
        ours(given), theirs({k: keras.ops.convert_to_tensor(v) for k, v in given.items()}), strict=True
    ):
        np.testing.assert_allclose(mine, np.asarray(other), rtol=1e-5)
    shapes = {"a": (4, 3), "b": (4, 3)}
    assert ours.compute_output_shape(shapes) == theirs.compute_output_shape(shapes)
    with SymbolicScope(), keras.SymbolicScope():
        pass
