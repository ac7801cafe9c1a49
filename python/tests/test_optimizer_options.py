"""Accumulated gradients, moving averages of weights, scaled losses: at once and inside the compiled step of `fit`."""

import numpy as np
import pytest
from optimizer_formulas import adam, sgd

from swiftbn import Input, Sequential, Variable, constraints, layers, optimizers

RANDOM = np.random.default_rng(31)
RATE = 0.0625
START = RANDOM.normal(size=(3, 2))
GRADS = RANDOM.normal(size=(7, 3, 2))


def weight():
    return Variable(START.copy(), name="w")


class Linear:
    """A model whose gradient with respect to its kernel is each sample: the mean of w·x over a batch of one."""

    def __init__(self, optimizer, **arguments):
        self.model = Sequential([Input((6,)), layers.Dense(1, use_bias=False, **arguments)])
        self.model.compile(optimizer, loss=lambda y_true, y_pred: y_pred)
        self.model.set_weights([START.reshape(6, 1)])

    def fit(self, grads):
        x = np.reshape(grads, (-1, 6))
        self.model.fit(x, np.zeros((len(x), 1)), batch_size=1, shuffle=False, verbose=0)
        return self.model.get_weights()[0].reshape(3, 2)

    def step(self, gradient):
        self.model.train_on_batch(gradient.reshape(1, 6), np.zeros((1, 1)))
        return self.model.get_weights()[0].reshape(3, 2)


def trajectories(make, grads=GRADS, **arguments):
    """The weight after each step, applied at once and inside a compiled step."""
    optimizer, at_once, found = make(), weight(), []
    for gradient in grads:
        optimizer.apply([gradient], [at_once])
        found.append(at_once.numpy().copy())
    linear = Linear(make(), **arguments)
    return [(found, 1e-12, optimizer), ([linear.step(g) for g in grads], 2e-5, linear.model.optimizer)]


def assert_trajectories(make, wanted, grads=GRADS):
    for found, tolerance, _ in trajectories(make, grads):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("cls, formula", [(optimizers.SGD, sgd), (optimizers.Adam, adam)])
@pytest.mark.parametrize("steps", [2, 3])
def test_gradients_accumulate(cls, formula, steps):
    wanted, w, state = [], START, {}
    for i in range(len(GRADS)):
        if (i + 1) % steps == 0:
            mean = GRADS[i + 1 - steps : i + 1].mean(0)
            mean = mean * min(1, 0.5 / np.sqrt((mean**2).sum()))
            w = formula(w * (1 - RATE * 0.1), mean, state, (i + 1) // steps, RATE)
        wanted.append(w)
    options = {"gradient_accumulation_steps": steps, "weight_decay": 0.1, "clipnorm": 0.5}
    assert_trajectories(lambda: cls(RATE, **options), wanted)


def test_iterations_count_updates_and_schedules_see_steps():
    schedule = optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])
    wanted = [START, START - 0.5 * GRADS[:2].mean(0)]
    wanted += [wanted[1], wanted[1] - 0.25 * GRADS[2:4].mean(0)]
    for found, tolerance, optimizer in trajectories(
        lambda: optimizers.SGD(schedule, gradient_accumulation_steps=2), GRADS[:4]
    ):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
        assert int(optimizer.iterations) == 2


def test_variables_without_gradients_keep_what_they_accumulated():
    optimizer, weights = optimizers.SGD(1.0, gradient_accumulation_steps=2), [Variable(np.zeros(2)) for _ in range(2)]
    optimizer.apply([np.ones(2), np.ones(2)], weights)
    with pytest.warns(UserWarning, match="no gradients"):
        optimizer.apply([np.ones(2), None], weights)
    np.testing.assert_array_equal([w.numpy() for w in weights], [[-1, -1], [0, 0]])
    # An update begins all sums anew, as in Keras.
    optimizer.apply([np.ones(2), np.ones(2)], weights)
    optimizer.apply([np.ones(2), np.ones(2)], weights)
    np.testing.assert_array_equal([w.numpy() for w in weights], [[-2, -2], [-1, -1]])


