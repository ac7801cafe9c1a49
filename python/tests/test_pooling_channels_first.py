"""Batch normalization, ReLU and max pooling of channels-first images: fused, with the results of channels-last ones."""

import numpy as np
import pytest

import swiftbn as keras
from swiftbn import layers
from swiftbn.profiling import plan_summary

RNG = np.random.default_rng(11)
Y = RNG.integers(0, 3, 6)


def cnn(order, data_format, shape, padding):
    parts = {
        "conv": lambda: layers.Conv2D(5, 3, data_format=data_format),
        "relu": lambda: layers.ReLU(),
        "norm": lambda: layers.BatchNormalization(axis=1 if data_format == "channels_first" else -1),
        "pool": lambda: layers.MaxPooling2D(padding=padding, data_format=data_format),
    }
    model = keras.Sequential([keras.Input(shape)])
    for name in order.split():
        model.add(parts[name]())
    model.add(layers.GlobalAveragePooling2D(data_format=data_format))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.2), "sparse_categorical_crossentropy")
    return model


def step_names(model, *data):
    return [step.name for step in plan_summary(model, *data, print_fn=lambda text: None).steps]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(12, 12), (11, 9), (7, 45)])
@pytest.mark.parametrize("order", ["conv norm relu pool", "conv relu norm pool", "norm pool conv", "norm relu pool"])
def test_both_layouts_train_to_the_same_weights(order, size, padding):
    x = RNG.normal(size=(6, *size, 5)).astype("float32")
    planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    last = cnn(order, "channels_last", x.shape[1:], padding)
    first = cnn(order, "channels_first", planes.shape[1:], padding)
    first.set_weights(last.get_weights())
    for _ in range(4):
        losses = last.train_on_batch(x, Y), first.train_on_batch(planes, Y)
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for a, b in zip(first.get_weights(), last.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def test_channels_first_pooling_is_fused():
    planes = RNG.normal(size=(6, 5, 12, 12)).astype("float32")
    steps = step_names(cnn("norm relu pool", "channels_first", planes.shape[1:], "valid"), planes, Y)
    assert "batch_norm+relu+max_pool2d" in steps, steps
    assert any(name.startswith("max_pool2d_gradient+relu_gradient+batch_norm_gradient") for name in steps), steps
    steps = step_names(cnn("conv relu norm pool", "channels_first", planes.shape[1:], "valid"), planes, Y)
    assert "batch_norm+max_pool2d" in steps and "max_pool2d" not in steps, steps
    assert "max_pool2d_gradient+batch_norm_gradient+relu_gradient+bias_gradient" in steps, steps
