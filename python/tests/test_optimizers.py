"""Optimizers against Keras' formulas in NumPy float64: decay, clipping, learning rates, state, configuration."""

import warnings

import numpy as np
import pytest
from optimizer_formulas import CASES, adam, sgd

from swiftbn import Input, Sequential, Variable, constraints, layers, optimizers

RANDOM = np.random.default_rng(9)
STEPS = 6
SHAPES = [(3, 2), (4,)]
STARTS = [RANDOM.normal(size=shape) for shape in SHAPES]
GRADS = [[RANDOM.normal(size=shape) for shape in SHAPES] for _ in range(STEPS)]

IDS = [f"{cls.__name__} {arguments}" for cls, _, arguments in CASES]
RATE = 0.0625  # exact in float32


def variables(dtype="float64"):
    return [Variable(start.copy(), dtype=dtype, name=f"w{i}") for i, start in enumerate(STARTS)]


def run(optimizer, weights=None, grads=GRADS):
    weights = weights or variables()
    for step in grads:
        optimizer.apply(step, weights)
    return [w.numpy() for w in weights]


def of_formula(arguments):
    return {name: value for name, value in arguments.items() if not name.endswith("weight_decay")}


def expected(formula, arguments, grads=GRADS, rate=lambda step: RATE, decay=0.0):
    arguments = of_formula(arguments)
    weights, states = [w.copy() for w in STARTS], [{"start": w} for w in STARTS]
    for t, step in enumerate(grads):
        for i, g in enumerate(step):
            shrunk = weights[i] - weights[i] * decay * rate(t)
            weights[i] = formula(shrunk, g, states[i], t + 1, rate(t), **arguments)
    return weights


def check(found, wanted, rtol=1e-12):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("cls, formula, arguments", CASES, ids=IDS)
def test_steps(cls, formula, arguments):
    optimizer = cls(RATE, **arguments)
    check(run(optimizer), expected(formula, arguments), 1e-10)
    assert int(optimizer.iterations.numpy()) == STEPS and optimizer.iterations.dtype == "int64"
    check(run(cls(RATE, **arguments), variables("float32")), expected(formula, arguments), 2e-5)


