"""Winograd's algorithm in 3x3 convolutions, and the switch that turns it off."""

import os
import subprocess
import sys

import numpy as np
import pytest

import swiftbn
from swiftbn import ops

IMAGES, KERNEL = (8, 13, 13, 32), (3, 3, 32, 64)


@pytest.fixture(autouse=True)
def restored():
    before = swiftbn.config.get_winograd()
    yield
    swiftbn.config.set_winograd(before)


def arrays(dtype="float32"):
    rng = np.random.default_rng(5)
    return rng.standard_normal(IMAGES).astype(dtype), rng.standard_normal(KERNEL).astype(dtype)


def results(x, w, padding):
    def loss(x, w):
        y = ops.conv(x, w, padding=padding)
        return ops.sum(ops.square(y)), y

    (_, y), (dx, dw) = swiftbn.value_and_grad(loss, argnums=(0, 1), has_aux=True)(x, w)
    return [np.asarray(a) for a in (y, dx, dw)]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_forward_and_gradients_agree_with_the_direct_sums(padding):
    x, w = arrays()
    exact = results(x.astype("float64"), w.astype("float64"), padding)
    computed = {}
    for enabled in (False, True):
        swiftbn.config.set_winograd(enabled)
        computed[enabled] = results(x, w, padding)
        for result, reference in zip(computed[enabled], exact, strict=True):
            assert np.abs(result - reference).max() < 1e-5 * np.abs(reference).max()
    for direct, winograd in zip(computed[False], computed[True], strict=True):
        assert not np.array_equal(direct, winograd)


def test_a_compiled_program_follows_the_switch():
    from swiftbn.trace import Trace

    x, w = arrays()
    with Trace() as trace:
        y = ops.conv(trace.input("x", IMAGES, "float32"), trace.input("w", KERNEL, "float32"))
        program = trace.compile([y])
    swiftbn.config.set_winograd(True)
    (winograd,) = program.run((x, w))
    swiftbn.config.set_winograd(False)
    (direct,) = program.run((x, w))
    swiftbn.config.set_winograd(True)
    (again,) = program.run((x, w))
    assert not np.array_equal(winograd, direct)
    np.testing.assert_array_equal(winograd, again)


def test_float64_does_not_depend_on_the_switch():
    x, w = arrays("float64")
    swiftbn.config.set_winograd(True)
    enabled = results(x, w, "same")
    swiftbn.config.set_winograd(False)
    for a, b in zip(enabled, results(x, w, "same"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_switch_is_read_back_and_in_the_configuration():
    for enabled in (False, True):
        swiftbn.config.set_winograd(enabled)
        assert swiftbn.config.get_winograd() is enabled
        assert swiftbn.config()["winograd"] is enabled


@pytest.mark.parametrize("value", [1, None, "off", np.True_])
def test_the_switch_takes_bools_only(value):
    with pytest.raises(ValueError, match="Expected enabled to be True or False. Received: enabled="):
        swiftbn.config.set_winograd(value)


@pytest.mark.parametrize(("text", "expected"), [("0", False), ("1", True), (None, True)])
def test_the_environment_sets_it_for_a_process(text, expected):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    environment.pop("SWIFTBN_WINOGRAD", None)
    if text is not None:
        environment["SWIFTBN_WINOGRAD"] = text
    code = "import swiftbn; print(swiftbn.config.get_winograd())"
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == str(expected)


def test_kept_weights_follow_the_variables_and_the_switch():
    keras = swiftbn
    model = keras.Sequential([keras.Input(IMAGES[1:]), keras.layers.Conv2D(64, 3, activation="relu")])
    rng = np.random.default_rng(6)
    x = rng.standard_normal(IMAGES).astype("float32")
    layer = model.layers[0]

    def error():
        """Of a compiled program that has run with other weights before."""
        windows = np.lib.stride_tricks.sliding_window_view(x.astype("float64"), (3, 3), axis=(1, 2))
        kernel, bias = (w.astype("float64") for w in layer.get_weights())
        exact = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias, 0)
        return np.abs(model.predict_on_batch(x) - exact).max() / np.abs(exact).max()

    assert error() < 1e-5
    layer.set_weights([rng.standard_normal(KERNEL), rng.standard_normal(64)])
    assert error() < 1e-5
    swiftbn.config.set_winograd(False)
    layer.set_weights([rng.standard_normal(KERNEL), rng.standard_normal(64)])
    direct = model.predict_on_batch(x)
    assert error() < 1e-5
    swiftbn.config.set_winograd(True)
    assert error() < 1e-5
    assert not np.array_equal(model.predict_on_batch(x), direct)
    kernel = layer.get_weights()[0]
    kernel[2, 2, 31, 63] = np.nan
    layer.set_weights([kernel, np.zeros(64)])
    assert np.isnan(model.predict_on_batch(x)[..., 63]).all()
    layer.set_weights([np.zeros(KERNEL), np.ones(64)])
    assert np.array_equal(model.predict_on_batch(x), np.ones((8, 11, 11, 64), "float32"))


def test_weights_that_training_changes_are_not_kept():
    keras = swiftbn
    model = keras.Sequential([keras.Input(IMAGES[1:]), keras.layers.Conv2D(64, 3), keras.layers.Flatten()])
    model.compile("sgd", "mse")
    x = np.ones(IMAGES, "float32")
    model.train_on_batch(x, np.zeros((8, 7744), "float32"))

    def steps(**data):
        lines = []
        model.plan_summary(x, batch_size=8, print_fn=lines.append, **data)
        return str(lines)

    assert "keep_weights" in steps()
    assert "keep_weights" not in steps(y=np.zeros((8, 7744), "float32"))
