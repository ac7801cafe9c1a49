"""value_and_grad and grad: values, structure, state, nesting, errors."""

import numpy as np
import pytest
from checks import central_differences

import swiftbn
from swiftbn import Input, Sequential, Variable, grad, layers, ops, value_and_grad

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(5, 3))


def loss(parameters, x):
    hidden = ops.tanh(x @ parameters["w"] + parameters["b"])
    return ops.mean(ops.square(hidden @ parameters["out"][0]))


def make_parameters():
    return {
        "w": RANDOM.normal(size=(3, 4)),
        "out": [RANDOM.normal(size=(4, 1))],
        "b": RANDOM.normal(size=4),
    }


def test_gradients_have_the_structure_of_the_argument():
    parameters = make_parameters()
    value, gradients = value_and_grad(loss)(parameters, X)
    assert np.shape(value) == () and value == pytest.approx(float(loss(parameters, X)))
    assert set(gradients) == set(parameters) and isinstance(gradients["out"], list)
    for name in ("w", "b"):
        expected = central_differences(lambda v, name=name: loss({**parameters, name: v}, X), parameters[name])
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-6, atol=1e-8)
    expected = central_differences(lambda v: loss({**parameters, "out": [v]}, X), parameters["out"][0])
    np.testing.assert_allclose(gradients["out"][0], expected, rtol=1e-6, atol=1e-8)


def test_several_arguments_and_aux():
    def function(a, b, power=2):
        return ops.sum(a**power * b), {"product": a * b}

    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    (value, aux), (da, db) = value_and_grad(function, argnums=(0, 1), has_aux=True)(a, b, power=3)
    assert value == pytest.approx(35)
    np.testing.assert_allclose(aux["product"], a * b)
    np.testing.assert_allclose(da, 3 * a**2 * b)
    np.testing.assert_allclose(db, a**3)
    gradient, aux = grad(function, argnums=-1, has_aux=True)(a, b)
    np.testing.assert_allclose(gradient, a**2)
    assert set(aux) == {"product"}


def test_variables_and_their_updates():
    weight, count = Variable(np.array([2.0, 3.0])), Variable(0.0, trainable=False)

    def function(w, x):
        count.assign_add(1.0)
        return ops.sum(ops.square(w * x))

    x = np.array([1.0, -1.0])
    value, gradient = value_and_grad(function)(weight, x)
    assert value == pytest.approx(13) and float(count) == 1
    np.testing.assert_allclose(gradient, [4.0, 6.0])
    np.testing.assert_array_equal(weight.numpy(), [2.0, 3.0])
    listed = grad(lambda variables, v: function(variables[0], v))([weight], x)
    np.testing.assert_allclose(listed[0], [4.0, 6.0])


def test_gradient_by_the_input_of_a_model():
    model = Sequential([Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    x = X.astype("float32")
    gradient = grad(lambda v: ops.sum(model(v)))(x)
    first, second = model.layers
    hidden = np.tanh(x @ first.kernel.numpy() + first.bias.numpy())
    expected = ((1 - hidden**2) * second.kernel.numpy()[:, 0]) @ first.kernel.numpy().T
    assert gradient.dtype == "float32"
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_second_derivatives():
    x = np.array([1.0, 2.0, -3.0])
    second = grad(lambda v: ops.sum(grad(lambda u: ops.sum(u**4))(v)))(x)
    np.testing.assert_allclose(second, 12 * x**2)


def test_gradient_inside_a_trace_is_that_of_the_inner_function_only():
    def outer(v):
        inner = grad(lambda u: ops.sum(u * u))(v)
        return ops.sum(inner * v)

    np.testing.assert_allclose(grad(outer)(np.array([1.0, 2.0])), [4.0, 8.0])

    def with_closure(v):
        # By u alone, though u and v are the same tensor: the gradient is v.
        return ops.sum(grad(lambda u: ops.sum(u * v))(v) * v)

    np.testing.assert_allclose(grad(with_closure)(np.array([1.0, 2.0])), [2.0, 4.0])


def test_independent_arguments_have_zero_gradients():
    gradient = grad(lambda a, b: ops.sum(a), argnums=1)(X, X)
    np.testing.assert_array_equal(gradient, np.zeros_like(X))
    value, gradient = value_and_grad(lambda a: 3.0)(X)
    assert value == 3.0 and not gradient.any()


def test_python_numbers():
    value, gradient = value_and_grad(lambda x: x * x)(3.0)
    assert value == 9 and gradient == 6


def test_errors():
    with pytest.raises(TypeError, match=r"scalar.*\(5, 3\)"):
        grad(lambda x: x * 2)(X)
    with pytest.raises(TypeError, match="scalar.*bool"):
        grad(lambda x: ops.sum(x) > 0)(X)
    with pytest.raises(TypeError, match="scalar.*None"):
        grad(lambda x: None)(X)
    with pytest.raises(TypeError, match="int32"):
        grad(lambda x: ops.sum(x))(np.array([1, 2], "int32"))
    with pytest.raises(TypeError, match="'a'"):
        grad(lambda x: 1.0)("a")
    with pytest.raises(TypeError, match="has_aux"):
        grad(lambda x: ops.sum(x), has_aux=True)(X)
    with pytest.raises(ValueError, match="argnums=2"):
        grad(lambda x: ops.sum(x), argnums=2)(X)
    with pytest.raises(TypeError, match="KerasTensor"):
        grad(lambda x: ops.sum(x))(Input((3,)))


def test_nothing_changes_when_the_function_fails():
    count = Variable(0.0, trainable=False)

    def function(x):
        count.assign_add(1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        grad(function)(X)
    assert float(count) == 0
    assert swiftbn.trace.current_trace() is None


def test_training_by_hand_with_an_optimizer():
    weight = Variable(np.zeros((3, 1)))
    target = X @ np.array([[1.0], [2.0], [3.0]])
    step = value_and_grad(lambda w: ops.mean(ops.square(X @ w - target)))
    optimizer = swiftbn.optimizers.Adam(0.1)
    first, _ = step(weight)
    for _ in range(300):
        value, gradient = step(weight)
        optimizer.apply([gradient], [weight])
    assert value < 1e-3 * first and int(optimizer.iterations) == 300