@pytest.mark.parametrize("cls, formula, arguments", CASES, ids=IDS)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-12)])
def test_weights_of_any_size(cls, formula, arguments, dtype, tolerance):
    """Nothing, numbers without axes, remainders of vectors, and more than one thread's share."""
    for shape in ((), (0,), (1,), (7,), (33,), (3, 1, 17), (70_001,)):
        start, gradient = RANDOM.normal(size=shape), RANDOM.normal(size=shape)
        weight, state, wanted = Variable(start.copy(), dtype=dtype), {}, start
        optimizer = cls(RATE, **arguments)
        for t in (1, 2):
            optimizer.apply([gradient], [weight])
            wanted = formula(wanted, gradient, state, t, RATE, **of_formula(arguments))
        np.testing.assert_allclose(weight.numpy(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("cls, formula, arguments", CASES, ids=IDS)
def test_weight_decay(cls, formula, arguments):
    decays = {name: 0.3 for name in ("weight_decay", "adam_weight_decay") if name in {**arguments, "weight_decay": 0}}
    optimizer = cls(RATE, **{**arguments, **decays})
    check(run(optimizer), expected(formula, arguments, decay=0.3), 1e-10)


def test_adamw_decays_by_itself():
    check(run(optimizers.AdamW(RATE)), expected(adam, {}, decay=0.004), 1e-10)


@pytest.mark.parametrize("cls, formula", [(optimizers.SGD, sgd), (optimizers.AdamW, adam)])
def test_weights_can_be_excluded_from_decay(cls, formula):
    optimizer, weights = cls(RATE, weight_decay=0.3), variables()
    optimizer.exclude_from_weight_decay(var_list=[weights[1]])
    found = run(optimizer, weights)
    check(found[:1], expected(formula, {}, decay=0.3)[:1], 1e-10)
    check(found[1:], expected(formula, {})[1:], 1e-10)
    with pytest.raises(ValueError, match="built"):
        optimizer.exclude_from_weight_decay(var_list=[])
    with pytest.raises(ValueError, match="expected var_names to be a list of strings.*var_names='bias'"):
        cls().exclude_from_weight_decay(var_names="bias")


@pytest.mark.parametrize("cls, formula", [(optimizers.SGD, sgd), (optimizers.AdamW, adam)])
def test_weights_can_be_excluded_from_decay_by_name(cls, formula):
    optimizer, weights = cls(RATE, weight_decay=0.3), variables()
    optimizer.exclude_from_weight_decay(var_names=["bias", "[0-9]*0$"])
    found = run(optimizer, weights)
    check(found[:1], expected(formula, {})[:1], 1e-10)
    check(found[1:], expected(formula, {}, decay=0.3)[1:], 1e-10)


def length(arrays):
    return np.sqrt(sum((a**2).sum() for a in arrays))


CLIPPED = [
    ("clipvalue", 0.4, lambda step: [np.clip(g, -0.4, 0.4) for g in step]),
    ("clipnorm", 1.5, lambda step: [g * min(1, 1.5 / length([g])) for g in step]),
    ("global_clipnorm", 1.5, lambda step: [g * min(1, 1.5 / length(step)) for g in step]),
    ("global_clipnorm", 100.0, lambda step: step),
    ("clipvalue", 0.0, lambda step: step),
    ("clipnorm", 0.0, lambda step: step),
    ("global_clipnorm", 0.0, lambda step: step),
]


@pytest.mark.parametrize("argument, value, clip", CLIPPED, ids=[f"{c[0]}={c[1]}" for c in CLIPPED])
@pytest.mark.parametrize("cls, formula", [(optimizers.SGD, sgd), (optimizers.Adam, adam)])
def test_clipping(cls, formula, argument, value, clip):
    optimizer = cls(RATE, **{argument: value})
    check(run(optimizer), expected(formula, {}, [clip(step) for step in GRADS]), 1e-10)


@pytest.mark.parametrize("argument", ["clipnorm", "global_clipnorm"])
def test_clipping_of_zero_and_infinite_gradients(argument):
    zeros = [[np.zeros(shape) for shape in SHAPES]]
    check(run(optimizers.SGD(RATE, **{argument: 1.0}), grads=zeros), STARTS)
    endless = [[np.full(SHAPES[0], np.inf), np.ones(SHAPES[1])]]
    first, second = run(optimizers.SGD(RATE, **{argument: 1.0}), grads=endless)
    assert np.isnan(first).all()
    assert np.isnan(second).all() == (argument == "global_clipnorm")


def test_constraints_are_applied_after_the_update():
    weight = Variable(np.array([1.0, 1.0]))
    weight.constraint = constraints.NonNeg()
    optimizers.SGD(1.0).apply([np.array([3.0, 0.5])], [weight])
    np.testing.assert_array_equal(weight.numpy(), [0, 0.5])


def test_learning_rate_is_assigned_in_the_middle():
    optimizer, weights = optimizers.SGD(RATE), variables()
    run(optimizer, weights, GRADS[:3])
    optimizer.learning_rate = 0.25
    found = run(optimizer, weights, GRADS[3:])
    check(found, expected(sgd, {}, rate=lambda t: RATE if t < 3 else 0.25))
    assert float(optimizer.learning_rate) == 0.25
    for value in (np.float32(0.5), np.array(0.5), Variable(np.array(0.5))):
        optimizer.learning_rate = value
        assert float(optimizer.learning_rate) == 0.5


def test_learning_rate_is_assigned_between_fits():
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.25), loss="mse")
    x, y = np.array([[1.0, 0.0]]), np.array([[2.0]])
    model.fit(x, y, verbose=0)
    assert model.get_weights()[0][0] == 1.0
    model.optimizer.learning_rate = 0.125
    model.fit(x, y, verbose=0)
    assert model.get_weights()[0][0] == 1.25
    assert int(model.optimizer.iterations.numpy()) == 2


