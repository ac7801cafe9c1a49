"""Optimizers against Keras' formulas written out in NumPy float64; options, schedules, configurations."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Sequential, Variable, layers, ops, optimizers

RANDOM = np.random.default_rng(51)
START = [RANDOM.normal(size=(4, 3)), RANDOM.normal(size=5)]
STEPS = [[RANDOM.normal(size=w.shape) for w in START] for _ in range(6)]


class NumPyOptimizer:
    """One weight; `step` returns its new value."""

    def __init__(self, shape, rate, **options):
        self.rate, self.options, self.t = rate, options, 0
        self.slots = [np.zeros(shape) for _ in range(3)]

    def decay(self, w):
        return w * (1 - self.rate * self.options.get("weight_decay", 0))


class SGD(NumPyOptimizer):
    def step(self, w, g):
        momentum = self.options.get("momentum", 0)
        w = self.decay(w)
        v = self.slots[0] = momentum * self.slots[0] - self.rate * g
        return w + (momentum * v - self.rate * g if self.options.get("nesterov") else v)


class Adam(NumPyOptimizer):
    def step(self, w, g):
        b1, b2, epsilon = (self.options.get(k, d) for k, d in (("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-7)))
        self.t += 1
        w = self.decay(w)
        m, v, top = self.slots
        m = m + (g - m) * (1 - b1)
        v = v + (g * g - v) * (1 - b2)
        top = np.maximum(top, v)
        self.slots = [m, v, top]
        alpha = self.rate * np.sqrt(1 - b2**self.t) / (1 - b1**self.t)
        return w - alpha * m / (np.sqrt(top if self.options.get("amsgrad") else v) + epsilon)


class RMSprop(NumPyOptimizer):
    def step(self, w, g):
        rho, momentum, epsilon = (self.options.get(k, d) for k, d in (("rho", 0.9), ("momentum", 0), ("epsilon", 1e-7)))
        w = self.decay(w)
        square, average, velocity = self.slots
        square = rho * square + (1 - rho) * g * g
        denominator = square + epsilon
        if self.options.get("centered"):
            average = rho * average + (1 - rho) * g
            denominator = square - average**2 + epsilon
        update = self.rate * g / np.sqrt(denominator)
        velocity = momentum * velocity + update
        self.slots = [square, average, velocity]
        return w - (velocity if momentum > 0 else update)


CASES = {
    "sgd": (optimizers.SGD, SGD, {}),
    "sgd momentum": (optimizers.SGD, SGD, {"momentum": 0.9}),
    "sgd nesterov": (optimizers.SGD, SGD, {"momentum": 0.9, "nesterov": True}),
    "sgd decay": (optimizers.SGD, SGD, {"momentum": 0.5, "weight_decay": 0.1}),
    "adam": (optimizers.Adam, Adam, {}),
    "adam options": (optimizers.Adam, Adam, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    "adam amsgrad": (optimizers.Adam, Adam, {"amsgrad": True, "beta_2": 0.5}),
    "adam decay": (optimizers.Adam, Adam, {"weight_decay": 0.2}),
    "adamw": (optimizers.AdamW, Adam, {"weight_decay": 0.3}),
    "rmsprop": (optimizers.RMSprop, RMSprop, {}),
    "rmsprop options": (optimizers.RMSprop, RMSprop, {"rho": 0.7, "epsilon": 1e-2}),
    "rmsprop momentum": (optimizers.RMSprop, RMSprop, {"momentum": 0.8}),
    "rmsprop centered": (optimizers.RMSprop, RMSprop, {"centered": True, "momentum": 0.8, "weight_decay": 0.1}),
}


def variables(dtype="float64"):
    return [Variable(w.astype(dtype), dtype=dtype, name=f"w{i}") for i, w in enumerate(START)]


def expected_weights(cls, rate, options, steps=STEPS, change=lambda grads: grads):
    weights = [w.copy() for w in START]
    states = [cls(w.shape, rate, **options) for w in weights]
    for grads in steps:
        weights = [s.step(w, g) for s, w, g in zip(states, weights, change(grads), strict=True)]
    return weights


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
@pytest.mark.parametrize("dtype,tolerance", [("float64", 1e-6), ("float32", 2e-5)])
def test_steps(case, dtype, tolerance):
    cls, reference, options = CASES[case]
    optimizer, weights = cls(learning_rate=0.03, **options), variables(dtype)
    for number, grads in enumerate(STEPS):
        assert int(optimizer.iterations) == number
        optimizer.apply([g.astype(dtype) for g in grads], weights)
    for found, wanted in zip(weights, expected_weights(reference, 0.03, options), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_configurations(case):
    cls, reference, options = CASES[case]
    config = cls(learning_rate=0.03, **options).get_config()
    assert config["learning_rate"] == pytest.approx(0.03)
    assert all(config[name] == value for name, value in options.items())
    copy = optimizers.deserialize(optimizers.serialize(cls.from_config(config)))
    assert type(copy) is cls
    weights = variables()
    for grads in STEPS:
        copy.apply(grads, weights)
    for found, wanted in zip(weights, expected_weights(reference, 0.03, options), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def norm(g):
    return np.sqrt((g * g).sum())


CLIPPING = {
    "clipvalue": (0.5, lambda grads: [np.clip(g, -0.5, 0.5) for g in grads]),
    "clipnorm": (1.5, lambda grads: [g * 1.5 / max(norm(g), 1.5) for g in grads]),
    "global_clipnorm": (2.0, lambda grads: [g * 2 / max(np.sqrt(sum(norm(h) ** 2 for h in grads)), 2) for g in grads]),
}


@pytest.mark.parametrize("name", CLIPPING)
def test_clipping(name):
    value, change = CLIPPING[name]
    optimizer, weights = optimizers.SGD(0.1, **{name: value}), variables()
    for grads in STEPS:
        optimizer.apply(grads, weights)
    for found, wanted in zip(weights, expected_weights(SGD, 0.1, {}, change=change), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    # Short gradients are left alone.
    weights, optimizer = variables(), optimizers.SGD(1.0, **{name: 1e6})
    optimizer.apply(STEPS[0], weights)
    for found, start, g in zip(weights, START, STEPS[0], strict=True):
        np.testing.assert_allclose(found, start - g, rtol=1e-12)


def test_weights_can_be_excluded_from_decay():
    weights, optimizer = variables(), optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[weights[1]])
    optimizer.apply([np.zeros_like(w) for w in START], weights)
    np.testing.assert_allclose(weights[0], START[0] * (1 - 0.05))
    np.testing.assert_allclose(weights[1], START[1])


def test_constraints_follow_the_update():
    weight = Variable(np.array([1.0, -0.05]), dtype="float64")
    weight.constraint = swiftbn.constraints.NonNeg()
    optimizers.SGD(0.1).apply([np.array([0.0, 1.0])], [weight])
    np.testing.assert_allclose(weight, [1, 0])


def test_learning_rate_changes_in_the_middle():
    optimizer, weights = optimizers.SGD(0.1), variables()
    optimizer.apply(STEPS[0], weights)
    optimizer.learning_rate = 0.02
    optimizer.apply(STEPS[1], weights)
    for found, w, g, h in zip(weights, START, STEPS[0], STEPS[1], strict=True):
        np.testing.assert_allclose(found, w - 0.1 * g - 0.02 * h, rtol=1e-6)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)


def piecewise(step):
    return 1.0 if step <= 3 else 0.5 if step <= 7 else 0.1


def polynomial(step, cycle):
    steps = 5 * max(1, np.ceil(step / 5)) if cycle else 5
    return (0.8 - 0.1) * (1 - min(step, steps) / steps) ** 2 + 0.1


def cosine(step):
    if step < 3:
        return 0.2 + (1.0 - 0.2) * step / 3
    done = min(step - 3, 8) / 8
    return ((1 - 0.1) * 0.5 * (1 + np.cos(np.pi * done)) + 0.1) * 1.0


S = optimizers.schedules
SCHEDULES = {
    "exponential": (S.ExponentialDecay(0.5, 4, 0.7), lambda t: 0.5 * 0.7 ** (t / 4)),
    "staircase": (S.ExponentialDecay(0.5, 4, 0.7, staircase=True), lambda t: 0.5 * 0.7 ** (t // 4)),
    "inverse time": (S.InverseTimeDecay(0.5, 4, 0.7), lambda t: 0.5 / (1 + 0.7 * t / 4)),
    "piecewise": (S.PiecewiseConstantDecay([3, 7], [1.0, 0.5, 0.1]), piecewise),
    "polynomial": (S.PolynomialDecay(0.8, 5, 0.1, power=2.0), lambda t: polynomial(t, False)),
    "polynomial cycle": (S.PolynomialDecay(0.8, 5, 0.1, power=2.0, cycle=True), lambda t: polynomial(t, True)),
    "cosine": (S.CosineDecay(0.2, 8, alpha=0.1, warmup_target=1.0, warmup_steps=3), cosine),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    schedule, expected = SCHEDULES[name]
    for step in range(14):
        assert float(schedule(step)) == pytest.approx(expected(step), rel=1e-5), step
    copy = (
        S.deserialize(S.serialize(schedule))
        if hasattr(S, "deserialize")
        else type(schedule).from_config(schedule.get_config())
    )
    assert float(copy(5)) == float(schedule(5))


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_drive_training(name):
    """On a linear model with loss mean(prediction) every gradient of the bias is 1."""
    schedule, expected = SCHEDULES[name]
    model = Sequential([swiftbn.Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(schedule), lambda y_true, y_pred: ops.mean(y_pred, axis=-1))
    x, y = np.zeros((12, 2), "float32"), np.zeros((12, 1), "float32")
    model.fit(x, y, batch_size=2, epochs=2, verbose=0)
    assert model.get_weights()[1][0] == pytest.approx(-sum(expected(t) for t in range(12)), rel=1e-5)
    assert int(model.optimizer.iterations) == 12


def test_names():
    for name, cls in {"adam": optimizers.Adam, "SGD": optimizers.SGD, "rmsprop": optimizers.RMSprop}.items():
        assert type(optimizers.get(name)) is cls
    with pytest.raises(ValueError, match="Unknown optimizer 'adagrad', expected one of adam"):
        optimizers.get("adagrad")


@pytest.mark.parametrize(
    "make,text",
    [
        (lambda: optimizers.SGD(use_ema=True), "only use_ema=False is supported.*True"),
        (lambda: optimizers.Adam(loss_scale_factor=2.0), "only loss_scale_factor=None is supported.*2.0"),
        (lambda: optimizers.Adam(gradient_accumulation_steps=4), "gradient_accumulation_steps=None is supported.*4"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), "at most one of clipnorm, clipvalue, global_clipnorm"),
        (lambda: optimizers.SGD(-0.1), "learning_rate.*-0.1"),
        (lambda: optimizers.SGD("fast"), "learning_rate.*'fast'"),
        (lambda: optimizers.SGD(float("nan")), "learning_rate.*nan"),
        (lambda: optimizers.SGD(momentum=2), "momentum.*2"),
        (lambda: optimizers.Adam(beta_1=1.0), "beta_1.*1.0"),
        (lambda: optimizers.Adam(epsilon=-1), "epsilon.*-1"),
        (lambda: optimizers.RMSprop(rho=-0.1), "rho.*-0.1"),
        (lambda: optimizers.SGD(lambda step: 0.1), "LearningRateSchedule"),
        (lambda: S.PiecewiseConstantDecay([3, 7], [1.0, 0.5]), "one value more than boundaries"),
        (lambda: S.ExponentialDecay(0.1, 0, 0.5), "decay_steps.*0"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises((ValueError, TypeError), match=text):
        make()


def test_a_failed_step_changes_nothing():
    optimizer, weights = optimizers.Adam(0.1), variables()
    optimizer.apply(STEPS[0], weights)
    before = [w.numpy().copy() for w in [*weights, *optimizer.variables]]
    for grads, text in [
        (STEPS[1][:1], "expected 2 gradients. Received: 1"),
        ([STEPS[1][0], np.zeros(4)], r"\(4,\)"),
    ]:
        with pytest.raises(ValueError, match=text):
            optimizer.apply(grads, weights)
        for old, variable in zip(before, [*weights, *optimizer.variables], strict=True):
            np.testing.assert_array_equal(old, variable)
