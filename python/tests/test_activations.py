"""Activation functions and utilities against NumPy."""

import math

import numpy as np
import pytest

import swiftbn
from swiftbn import activations, utils

X = np.concatenate([np.linspace(-8, 8, 41), [-60.0, 60.0, 0.0]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf)(x)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "exponential": np.exp,
    "linear": lambda x: x,
    "softmax": lambda x: softmax(x),
    "log_softmax": lambda x: np.log(softmax(x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype,tolerance", [("float32", 5e-6), ("float64", 1e-12)])
def test_values(name, dtype, tolerance):
    x = (X[:36] if name in ("log_softmax", "softmax") else X).astype(dtype)
    x = x.reshape(4, -1)
    expected = FUNCTIONS[name](x.astype("float64"))
    for function in (getattr(activations, name), activations.get(name)):
        y = np.asarray(function(x))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name):
    x = np.linspace(-3, 3, 24).reshape(4, 6) + 0.017
    weights = np.cos(np.arange(24)).reshape(4, 6)
    function = getattr(activations, name)
    gradient = swiftbn.grad(lambda v: swiftbn.ops.sum(function(v) * weights))(x)
    step = 1e-6
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        expected = ((np.asarray(function(up)) - np.asarray(function(down))) * weights).sum() / (2 * step)
        assert gradient[index] == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_parameters():
    np.testing.assert_allclose(
        activations.relu(X, negative_slope=0.1, max_value=4.0, threshold=1.0),
        np.where(X >= 4, 4, np.where(X >= 1, X, 0.1 * (X - 1))),
        rtol=1e-6,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        activations.gelu(X, approximate=True),
        0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))),
        rtol=1e-6,
        atol=1e-6,
    )
    np.testing.assert_allclose(activations.leaky_relu(X, negative_slope=0.4), np.where(X > 0, X, 0.4 * X))
    x = X[:40].reshape(2, 5, 4)
    moved = np.moveaxis(softmax(np.moveaxis(x, 1, -1)), -1, 1)
    np.testing.assert_allclose(activations.softmax(x, axis=1), moved, rtol=1e-6)


def test_names():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.serialize(activations.relu) == "relu"
    assert activations.deserialize("relu") is activations.relu
    assert activations.get(np.sin) is np.sin
    with pytest.raises(ValueError, match="Unknown activation 'rely', expected one of"):
        activations.get("rely")
    own = activations.deserialize("double", custom_objects={"double": lambda x: 2 * x})
    assert own(3) == 6


# Utilities


@pytest.mark.parametrize("labels", [[0, 2, 1], np.array([[0], [2], [1]]), np.array([0.0, 2.0, 1.0])])
def test_to_categorical(labels):
    np.testing.assert_array_equal(utils.to_categorical(labels), np.eye(3)[[0, 2, 1]])
    assert utils.to_categorical(labels, 5).shape == (3, 5)


def test_to_categorical_of_any_shape():
    labels = np.array([[1, 0], [2, 2]])
    np.testing.assert_array_equal(utils.to_categorical(labels, 3), np.eye(3)[labels])
    assert utils.to_categorical(np.zeros((0,), "int64"), 4).shape == (0, 4)


@pytest.mark.parametrize(
    "call,text",
    [
        (lambda: utils.to_categorical([0, 3], 3), "0 … 2.*from 0 to 3"),
        (lambda: utils.to_categorical([-1, 1]), "-1"),
        (lambda: utils.to_categorical([0.5, 1]), "fractions"),
        (lambda: utils.to_categorical([float("nan")]), "NaN"),
        (lambda: utils.to_categorical(["cat"]), "class numbers.*dtype"),
        (lambda: utils.to_categorical([0], num_classes=1.5), "num_classes.*1.5"),
        (lambda: utils.set_random_seed(-1), "seed=-1"),
        (lambda: utils.set_random_seed("one"), "seed='one'"),
    ],
)
def test_bad_arguments(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_set_random_seed_seeds_everything():
    import random

    def draw():
        utils.set_random_seed(7)
        return random.random(), np.random.rand(), np.asarray(swiftbn.random.normal((3,))).tolist()

    assert draw() == draw()


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]])