def test_variables_without_gradients_stay():
    optimizer, weights = optimizers.Adam(RATE), variables()
    optimizer.build(weights)
    with pytest.warns(UserWarning, match="no gradients for w1"):
        optimizer.apply([GRADS[0][0], None], weights)
    np.testing.assert_array_equal(weights[1].numpy(), STARTS[1])
    check([weights[0].numpy()], expected(adam, {}, GRADS[:1])[:1], 1e-10)
    with pytest.raises(ValueError, match="there are no gradients for w0, w1"):
        optimizer.apply([None, None], weights)
    assert int(optimizer.iterations.numpy()) == 1


def test_pairs_of_gradients_and_variables():
    optimizer, weights = optimizers.SGD(RATE), variables()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.apply_gradients(zip(GRADS[0], weights, strict=True))
        optimizer.apply([])
    check([w.numpy() for w in weights], expected(sgd, {}, GRADS[:1]))
    optimizer.apply(GRADS[1])
    check([w.numpy() for w in weights], expected(sgd, {}, GRADS[:2]))


def test_gradients_that_do_not_fit_change_nothing():
    optimizer, weights = optimizers.SGD(RATE), variables()
    with pytest.raises(ValueError, match="expected variables, or build"):
        optimizer.apply(GRADS[0])
    with pytest.raises(ValueError, match="expected 2 gradients. Received: 1"):
        optimizer.apply(GRADS[0][:1], weights)
    with pytest.raises(ValueError, match=r"shape \(4,\) for w1. Received: shape \(5,\)"):
        optimizer.apply([GRADS[0][0], np.ones(5)], weights)
    with pytest.raises(ValueError, match="built for other variables. Received: other"):
        optimizer.apply([np.ones(2)], [Variable(np.ones(2), name="other")])
    for weight, start in zip(weights, STARTS, strict=True):
        np.testing.assert_array_equal(weight.numpy(), start)
    assert int(optimizer.iterations.numpy()) == 0


def test_names_of_the_state():
    optimizer = optimizers.Adam(amsgrad=True, name="adam")
    optimizer.build(variables())
    slots = ["w0_momentum", "w0_velocity", "w1_momentum", "w1_velocity", "w0_velocity_hat", "w1_velocity_hat"]
    paths = ["iteration", "learning_rate", *slots]
    assert [v.path for v in optimizer.variables] == [f"adam/{path}" for path in paths]
    assert not any(v.trainable for v in optimizer.variables)


@pytest.mark.parametrize("cls, formula, arguments", CASES, ids=IDS)
def test_configuration_and_state(cls, formula, arguments):
    optimizer = cls(RATE, **arguments, clipnorm=2.0, name="mine")
    config = optimizer.get_config()
    assert {**config, **arguments, "learning_rate": RATE, "clipnorm": 2.0, "name": "mine"} == config
    copy = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(copy) is cls and copy.get_config() == config == cls.from_config(config).get_config()
    weights = variables()
    run(optimizer, weights, GRADS[:3])
    others = [Variable(w.numpy().copy(), name=f"w{i}") for i, w in enumerate(weights)]
    store = {}
    optimizer.save_own_variables(store)
    copy.build(others)
    copy.load_own_variables({key: np.array(value) for key, value in store.items()})
    check(run(copy, others, GRADS[3:]), run(optimizer, weights, GRADS[3:]), 0)


def test_state_that_does_not_fit_is_refused():
    optimizer = optimizers.SGD(momentum=0.5)
    optimizer.build(variables())
    store = {"0": np.array(3), "1": np.array(0.5), "2": np.zeros((3, 2)), "3": np.zeros(5)}
    with pytest.raises(ValueError, match=r"w1_momentum of shape \(4,\). Received: shape \(5,\)"):
        optimizer.load_own_variables(store)
    with pytest.raises(ValueError, match="has 4 variables. Received: 1"):
        optimizer.load_own_variables({"0": np.array(3)})
    assert int(optimizer.iterations.numpy()) == 0


def test_names():
    classes = {case[0].__name__ for case in CASES}
    assert len(classes) == 14
    for cls in classes:
        for given in (cls.lower(), cls, getattr(optimizers, cls)):
            assert type(optimizers.get(given)) is getattr(optimizers, cls)
    optimizer = optimizers.SGD()
    assert optimizers.get(optimizer) is optimizer