def averaged(frequency, momentum=0.7):
    """Weights and averages after each step."""
    w, average, wanted = START, None, []
    for i, gradient in enumerate(GRADS):
        w = w - RATE * gradient
        average = w if average is None else momentum * average + (1 - momentum) * w
        if frequency and (i + 1) % frequency == 0:
            w = average
        wanted.append((w, average))
    return wanted


@pytest.mark.parametrize("frequency", [None, 1, 3])
def test_moving_averages_of_weights(frequency):
    wanted = averaged(frequency)

    def make():
        return optimizers.SGD(RATE, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=frequency)

    assert_trajectories(make, [w for w, _ in wanted])
    optimizer, w = make(), weight()
    for gradient in GRADS:
        optimizer.apply([gradient], [w])
    optimizer.finalize_variable_values([w])
    np.testing.assert_allclose(w.numpy(), wanted[-1][1], rtol=1e-12)
    with pytest.raises(ValueError, match="built for other variables. Received: other"):
        optimizer.finalize_variable_values([Variable(np.ones(2), name="other")])
    np.testing.assert_allclose(Linear(make()).fit(GRADS), wanted[-1][1], rtol=2e-5, atol=2e-5)


def test_without_averages_nothing_is_finalized():
    optimizer, w = optimizers.SGD(RATE), weight()
    optimizer.finalize_variable_values([w])
    np.testing.assert_array_equal(w.numpy(), START)


def test_averages_are_of_weights_before_their_constraint():
    """As in Keras."""
    w = Variable(np.array([1.0]))
    w.constraint = constraints.NonNeg()
    optimizer = optimizers.SGD(1.0, use_ema=True)
    optimizer.apply([np.array([3.0])], [w])
    assert w.numpy()[0] == 0 and optimizer.variables[2].numpy()[0] == -2


def test_the_factor_of_the_loss_is_taken_back():
    """Clipping sees gradients of the loss itself."""
    wanted, w = [], START
    for gradient in GRADS:
        w = w - RATE * gradient * min(1, 2.0 / np.sqrt((gradient**2).sum()))
        wanted.append(w)
    lengths = np.sqrt((GRADS**2).sum((1, 2)))
    assert lengths.min() < 2 < lengths.max()

    def make():
        return optimizers.SGD(RATE, loss_scale_factor=8.0, clipnorm=2.0)

    assert float(make().scale_loss(np.array(3.0))) == 24
    optimizer, at_once = make(), weight()
    linear = Linear(make())
    for gradient, values in zip(GRADS, wanted, strict=True):
        optimizer.apply([8 * gradient], [at_once])
        np.testing.assert_allclose(at_once.numpy(), values, rtol=1e-12)
        np.testing.assert_allclose(linear.step(gradient), values, rtol=2e-5, atol=2e-5)


BAD = np.array([[1.0, np.inf], [0, 0], [0, 0]])


def test_dynamic_scale():
    """Doubled after 2 good steps in a row, halved by a bad one, which changes nothing else."""
    inner = optimizers.Adam(RATE, use_ema=True)
    optimizer, w = optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=2), weight()
    assert float(optimizer.scale_loss(np.array(1.0))) == 4
    wanted, state, t, scale = START, {}, 0, 4.0
    for gradient, after in [
        (GRADS[0], 4.0),
        (GRADS[1], 8.0),
        (BAD, 4.0),
        (GRADS[2], 4.0),
        (BAD * np.nan, 2.0),
        (GRADS[3], 2.0),
        (GRADS[4], 4.0),
    ]:
        before = [v.numpy().copy() for v in [w, *inner.variables]]
        optimizer.apply([scale * gradient], [w])
        if np.isfinite(gradient).all():
            t += 1
            wanted = adam(wanted, gradient, state, t, RATE)
        else:
            for variable, value in zip([w, *inner.variables], before, strict=True):
                np.testing.assert_array_equal(variable.numpy(), value)
        np.testing.assert_allclose(w.numpy(), wanted, rtol=1e-10)
        scale = float(optimizer.scale_loss(np.array(1.0)))
        assert scale == after and int(optimizer.iterations) == t


