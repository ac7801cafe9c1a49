"""remat: the same numbers, in less memory."""

import numpy as np
import pytest
from rematerialization_cases import assert_same, trained
from training_models import LABELS, RANDOM, X, arena, train_step

import swiftbn
from swiftbn import Input, RematScope, Sequential, layers, ops, remat


def step_names(model) -> list:
    return [step[0] for step in train_step(model).plans()[0][1]]


class Blocks(layers.Layer):
    """A stack in which each block of several layers is recomputed, or not."""

    def __init__(self, wraps, depth=8, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [
            [layers.Dense(48, activation="gelu"), layers.BatchNormalization(), layers.Dropout(0.3, seed=depth)]
            for _ in range(depth)
        ]
        self.wraps = wraps

    def block(self, parts, x, training):
        for part in parts:
            x = part(x, training=training)
        return ops.tanh(x)

    def call(self, x, training=None):
        for parts in self.blocks:
            x = self.wraps(self.block)(parts, x, training)
        return x


def test_blocks_of_a_stack_need_less_memory_and_give_the_same_bits():
    plain, recomputed = (
        trained(lambda wraps=wraps: Sequential([Input((48,)), Blocks(wraps), layers.Dense(1)]))
        for wraps in (lambda f: f, remat)
    )
    assert_same(plain, recomputed)
    assert arena(recomputed[0]) < 0.5 * arena(plain[0])
    # Nothing is drawn, and no moving statistics are updated, a second time.
    generators = [layer for parts in recomputed[0].layers[0].blocks for layer in parts[2:]]
    assert [int(layer.seed_generator.state.numpy()[1]) for layer in generators] == [2] * 8


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrent_layers(kind):
    x = RANDOM.normal(size=(20, 7, 5)).astype("float32")

    def make():
        layer = getattr(layers, kind)
        return Sequential([Input((7, 5)), layer(6, dropout=0.2, seed=4, return_sequences=True), layer(4)])

    assert_same(*(trained(make, scope, x, y=x[:, 0, :4]) for scope in (None, RematScope())))


def test_convolutions_with_pooling_and_labels():
    x = RANDOM.normal(size=(12, 16, 16, 3)).astype("float32")

    def make():
        parts = []
        for filters in (8, 8, 16):
            parts += [layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
            parts += [layers.MaxPooling2D()]
        parts = [*parts, layers.Flatten(), layers.Dense(3, activation="softmax")]
        return Sequential([Input((16, 16, 3)), *parts])

    runs = [trained(make, scope, x, LABELS[:12], "sparse_categorical_crossentropy") for scope in (None, RematScope())]
    for a, b in zip(runs[0][0].get_weights(), runs[1][0].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_embeddings_check_their_indices():
    def make():
        return Sequential([Input((6,)), layers.Embedding(9, 4), layers.Flatten(), layers.Dense(1)])

    x = RANDOM.integers(0, 9, size=(10, 6)).astype("float32")
    plain, recomputed = trained(make, None, x), trained(make, RematScope(), x)
    assert_same(plain, recomputed)
    assert step_names(recomputed[0]).count("index_check") == step_names(plain[0]).count("index_check")
    with pytest.raises(ValueError, match="index 9"):
        recomputed[0].fit(np.full((10, 6), 9.0, "float32"), x[:, :1], batch_size=10, verbose=0)


def test_activity_losses_inside():
    def make():
        return Sequential(
            [Input((48,)), layers.Dense(48, activation="tanh", activity_regularizer="l2"), layers.Dense(1)]
        )

    assert_same(trained(make), trained(make, RematScope()))


def test_gradients_of_functions():
    """Against the derivative written down, of first and second order, nested, with several arguments and results."""
    x, w = RANDOM.normal(size=(2, 5))

    def inner(x):
        return ops.exp(ops.sin(x))

    def function(x, w, scale=1.0):
        y = remat(inner)(x) * w
        return y, ops.tanh(y) * scale

    def loss(x, w):
        y, z = remat(function)(x, w, scale=3.0)
        return ops.sum(y * z)

    y = np.exp(np.sin(x)) * w
    slope = 3 * np.tanh(y) + 3 * y / np.cosh(y) ** 2
    value, gradients = swiftbn.value_and_grad(loss, argnums=(0, 1))(x, w)
    np.testing.assert_allclose(value, np.sum(3 * y * np.tanh(y)))
    np.testing.assert_allclose(gradients[0], slope * y * np.cos(x), rtol=1e-12)
    np.testing.assert_allclose(gradients[1], slope * y / w, rtol=1e-12)

    def sum_of_gradient(x, w):
        return ops.sum(swiftbn.grad(loss)(x, w))

    second = swiftbn.grad(sum_of_gradient)(x, w)
    step = 1e-6
    first = [swiftbn.grad(loss)(x + sign * step, w) for sign in (1, -1)]
    np.testing.assert_allclose(second, (first[0] - first[1]) / (2 * step), rtol=1e-6, atol=1e-7)


def test_variables_read_inside():
    w = swiftbn.Variable(RANDOM.normal(size=(4, 4)), dtype="float64")
    calls = swiftbn.Variable(0, dtype="int32", trainable=False)
    x = RANDOM.normal(size=(6, 4))

    def function(x):
        calls.assign_add(1)
        return ops.tanh(ops.matmul(ops.tanh(ops.matmul(x, w)), w))

    def gradient(f):
        return swiftbn.grad(lambda w, x: ops.sum(ops.square(f(x))))(w, x)

    np.testing.assert_array_equal(gradient(remat(function)), gradient(function))
    assert int(calls.numpy()) == 2


def test_second_order_by_variables_read_inside():
    w = swiftbn.Variable(RANDOM.normal(size=5), dtype="float64")

    def second(wraps):
        def slope(w):
            return ops.sum(swiftbn.grad(lambda w: ops.sum(wraps(lambda: ops.exp(ops.sin(w)))()))(w))

        return swiftbn.grad(slope)(w)

    s, c = np.sin(w.numpy()), np.cos(w.numpy())
    for wraps in (lambda f: f, remat):
        np.testing.assert_allclose(second(wraps), np.exp(s) * (c * c - s), rtol=1e-12)


def test_random_numbers_are_drawn_again():
    generator = swiftbn.random.SeedGenerator(5)

    def noisy(x):
        return ops.sum(ops.exp(x * swiftbn.random.normal((1000,), seed=generator, dtype="float64")))

    x = np.full(1000, 0.1)
    value, gradient = swiftbn.value_and_grad(remat(noisy))(x)
    # d/dx exp(x·n) = n·exp(x·n), with the n of the value.
    again = swiftbn.random.SeedGenerator(5)
    noise = swiftbn.random.normal((1000,), seed=again, dtype="float64")
    np.testing.assert_allclose(value, np.exp(0.1 * noise).sum(), rtol=1e-12)
    np.testing.assert_allclose(gradient, noise * np.exp(0.1 * noise), rtol=1e-12)
    assert generator.state.numpy()[1] == 1


def test_layers_are_functions_too():
    layer = layers.Dense(3, activation="tanh")
    wrapped = remat(layer)
    x = X[:5]
    np.testing.assert_array_equal(wrapped(x), layer(x))
    gradients = [swiftbn.grad(lambda x, f=f: ops.sum(f(x)))(x) for f in (wrapped, layer)]
    np.testing.assert_array_equal(*gradients)


def test_arrays_pass_through():
    assert remat(lambda x, by: x * by)(np.float64(3), by=2) == 6


def test_an_error_inside_is_the_function_s_own():
    with pytest.raises(ZeroDivisionError):
        swiftbn.grad(remat(lambda x: x / (1 // 0)))(np.ones(3))


def test_subclasses_may_override_rematerialized_call():
    seen = []

    class Own(layers.Dense):
        def rematerialized_call(self, layer_call, *args, **kwargs):
            seen.append(args[0].shape)
            return super().rematerialized_call(layer_call, *args, **kwargs)

    with RematScope():
        layer = Own(2)
    layer(X)
    assert seen == [X.shape]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: RematScope("all"), ValueError, "Received: mode='all'"),
        (lambda: RematScope(output_size_threshold="big"), ValueError, "Received: output_size_threshold='big'"),
        (lambda: RematScope("list_of_layers", layer_names="dense"), ValueError, "Received: layer_names='dense'"),
        (lambda: RematScope("list_of_layers", layer_names=[3]), ValueError, "Received: layer_names="),
        (lambda: remat(3), TypeError, "Received: f=3"),
        (lambda: remat(ops.tanh)(Input((3,))), TypeError, "Received: a KerasTensor"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("seed", range(25))
def test_random_programs(seed):
    """Random operations in random regions in regions: values, gradients, gradients of gradients, assignments."""
    random = np.random.default_rng(seed)
    x, start = random.normal(size=(6, 4)), random.normal(size=(4, 4))
    w = swiftbn.Variable(start, dtype="float64")

    def program(x, w, wraps):
        dice = np.random.default_rng(seed)

        def stretch(values, depth):
            """A few steps, some of them stretches of their own; what they make may be used outside of them."""
            values = list(values)
            for _ in range(dice.integers(2, 6)):
                a, b = (values[dice.integers(len(values))] for _ in range(2))
                kind = dice.integers(7 if depth < 3 else 5)
                if kind == 0:
                    values.append(ops.tanh(a * b))
                elif kind == 1:
                    values.append(ops.matmul(ops.sigmoid(a), w))
                elif kind == 2:
                    mean, variance = ops.moments(a, 0, keepdims=True)
                    values.append((b - mean) / ops.sqrt(variance + 0.5))
                elif kind == 3:
                    values.append(ops.relu(a) - ops.stop_gradient(b) * 0.3)
                elif kind == 4:
                    w.assign(w * 0.9 + ops.mean(ops.tanh(a)) * 0.1)
                else:
                    values += wraps(stretch)(values[-2:], depth + 1)
            return values[-3:]

        return ops.sum(ops.tanh(stretch([x, x * 0.5], 0)[-1]) ** 2)

    def results(wraps):
        def value(x, w):
            return program(x, w, wraps)

        def slope(x, w):
            return sum(ops.sum(g**2) for g in swiftbn.grad(value, argnums=(0, 1))(x, w))

        for function in (value, slope):
            w.assign(start)
            number, gradients = swiftbn.value_and_grad(function, argnums=(0, 1))(x, w)
            yield from (number, *gradients, w.numpy().copy())

    for recomputed, plain in zip(results(remat), results(lambda f: f), strict=True):
        np.testing.assert_allclose(recomputed, plain, rtol=1e-9, atol=1e-12)
