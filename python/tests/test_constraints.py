"""Constraints against NumPy: values, use in training, configuration, errors."""

import numpy as np
import pytest
from checks import traced

from swiftbn import Input, Sequential, constraints, layers, optimizers

RANDOM = np.random.default_rng(4)
W = RANDOM.normal(0, 2, size=(3, 4))
KERNEL = RANDOM.normal(0, 2, size=(2, 3, 4, 5))


def norms(w, axis):
    return np.sqrt((w**2).sum(tuple(axis) if isinstance(axis, list) else axis, keepdims=True))


def max_norm(w, limit, axis):
    n = norms(w, axis)
    return w * np.minimum(n, limit) / (n + 1e-7)


def min_max_norm(w, low, high, rate, axis):
    n = norms(w, axis)
    return w * (rate * np.clip(n, low, high) + (1 - rate) * n) / (n + 1e-7)


CASES = [
    (constraints.MaxNorm(), lambda w: max_norm(w, 2, 0), {"max_value": 2, "axis": 0}),
    (constraints.MaxNorm(0.5, axis=1), lambda w: max_norm(w, 0.5, 1), {"max_value": 0.5, "axis": 1}),
    (
        constraints.MaxNorm(1.5, axis=[0, 1]),
        lambda w: max_norm(w, 1.5, [0, 1]),
        {"max_value": 1.5, "axis": [0, 1]},
    ),
    (constraints.NonNeg(), lambda w: np.maximum(w, 0), {}),
    (constraints.UnitNorm(), lambda w: w / (norms(w, 0) + 1e-7), {"axis": 0}),
    (constraints.UnitNorm(axis=(0, -1)), lambda w: w / (norms(w, [0, -1]) + 1e-7), {"axis": [0, -1]}),
    (
        constraints.MinMaxNorm(),
        lambda w: min_max_norm(w, 0, 1, 1, 0),
        {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
    ),
    (
        constraints.MinMaxNorm(2.5, 3.0, 0.4, 1),
        lambda w: min_max_norm(w, 2.5, 3.0, 0.4, 1),
        {"min_value": 2.5, "max_value": 3.0, "rate": 0.4, "axis": 1},
    ),
]
IDS = [f"{type(case[0]).__name__}-{case[2]}" for case in CASES]


@pytest.mark.parametrize("constraint, reference, config", CASES, ids=IDS)
@pytest.mark.parametrize("w", [W, KERNEL], ids=["matrix", "kernel"])
def test_values(constraint, reference, config, w):
    np.testing.assert_allclose(constraint(w), reference(w), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(traced(constraint, w), reference(w), rtol=1e-12, atol=1e-12)
    assert constraint(w.astype("float32")).dtype == "float32"
    zeros = np.zeros((2, 2, 2, 2))
    np.testing.assert_array_equal(constraint(zeros), zeros)


@pytest.mark.parametrize("constraint, reference, config", CASES, ids=IDS)
def test_configuration(constraint, reference, config):
    assert constraint.get_config() == config
    for copy in (type(constraint).from_config(config), constraints.deserialize(constraints.serialize(constraint))):
        assert type(copy) is type(constraint) and copy.get_config() == config


@pytest.mark.parametrize("constraint, reference, config", CASES, ids=IDS)
def test_in_training(constraint, reference, config):
    """One step: the updated kernel, constrained."""
    kernel, x, y = W.astype("float32"), RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(5, 4))
    model = Sequential([Input((3,)), layers.Dense(4, use_bias=False, kernel_constraint=constraint)])
    model.compile(optimizers.SGD(0.125), loss="mse")
    model.set_weights([kernel])
    model.train_on_batch(x, y)
    updated = kernel - 0.125 * 2 / y.size * x.T @ (x @ kernel - y)
    np.testing.assert_allclose(model.get_weights()[0], reference(updated), rtol=1e-4, atol=1e-5)


def test_names():
    for name in ("MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"):
        cls = getattr(constraints, name)
        snake = {"MaxNorm": "max_norm", "NonNeg": "non_neg", "UnitNorm": "unit_norm", "MinMaxNorm": "min_max_norm"}[
            name
        ]
        assert type(constraints.get(name)) is type(constraints.get(snake)) is cls
        assert getattr(constraints, snake) is cls
    assert constraints.get(None) is None and constraints.get(np.abs) is np.abs


BAD = [
    (lambda: constraints.MaxNorm("a"), "MaxNorm: expected max_value to be a finite number >= 0.*max_value='a'"),
    (lambda: constraints.MaxNorm(-1), "max_value=-1"),
    (lambda: constraints.MaxNorm(axis=0.5), r"MaxNorm: expected axis to be an integer.*axis=0\.5"),
    (lambda: constraints.UnitNorm(axis=[0, "x"]), "UnitNorm: expected axis .*axis='x'"),
    (lambda: constraints.UnitNorm(axis=None), "axis=None"),
    (lambda: constraints.UnitNorm(axis=5)(W), "axis=5"),
    (lambda: constraints.MinMaxNorm(2.0, 1.0), r"MinMaxNorm: expected max_value .*>= 2.*max_value=1\.0"),
    (lambda: constraints.MinMaxNorm(-1.0), r"min_value=-1\.0"),
    (lambda: constraints.MinMaxNorm(rate=1.5), r"rate to be a finite number >= 0 and <= 1.*rate=1\.5"),
    (lambda: constraints.get("maxnorm"), "Unknown constraint 'maxnorm', expected one of max_norm"),
    (lambda: constraints.get(2), "Expected a constraint.*Received: 2"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()


def test_subclasses_have_to_define_their_parts():
    with pytest.raises(NotImplementedError, match="Constraint has to define __call__"):
        constraints.Constraint()(W)