def test_dynamic_scale_inside_fit():
    linear = Linear(optimizers.LossScaleOptimizer(optimizers.Adam(RATE), 2.0**100, 3))
    # 2**100 · 2**30 is infinite in float32, and 2**90 · 2**30 not.
    large, small = GRADS[0] * 0 + 2.0**30, GRADS[1]
    optimizer, state, t, w = linear.model.optimizer, {}, 0, START
    for i in range(12):
        gradient = large if i % 5 == 0 else small
        scale = float(optimizer.dynamic_scale.numpy()) if i else 2.0**100
        fits = (abs(gradient) * scale < 2.0**128).all()
        if fits:
            t += 1
            w = adam(w, gradient, state, t, RATE)
        np.testing.assert_allclose(linear.step(gradient), w, rtol=1e-4, atol=1e-4)
    assert 0 < t < 12 and int(optimizer.iterations) == t


def test_dynamic_scale_hands_on_to_the_inner_optimizer():
    inner = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5, loss_scale_factor=4.0)
    optimizer, w = optimizers.LossScaleOptimizer(inner, 1.0, name="outer"), weight()
    assert inner.loss_scale_factor is None
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 0.25
    assert float(inner.learning_rate) == 0.25
    optimizer.apply([GRADS[0]], [w])
    optimizer.apply([GRADS[1]], [w])
    optimizer.finalize_variable_values([w])
    np.testing.assert_allclose(w.numpy(), START - 0.25 * GRADS[0] - 0.125 * GRADS[1], rtol=1e-12)
    names = [v.path.split("/")[-1] for v in optimizer.variables]
    own = ["iteration", "learning_rate", "step_counter", "dynamic_scale"]
    assert names == [*own, "iteration", "learning_rate", "w_average"]
    config = optimizer.get_config()
    copy = optimizers.deserialize(optimizers.serialize(optimizer))
    assert copy.get_config() == config and type(copy.inner_optimizer) is optimizers.SGD and config["name"] == "outer"


class Custom(optimizers.Optimizer):
    """Written as for Keras."""

    def build(self, var_list):
        if self.built:
            return
        super().build(var_list)
        self.sums = self.add_optimizer_variables(var_list, "sum")
        self.factor = Variable(2.0, trainable=False, name="factor")

    def update_step(self, gradient, variable, learning_rate):
        total = self.sums[self._get_variable_index(variable)]
        self.assign_add(total, gradient)
        self.assign_sub(variable, learning_rate * total * self.factor)


def test_an_optimizer_written_for_keras():
    wanted = START - RATE * 2 * np.cumsum(np.cumsum(GRADS, 0), 0)
    assert_trajectories(lambda: Custom(RATE), wanted)
    optimizer = Custom(RATE, name="custom")
    optimizer.apply([GRADS[0]], [weight()])
    assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate", "w_sum", "factor"]
    optimizer.set_weights([np.array(3), np.array(0.5), GRADS[1], np.array(1.0)])
    np.testing.assert_array_equal(optimizer.sums[0].numpy(), GRADS[1])
    with pytest.raises(ValueError, match="has 4 variables. Received: 1 weights"):
        optimizer.set_weights([np.array(3)])
    with pytest.raises(ValueError, match="build.* before set_weights"):
        Custom(RATE).set_weights([])


def test_variables_need_the_base_class_first():
    class Hasty(optimizers.Optimizer):
        def __init__(self):
            self.early = Variable(1.0)

    with pytest.raises(RuntimeError, match=r"Hasty: call super\(\).__init__\(\) before"):
        Hasty()
