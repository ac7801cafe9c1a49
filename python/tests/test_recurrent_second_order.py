"""Gradients of gradients of recurrent layers: against central differences, the written-out loops, in training."""

import numpy as np
import pytest
from checks import central_differences

import swiftbn
from swiftbn import Input, Sequential, layers, ops

RANDOM = np.random.default_rng(7)
LAYERS = {
    "lstm": (layers.LSTM, {}),
    "lstm backwards": (layers.LSTM, {"go_backwards": True}),
    "lstm of other activations": (layers.LSTM, {"activation": "linear", "recurrent_activation": "hard_sigmoid"}),
    "lstm without bias": (layers.LSTM, {"use_bias": False}),
    "gru": (layers.GRU, {}),
    "gru backwards": (layers.GRU, {"go_backwards": True}),
    "gru of other activations": (layers.GRU, {"activation": "sigmoid", "recurrent_activation": "tanh"}),
    "gru that resets before": (layers.GRU, {"reset_after": False}),
    "gru that resets before, backwards": (layers.GRU, {"reset_after": False, "go_backwards": True}),
    "gru without bias": (layers.GRU, {"use_bias": False}),
    "simple": (layers.SimpleRNN, {}),
    "simple of relu": (layers.SimpleRNN, {"activation": "relu", "go_backwards": True}),
}
FORMS = {
    "last": {},
    "sequences": {"return_sequences": True},
    "states": {"return_state": True},
    "all": {"return_sequences": True, "return_state": True},
}
X = RANDOM.normal(size=(2, 4, 3))
MASK = np.array([[True, False, True, True], [False, True, True, False]])


def built(name, units=3, **options):
    kind, more = LAYERS[name]
    layer = kind(units, dtype="float64", seed=1, **more, **options)
    layer.build((None, None, 3))
    return layer


def squared_gradients(layer, mask=None):
    """A function of sequences and states: the sum of squares of all gradients of a number made of all results."""

    def function(x, *states):
        with swiftbn.GradientTape() as tape:
            watched = [x, *states]
            tape.watch(watched)
            results = layer(x, mask=mask, initial_state=list(states) or None)
            results = results if isinstance(results, (list, tuple)) else [results]
            loss = sum(ops.sum(ops.square(ops.sin(result))) for result in results)
        gradients = tape.gradient(loss, watched + layer.trainable_variables)
        return sum(ops.sum(ops.square(gradient)) for gradient in gradients)

    return function


def second_gradients(layer, mask, *arguments):
    """By the arguments, then by the weights."""

    @swiftbn.jit
    def run(*arguments):
        with swiftbn.GradientTape() as tape:
            tape.watch(list(arguments))
            value = squared_gradients(layer, mask)(*arguments)
        return [value, *tape.gradient(value, [*arguments, *layer.trainable_variables])]

    return run(*arguments)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LAYERS)
def test_equal_those_of_the_written_out_loop(name, form, masked):
    mask = MASK if masked else None
    for with_states in (False, True):
        native, unrolled = built(name, **FORMS[form]), built(name, unroll=True, **FORMS[form])
        unrolled.set_weights(native.get_weights())
        count = len(native.state_size) if with_states else 0
        states = [RANDOM.normal(size=(2, 3)) for _ in range(count)]
        found, expected = second_gradients(native, mask, X, *states), second_gradients(unrolled, mask, X, *states)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_against_central_differences_of_the_first(name, masked):
    mask = MASK if masked else None
    layer = built(name, return_sequences=True)
    first = squared_gradients(layer, mask)
    _, dx, dkernel, *_ = second_gradients(layer, mask, X)
    wanted = central_differences(swiftbn.jit(first), X)
    np.testing.assert_allclose(dx, wanted, rtol=1e-5, atol=1e-6 * max(1, np.abs(wanted).max()))

    def of_kernel(value):
        layer.trainable_variables[0].assign(value)
        return swiftbn.jit(first)(X)

    kernel = np.array(layer.trainable_variables[0].numpy())
    wanted = central_differences(of_kernel, kernel)
    np.testing.assert_allclose(dkernel, wanted, rtol=1e-5, atol=1e-6 * max(1, np.abs(wanted).max()))


def test_third_order_goes_on():
    layer = built("lstm", 2)
    x = X[:1, :2]

    def slope(x):
        return swiftbn.grad(squared_gradients(layer))(x)

    @swiftbn.jit
    def run(x):
        with swiftbn.GradientTape() as outer:
            outer.watch(x)
            with swiftbn.GradientTape() as inner:
                inner.watch(x)
                value = squared_gradients(layer)(x)
            total = ops.sum(ops.square(inner.gradient(value, x)))
        return outer.gradient(total, x)

    wanted = central_differences(lambda x: np.sum(slope(x) ** 2), x)
    np.testing.assert_allclose(run(x), wanted, rtol=1e-4, atol=1e-5 * max(1, np.abs(wanted).max()))


class Penalized(swiftbn.Model):
    """A critic whose gradient by its sequences is to have length 1 (Gulrajani et al. 2017)."""

    def __init__(self, critic):
        super().__init__()
        self.critic = critic

    def call(self, x, training=False):
        return self.critic(x, training=training)

    def train_step(self, data):
        x, y = data
        with swiftbn.GradientTape() as tape:
            with swiftbn.GradientTape() as inner:
                inner.watch(x)
                score = self.critic(x, training=True)
            slopes = inner.gradient(score, x)
            lengths = ops.sqrt(ops.sum(ops.square(slopes), axis=(1, 2)) + 1e-12)
            loss = ops.mean(ops.square(lengths - 1)) + 0.01 * ops.mean(ops.square(score - y))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


@pytest.mark.parametrize("steps", [5, None])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_training_with_a_gradient_penalty(kind, steps):
    swiftbn.utils.set_random_seed(4)
    model = Penalized(Sequential([Input((steps, 3)), kind(8), layers.Dense(1)]))
    model.compile(swiftbn.optimizers.Adam(0.02))
    x = RANDOM.normal(size=(32, 5, 3)).astype("float32")
    losses = model.fit(x, np.zeros((32, 1), "float32"), epochs=60, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
