"""Activations against NumPy: values at all magnitudes, gradients, names, errors."""

import math

import numpy as np
import pytest
from checks import check_gradient, traced

import swiftbn
from swiftbn import Input, Sequential, activations, layers, ops

X = np.array([[-30.0, -7.5, -3.1, -2.0, -0.7, -1e-3], [0.2, 0.9, 2.5, 3.5, 6.5, 40.0]])
ERF = np.vectorize(math.erf)


def sigmoid(x):
    return np.where(x > 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def relu(x, slope=0.0, top=np.inf, threshold=0.0):
    return np.where(x >= top, top, np.where(x >= threshold, x, slope * (x - threshold)))


def sparsemax(x, axis=-1):
    """By sorting, one row at a time."""
    moved = np.moveaxis(x, axis, -1)
    rows = []
    for row in moved.reshape(-1, moved.shape[-1]):
        z = np.sort(row)[::-1]
        support = np.arange(1, len(z) + 1) * z + 1 > np.cumsum(z)
        size = support.sum()
        rows.append(np.maximum(row - (z[:size].sum() - 1) / size, 0))
    return np.moveaxis(np.reshape(rows, moved.shape), -1, axis)


ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
CASES = {
    "celu": ({}, elu),
    "celu of alpha": ({"alpha": 0.3}, lambda x: np.maximum(x, 0) + 0.3 * np.expm1(np.minimum(x, 0) / 0.3)),
    "glu": ({}, lambda x: x[:, :3] * sigmoid(x[:, 3:])),
    "glu of axis": ({"axis": 0}, lambda x: x[:1] * sigmoid(x[1:])),
    "hard_shrink": ({}, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "hard_shrink of threshold": ({"threshold": 2.2}, lambda x: np.where(np.abs(x) > 2.2, x, 0)),
    "hard_silu": ({}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "hard_tanh": ({}, lambda x: np.clip(x, -1, 1)),
    "log_sigmoid": ({}, lambda x: -softplus(-x)),
    "soft_shrink": ({}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "soft_shrink of threshold": ({"threshold": 2.2}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 2.2, 0)),
    "sparse_plus": ({}, lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x))),
    "sparse_sigmoid": ({}, lambda x: np.clip((x + 1) / 2, 0, 1)),
    "sparsemax": ({}, sparsemax),
    "sparsemax of axis": ({"axis": 0}, lambda x: sparsemax(x, 0)),
    "squareplus": ({}, lambda x: (x + np.sqrt(x * x + 4)) / 2),
    "squareplus of b": ({"b": 0.1}, lambda x: (x + np.sqrt(x * x + 0.1)) / 2),
    "tanh_shrink": ({}, lambda x: x - np.tanh(x)),
    "threshold": ({"threshold": 0.5, "default_value": 7.0}, lambda x: np.where(x > 0.5, x, 7)),
    "elu": ({}, elu),
    "elu of alpha": ({"alpha": 0.3}, lambda x: elu(x, 0.3)),
    "exponential": ({}, np.exp),
    "gelu": ({}, lambda x: x * (1 + ERF(x / math.sqrt(2))) / 2),
    "gelu approximate": (
        {"approximate": True},
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    ),
    "hard_sigmoid": ({}, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "leaky_relu": ({}, lambda x: relu(x, 0.2)),
    "leaky_relu of slope": ({"negative_slope": 0.5}, lambda x: relu(x, 0.5)),
    "linear": ({}, lambda x: x),
    "log_softmax": (
        {},
        lambda x: x - x.max(-1, keepdims=True) - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)),
    ),
    "mish": ({}, lambda x: x * np.tanh(softplus(x))),
    "relu": ({}, relu),
    "relu of slope": ({"negative_slope": 0.1}, lambda x: relu(x, 0.1)),
    "relu of top": ({"max_value": 3.0}, lambda x: relu(x, 0, 3.0)),
    "relu of all": (
        {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5},
        lambda x: relu(x, 0.1, 3.0, 0.5),
    ),
    "relu6": ({}, lambda x: np.clip(x, 0, 6)),
    "selu": ({}, lambda x: SCALE * elu(x, ALPHA)),
    "sigmoid": ({}, sigmoid),
    "silu": ({}, lambda x: x * sigmoid(x)),
    "softmax": ({}, softmax),
    "softmax of axis": ({"axis": 0}, lambda x: softmax(x, 0)),
    "softplus": ({}, softplus),
    "softsign": ({}, lambda x: x / (1 + np.abs(x))),
    "tanh": ({}, np.tanh),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    arguments, reference = CASES[name]
    function = getattr(activations, name.split()[0])
    np.testing.assert_allclose(function(X, **arguments), reference(X), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(traced(lambda x: function(x, **arguments), X), reference(X), rtol=1e-11, atol=1e-13)
    single = function(X.astype("float32"), **arguments)
    assert single.dtype == "float32"
    np.testing.assert_allclose(single, reference(X), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    arguments, _ = CASES[name]
    function = getattr(activations, name.split()[0])
    check_gradient(lambda x: function(x, **arguments), np.clip(X, -8, 8))


def test_squareplus_does_not_cancel():
    y = activations.squareplus(np.array([-3e4, -1e3, 0.0], "float32"))
    np.testing.assert_allclose(y, [2 / (3e4 + np.sqrt(9e8 + 4)), 2 / (1e3 + np.sqrt(1e6 + 4)), 1], rtol=1e-6)
    assert activations.squareplus(np.array([0.0, 2.0]), b=0).tolist() == [0, 2]


SMOOTH = [
    "celu",
    "elu",
    "gelu",
    "gelu approximate",
    "mish",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "squareplus",
    "tanh",
]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_of_smooth_functions_at_zero(name):
    """Also where the formula has branches that meet there."""
    arguments, _ = CASES[name]
    function = getattr(activations, name.split()[0])
    check_gradient(lambda x: function(x, **arguments), np.zeros((2, 3)), tolerance=2e-5)


SATURATING = [
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "elu",
    "selu",
    "gelu",
    "mish",
    "softmax",
    "log_softmax",
    "softsign",
]


@pytest.mark.parametrize("name", SATURATING)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_inputs_stay_finite(name, dtype):
    function = getattr(activations, name)
    x = np.array([[-1e4, 0.0, 1e4]], dtype)
    found = function(x)
    assert np.isfinite(found).all()
    ends = {
        "sigmoid": (0, 1),
        "tanh": (-1, 1),
        "softplus": (0, 1e4),
        "silu": (0, 1e4),
        "elu": (-1, 1e4),
        "selu": (-SCALE * ALPHA, SCALE * 1e4),
        "gelu": (0, 1e4),
        "mish": (0, 1e4),
        "softmax": (0, 1),
        "log_softmax": (-2e4, 0),
        "softsign": (-1e4 / 10001, 1e4 / 10001),
    }[name]
    np.testing.assert_allclose(found[0, [0, 2]], ends, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in CASES} - {"linear"}))
def test_undefined_inputs_stay_undefined(name):
    arguments = CASES[name][0]
    assert np.isnan(getattr(activations, name)(np.array([[np.nan, np.nan]]), **arguments)).all()


def test_sparsemax_of_ties_and_points():
    """Equal elements share, a point of the simplex stays, a row far from it becomes a corner."""
    x = np.array([[1.0, 1.0, 0.0], [0.2, 0.5, 0.3], [30.0, 0.0, -30.0], [0.0, 0.0, 0.0]])
    y = activations.sparsemax(x)
    np.testing.assert_allclose(y, [[0.5, 0.5, 0], [0.2, 0.5, 0.3], [1, 0, 0], [1 / 3] * 3], atol=1e-15)
    random = np.random.default_rng(0).normal(size=(40, 9))
    np.testing.assert_allclose(activations.sparsemax(random), sparsemax(random), atol=1e-14)
    check_gradient(activations.sparsemax, random[:3])


def test_names():
    for name in {name.split()[0] for name in CASES}:
        function = getattr(activations, name)
        assert activations.get(name) is function and activations.get(function) is function
        assert activations.serialize(function) == name
        assert activations.deserialize(name) is function
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get("swish") is activations.silu and activations.serialize(activations.silu) == "silu"
    assert activations.get(None) is activations.linear


BAD = [
    (lambda: activations.get("reluu"), "Unknown activation 'reluu', expected one of celu, elu"),
    (lambda: activations.get(3), "Expected an activation.*Received: 3"),
    (lambda: activations.softmax(X, axis=4), "softmax: .*axis=4"),
    (lambda: activations.log_softmax(X, axis=1.5), r"log_softmax: .*axis=1\.5"),
    (lambda: activations.glu(X[:, :5]), r"glu: expected an even extent on axis 1.*\(2, 5\)"),
    (lambda: activations.relu(X, negative_slope=-1), "negative_slope=-1"),
    (lambda: activations.relu(X, max_value=-1), "max_value=-1"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()


@pytest.mark.parametrize("name", ["gelu", "mish", "sigmoid", "silu", "softplus", "tanh", "log_sigmoid"])
def test_second_derivatives(name):
    """Their gradients are operations of their own, whose gradients are made of elementary ones."""
    x = np.random.default_rng(3).uniform(-3, 3, (3, 5))

    def slope(x):
        return swiftbn.grad(lambda x: ops.sum(ops.square(getattr(activations, name)(x))))(x)

    check_gradient(slope, x)
    check_gradient(lambda x: swiftbn.grad(lambda x: ops.sum(ops.square(slope(x))))(x), x, tolerance=1e-5)


def test_second_derivative_of_approximate_gelu():
    x = np.random.default_rng(4).uniform(-3, 3, (3, 5))
    check_gradient(lambda x: swiftbn.grad(lambda x: ops.sum(activations.gelu(x, approximate=True)))(x), x)


@pytest.mark.parametrize("name", ["gelu", "mish", "silu", "softplus"])
def test_a_training_step_has_one_step_for_the_gradient(name):
    model = Sequential([Input((3,)), layers.Dense(2, activation=name), layers.Dense(1)])
    model.compile("sgd", "mse")
    summary = []
    model.plan_summary(np.ones((2, 3)), np.ones((2, 1)), print_fn=summary.append)
    assert f"{name}_gradient" in "".join(summary)
