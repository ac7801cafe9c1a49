"""Batch normalization as Keras defines it, against NumPy and central differences."""

import numpy as np
import pytest
from checks import check_layer_gradients

from swiftbn import Input, layers

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(7, 5))


@pytest.mark.parametrize(
    "axis, shape", [(-1, (6, 5)), (1, (6, 5)), (-1, (2, 4, 3, 5)), (1, (2, 4, 3, 5)), (2, (2, 3, 4, 2, 2))]
)
@pytest.mark.parametrize("center, scale", [(True, True), (True, False), (False, True), (False, False)])
def test_batch_normalization(axis, shape, center, scale):
    x = RANDOM.normal(2.0, 3.0, size=shape)
    layer = layers.BatchNormalization(
        axis=axis, momentum=0.9, epsilon=1e-2, center=center, scale=scale, dtype="float64"
    )
    layer(x)
    channels = shape[axis]
    for variable in layer.weights:
        variable.assign(RANDOM.uniform(0.5, 2.0, channels))
    gamma = layer.gamma.numpy().copy() if scale else np.ones(channels)
    beta = layer.beta.numpy().copy() if center else np.zeros(channels)
    mean, variance = layer.moving_mean.numpy().copy(), layer.moving_variance.numpy().copy()
    others = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    wide = [1] * len(shape)
    wide[axis] = -1

    def normalized(mu, var):
        y = (x - mu.reshape(wide)) / np.sqrt(var.reshape(wide) + 1e-2)
        return y * gamma.reshape(wide) + beta.reshape(wide)

    np.testing.assert_allclose(layer(x), normalized(mean, variance), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), mean)
    np.testing.assert_allclose(
        layer(x, training=True), normalized(x.mean(others), x.var(others)), rtol=1e-9, atol=1e-10
    )
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.9 * mean + 0.1 * x.mean(others), rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 * variance + 0.1 * x.var(others), rtol=1e-12)
    assert [w.name for w in layer.weights] == ["gamma"] * scale + ["beta"] * center + [
        "moving_mean",
        "moving_variance",
    ]
    assert [w.name for w in layer.trainable_weights] == ["gamma"] * scale + ["beta"] * center


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axis, shape", [(-1, (6, 5)), (1, (2, 3, 2, 2))])
def test_batch_normalization_gradients(axis, shape, training):
    layer = layers.BatchNormalization(axis=axis, dtype="float64")
    check_layer_gradients(layer, RANDOM.normal(size=shape), training=training)


def test_frozen_batch_normalization_uses_and_keeps_moving_statistics():
    layer = layers.BatchNormalization(dtype="float64", epsilon=1e-3)
    layer(ROWS)
    layer.trainable = False
    np.testing.assert_allclose(layer(ROWS, training=True), ROWS / np.sqrt(1 + 1e-3), rtol=1e-12)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(5))
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 4


def test_batch_normalization_mask():
    x = RANDOM.normal(size=(3, 4, 2))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    layer = layers.BatchNormalization(momentum=0.0, dtype="float64")
    y = layer(x, training=True, mask=mask)
    mean, variance = x[mask].mean(0), x[mask].var(0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-12)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-10)


def test_one_batch_normalization_at_two_channel_counts_names_both_shapes():
    layer = layers.BatchNormalization(name="bn")
    x = layer(Input((26, 26, 32)))
    with pytest.raises(ValueError) as error:
        layer(layers.Conv2D(64, 3, name="conv")(x))
    text = str(error.value)
    assert "(None, 26, 26, 32)" in text and "(None, 24, 24, 64)" in text and "'bn'" in text and "'conv'" in text


def test_batch_normalization_of_integers_and_of_nothing():
    layer = layers.BatchNormalization()
    integers = RANDOM.integers(0, 9, size=(6, 3))
    np.testing.assert_allclose(layer(integers), layer(integers.astype("float32")))
    assert layer(np.zeros((0, 3))).shape == (0, 3)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"not empty.*\(0, 3\)"):
        layer(np.zeros((0, 3)), training=True)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for bad in (np.ones((2, 3), complex), np.full((2, 3), None)):
        with pytest.raises(TypeError, match="real number dtype"):
            layer(bad)
