"""Properties of batch normalization that hold for any data."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftbn import functional, layers

EPSILON = 1e-3
SHAPES = st.tuples(st.integers(2, 12), st.integers(1, 5), st.integers(1, 9))
SEEDS = st.integers(0, 2**32 - 1)
SETTINGS = settings(max_examples=60, deadline=None)


def data(shape, seed, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) * scale + shift


def make(channels, **options):
    layer = layers.BatchNormalization(dtype="float64", epsilon=EPSILON, **options)
    layer.build((None, None, channels))
    return layer


@SETTINGS
@given(SHAPES, SEEDS, st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_mean_is_0_and_variance_known(shape, seed, scale, shift):
    x = data(shape, seed, scale, shift)
    c = shape[-1]
    y, mean, inverse = functional.batch_norm(x, np.ones(c), np.zeros(c), epsilon=EPSILON)
    variance = x.var((0, 1))
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-9)
    np.testing.assert_allclose(y.var((0, 1)), variance / (variance + EPSILON), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mean, x.mean((0, 1)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(inverse, 1 / np.sqrt(variance + EPSILON), rtol=1e-6)


@SETTINGS
@given(SHAPES, SEEDS)
def test_without_momentum_inference_is_training(shape, seed):
    x, layer = data(shape, seed, 3.0, 2.0), make(shape[-1], momentum=0.0)
    np.testing.assert_allclose(layer(x, training=True), layer(x), rtol=1e-6, atol=1e-8)


@SETTINGS
@given(SHAPES, SEEDS)
def test_permuting_the_batch_permutes_the_output(shape, seed):
    x, layer = data(shape, seed), make(shape[-1])
    order = np.random.default_rng(seed).permutation(shape[0])
    y = np.asarray(layer(x, training=True))
    np.testing.assert_allclose(layer(x[order], training=True), y[order], rtol=1e-7, atol=1e-9)


@SETTINGS
@given(SHAPES, SEEDS, st.floats(0.5, 1e3), st.floats(-100, 100))
def test_scaling_and_shifting_the_input_leaves_the_output(shape, seed, scale, shift):
    """Up to ε, which is scaled as well here."""
    x = data(shape, seed)
    c = shape[-1]
    one, zero = np.ones(c), np.zeros(c)
    plain, _, _ = functional.batch_norm(x, one, zero, epsilon=EPSILON)
    other, _, _ = functional.batch_norm(x * scale + shift, one, zero, epsilon=EPSILON * scale**2)
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-8)


@SETTINGS
@given(SHAPES, SEEDS)
def test_a_mask_of_ones_is_no_mask(shape, seed):
    x = data(shape, seed)
    plain, masked = make(shape[-1]), make(shape[-1])
    expected = plain(x, training=True)
    np.testing.assert_allclose(masked(x, training=True, mask=np.ones(shape[:2])), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(masked.moving_variance, plain.moving_variance, rtol=1e-9)


@SETTINGS
@given(SHAPES, SEEDS, st.integers(1, 13))
def test_ghost_groups_are_separate_calls(shape, seed, size):
    x = data(shape, seed)
    y = make(shape[-1], virtual_batch_size=size)(x, training=True)
    parts = [make(shape[-1])(x[i : i + size], training=True) for i in range(0, shape[0], size)]
    np.testing.assert_array_equal(y, np.concatenate(parts))


@SETTINGS
@given(SHAPES, SEEDS)
def test_a_window_of_1_is_the_last_batch(shape, seed):
    x, other = data(shape, seed), data(shape, seed + 1, 2.0, 1.0)
    layer = make(shape[-1], moving_average="window", window=1)
    layer(other, training=True)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, x.mean((0, 1)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.moving_variance, x.var((0, 1)), rtol=1e-9, atol=1e-12)
