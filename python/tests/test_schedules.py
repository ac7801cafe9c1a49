"""Learning rate schedules against NumPy at many steps, alone and inside training; their configuration."""

import math

import numpy as np
import pytest
from checks import traced

from swiftbn import Input, Sequential, layers, optimizers

schedules = optimizers.schedules
STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 19, 20, 21, 99, 1000, 100_000]


def cosine(step, start, decay, alpha=0.0):
    part = min(step, decay) / decay
    return start * ((1 - alpha) * (1 + math.cos(math.pi * part)) / 2 + alpha)


def polynomial(step, start, decay, end, power, cycle):
    if cycle:
        decay *= max(1, math.ceil(step / decay))
    step = min(step, decay)
    return (start - end) * (1 - step / decay) ** power + end


def restarts(step, start, length, t_mul=2.0, m_mul=1.0, alpha=0.0):
    height = 1.0
    while step >= length:
        step, length, height = step - length, length * t_mul, height * m_mul
    return start * (height * (1 - alpha) * (1 + math.cos(math.pi * step / length)) / 2 + alpha)


CASES = [
    (schedules.ExponentialDecay(0.5, 10, 0.9), lambda s: 0.5 * 0.9 ** (s / 10)),
    (schedules.ExponentialDecay(0.5, 10, 0.9, staircase=True), lambda s: 0.5 * 0.9 ** (s // 10)),
    (schedules.InverseTimeDecay(0.5, 10, 0.9), lambda s: 0.5 / (1 + 0.9 * s / 10)),
    (schedules.InverseTimeDecay(0.5, 10, 0.9, staircase=True), lambda s: 0.5 / (1 + 0.9 * (s // 10))),
    (
        schedules.PiecewiseConstantDecay([2, 10], [0.5, 0.25, 0.1]),
        lambda s: 0.5 if s <= 2 else 0.25 if s <= 10 else 0.1,
    ),
    (schedules.PolynomialDecay(0.5, 10), lambda s: polynomial(s, 0.5, 10, 0.0001, 1, False)),
    (schedules.PolynomialDecay(0.5, 10, 0.1, power=2.0), lambda s: polynomial(s, 0.5, 10, 0.1, 2, False)),
    (schedules.PolynomialDecay(0.5, 10, 0.1, 0.5, cycle=True), lambda s: polynomial(s, 0.5, 10, 0.1, 0.5, True)),
    (schedules.CosineDecay(0.5, 10), lambda s: cosine(s, 0.5, 10)),
    (schedules.CosineDecay(0.5, 10, alpha=0.2), lambda s: cosine(s, 0.5, 10, 0.2)),
    (
        schedules.CosineDecay(0.1, 10, 0.2, warmup_target=0.5, warmup_steps=3),
        lambda s: 0.1 + 0.4 * s / 3 if s < 3 else cosine(s - 3, 0.5, 10, 0.2),
    ),
    (schedules.CosineDecay(0.1, 10, warmup_target=0.5), lambda s: cosine(s, 0.5, 10)),
    (schedules.CosineDecayRestarts(0.5, 4), lambda s: restarts(s, 0.5, 4)),
    (schedules.CosineDecayRestarts(0.5, 4, 1.0, 0.7, 0.1), lambda s: restarts(s, 0.5, 4, 1, 0.7, 0.1)),
    (schedules.CosineDecayRestarts(0.5, 3, 1.5, 0.9, 0.1), lambda s: restarts(s, 0.5, 3, 1.5, 0.9, 0.1)),
]
IDS = [f"{type(schedule).__name__} {number}" for number, (schedule, _) in enumerate(CASES)]


@pytest.mark.parametrize("schedule, reference", CASES, ids=IDS)
def test_values(schedule, reference):
    wanted = [reference(step) for step in STEPS]
    # Cosines near their zero, and steps near the end of a polynomial, are exact to float32's precision of 1 only.
    near = {"rtol": 1e-5, "atol": 1e-6}
    for convert in (int, np.int64, lambda step: np.array(step, "int64")):
        found = [schedule(convert(step)) for step in STEPS]
        assert {str(value.dtype) for value in found} == {"float32"}
        np.testing.assert_allclose(found, wanted, **near)
    np.testing.assert_allclose([traced(schedule, np.array(step)) for step in STEPS], wanted, **near)


@pytest.mark.parametrize("schedule, reference", CASES, ids=IDS)
def test_inside_fit(schedule, reference):
    """Each step moves the weight by its learning rate: the gradient of mean(w·x) is 1."""
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(schedule), loss=lambda y_true, y_pred: y_pred)
    batch = np.ones((4, 1))
    position = 0.0
    for step in range(16):
        np.testing.assert_allclose(float(model.optimizer.learning_rate), reference(step), rtol=1e-5, atol=1e-6)
        model.train_on_batch(batch, batch)
        position -= reference(step)
        np.testing.assert_allclose(model.get_weights()[0][0, 0], position, rtol=1e-5)
    model.fit(batch, batch, batch_size=1, epochs=2, verbose=0)
    position -= sum(reference(step) for step in range(16, 24))
    np.testing.assert_allclose(model.get_weights()[0][0, 0], position, rtol=1e-5)
    assert int(model.optimizer.iterations.numpy()) == 24


@pytest.mark.parametrize("schedule, reference", CASES, ids=IDS)
def test_configuration(schedule, reference):
    config = schedule.get_config()
    copy = type(schedule).from_config(config)
    assert copy.get_config() == config
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule) and again.get_config() == config
    optimizer = optimizers.deserialize(optimizers.serialize(optimizers.Adam(schedule)))
    assert optimizer.get_config()["learning_rate"]["config"] == config
    for step in STEPS:
        assert copy(step) == schedule(step)
    assert [v.name for v in optimizer.variables] == ["iteration"]


class Halving(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 1.0 / (step + 1)

    def get_config(self):
        return {}


def test_own_schedules():
    optimizer = optimizers.SGD(Halving())
    assert float(optimizer.learning_rate) == 1.0
    optimizer.iterations.assign(np.array(3))
    assert float(optimizer.learning_rate) == 0.25


def test_custom_objects():
    config = schedules.serialize(Halving())
    assert type(schedules.deserialize(config, {"Halving": Halving})) is Halving
    with pytest.raises(ValueError, match="Unknown class.*Halving"):
        schedules.deserialize(config)
    with pytest.raises(ValueError, match="Expected the configuration .*Received: 'CosineDecay'"):
        schedules.deserialize("CosineDecay")
