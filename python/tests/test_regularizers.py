"""Regularizers against NumPy: values, gradients, use in a model, configuration, errors."""

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import Input, Sequential, layers, ops, regularizers

W = np.random.default_rng(4).normal(size=(3, 4))
CASES = [
    (regularizers.L1(0.3), lambda w: 0.3 * np.abs(w).sum(), {"l1": 0.3}),
    (regularizers.L1(), lambda w: 0.01 * np.abs(w).sum(), {"l1": 0.01}),
    (regularizers.L2(0.3), lambda w: 0.3 * (w**2).sum(), {"l2": 0.3}),
    (regularizers.L2(), lambda w: 0.01 * (w**2).sum(), {"l2": 0.01}),
    (regularizers.L1L2(0.3, 0.5), lambda w: 0.3 * np.abs(w).sum() + 0.5 * (w**2).sum(), {"l1": 0.3, "l2": 0.5}),
    (regularizers.L1L2(l1=0.3), lambda w: 0.3 * np.abs(w).sum(), {"l1": 0.3, "l2": 0.0}),
    (regularizers.L1L2(l2=0.5), lambda w: 0.5 * (w**2).sum(), {"l1": 0.0, "l2": 0.5}),
    (regularizers.L1L2(), lambda w: 0.0, {"l1": 0.0, "l2": 0.0}),
]
IDS = [f"{type(case[0]).__name__}-{case[2]}" for case in CASES]


@pytest.mark.parametrize("regularizer, reference, config", CASES, ids=IDS)
def test_values_and_gradients(regularizer, reference, config):
    value = regularizer(W)
    assert value.dtype == "float64" and value.shape == ()
    np.testing.assert_allclose(value, reference(W), rtol=1e-12)
    np.testing.assert_allclose(traced(regularizer, W), reference(W), rtol=1e-12)
    check_gradient(regularizer, W)
    assert regularizer(W.astype("float32")).dtype == "float32"


@pytest.mark.parametrize("regularizer, reference, config", CASES, ids=IDS)
def test_configuration(regularizer, reference, config):
    assert regularizer.get_config() == config
    for copy in (type(regularizer).from_config(config), regularizers.deserialize(regularizers.serialize(regularizer))):
        assert type(copy) is type(regularizer) and copy.get_config() == config


@pytest.mark.parametrize("regularizer, reference, config", CASES, ids=IDS)
def test_in_a_model(regularizer, reference, config):
    model = Sequential([Input((3,)), layers.Dense(4, kernel_regularizer=regularizer, bias_regularizer="l2")])
    model.compile(loss="mse")
    bias = np.arange(4.0)
    model.set_weights([W, bias])
    x = np.ones((2, 3))
    loss = model.evaluate(x, x @ W + bias, verbose=0)
    assert loss == pytest.approx(reference(W) + 0.01 * (bias**2).sum(), rel=1e-5)


def test_names():
    for name, cls in (("l1", "L1"), ("L2", "L2"), ("l1_l2", "L1L2"), ("l1l2", "L1L2")):
        assert type(regularizers.get(name)) is getattr(regularizers, cls)
    assert (regularizers.l1, regularizers.l2, regularizers.l1_l2) == (
        regularizers.L1,
        regularizers.L2,
        regularizers.L1L2,
    )
    assert regularizers.get(ops.sum) is ops.sum and regularizers.get(None) is None


def test_subclasses_have_to_define_their_parts():
    with pytest.raises(NotImplementedError, match="Regularizer has to define __call__"):
        regularizers.Regularizer()(W)
    with pytest.raises(NotImplementedError, match="Regularizer has to define get_config"):
        regularizers.Regularizer().get_config()


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "a", True, [0.1]])
@pytest.mark.parametrize("cls, argument", [("L1", "l1"), ("L2", "l2"), ("L1L2", "l1"), ("L1L2", "l2")])
def test_bad_factors(cls, argument, value):
    with pytest.raises(ValueError) as error:
        getattr(regularizers, cls)(**{argument: value})
    assert str(error.value) == (
        f"{cls}: expected {argument} to be a finite number >= 0. Received: {argument}={value!r}"
    )


def test_unknown_names():
    with pytest.raises(ValueError, match="Unknown regularizer 'l3', expected one of l1"):
        regularizers.get("l3")
    with pytest.raises(ValueError, match="Expected a regularizer.*Received: 0.1"):
        regularizers.get(0.1)


def orthogonal(w, factor, mode):
    rows = w if mode == "rows" else w.T
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.abs(rows @ rows.T)
    return factor * cosines[np.triu_indices(len(rows), 1)].mean()


@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(4, 3), (2, 7), (5, 5)])
def test_orthogonal(mode, shape):
    w = np.random.default_rng(4).normal(size=shape)
    regularizer = regularizers.OrthogonalRegularizer(0.3, mode)
    np.testing.assert_allclose(regularizer(w), orthogonal(w, 0.3, mode), rtol=1e-12)
    check_gradient(regularizer, w)
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert again.get_config() == {"factor": 0.3, "mode": mode}
    assert regularizers.get("orthogonal_regularizer").factor == 0.01


def test_orthogonal_at_the_edges():
    regularizer = regularizers.orthogonal_regularizer(1.0)
    assert regularizer(np.eye(3)) == 0 and np.isnan(regularizer(np.ones((1, 3))))
    np.testing.assert_allclose(regularizer(np.ones((3, 2))), 1.0)
    assert regularizer(np.array([[0.0, 0.0], [1.0, 2.0]])) == 0
    assert np.isnan(regularizer(np.array([[np.nan, 0.0], [1.0, 2.0]])))
    for arguments, text in (
        ((-1,), "factor=-1"),
        ((float("inf"),), "factor=inf"),
        ((1, "diagonal"), "mode='diagonal'"),
    ):
        with pytest.raises(ValueError, match=text):
            regularizers.OrthogonalRegularizer(*arguments)
    with pytest.raises(ValueError, match=r"rank 2.*\(2, 3, 4\)"):
        regularizer(np.ones((2, 3, 4)))
