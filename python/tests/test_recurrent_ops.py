"""The native recurrent operations against NumPy step by step, and their gradients against central differences."""

import numpy as np
import pytest
from checks import central_differences, same_on_threads
from recurrent_reference import ACTIVATIONS, CELLS, run

import swiftbn
from swiftbn import ops
from swiftbn.ops._dispatch import call

RANDOM = np.random.default_rng(5)
KINDS = [("simple_rnn", {}), ("lstm", {}), ("gru", {}), ("gru", {"reset_after": False}), ("gru", {"bias": True})]


def data(kind, batch, steps, units, options, dtype="float64"):
    """Inputs by name, all in the order of the operation."""
    _, blocks, count = CELLS[kind]
    inputs = {
        "x": RANDOM.normal(size=(batch, steps, blocks * units)),
        "kernel": RANDOM.normal(size=(units, blocks * units)) / np.sqrt(units),
    }
    if options.get("bias"):
        inputs["bias"] = RANDOM.normal(size=(blocks * units,))
    if options.get("state"):
        inputs["state"] = RANDOM.normal(size=(batch, units))
        if count == 2:
            inputs["cell"] = RANDOM.normal(size=(batch, units))
    inputs = {name: value.astype(dtype) for name, value in inputs.items()}
    mask = RANDOM.random((batch, steps)) < 0.6 if options.get("mask") else None
    return inputs, mask


def attributes(options):
    result = {"has_state": bool(options.get("state")), "has_mask": bool(options.get("mask"))}
    if options.get("bias"):
        result["has_bias"] = True
    names = {"reverse": "go_backwards", "activation": "activation", "gate": "recurrent_activation"}
    result.update({name: options[key] for key, name in names.items() if key in options})
    if "reset_after" in options:
        result["reset_after"] = options["reset_after"]
    return result


def results(kind, values, mask, options):
    """States, last state (and cell) of the operation."""
    masks = () if mask is None else (mask,)
    return call(kind, *values, *masks, **attributes(options))[: 3 if kind == "lstm" else 2]


def expected(kind, inputs, mask, options):
    inputs = {name: value.astype("float64") for name, value in inputs.items()}
    states = [inputs[name] for name in ("state", "cell") if name in inputs] or None
    named = {key: options[key] for key in ("reverse", "activation", "gate", "reset_after") if key in options}
    if "bias" in inputs:
        named["bias"] = inputs["bias"]
    outputs, last = run(kind, inputs["x"], inputs["kernel"], states, mask, **named)
    return (outputs, *last)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-11), ("float32", 2e-5)])
@pytest.mark.parametrize("kind, options", KINDS)
@pytest.mark.parametrize("batch, steps, units", [(1, 1, 1), (3, 4, 5), (16, 3, 8), (17, 2, 33), (40, 5, 7), (2, 3, 70)])
def test_values(kind, options, batch, steps, units, dtype, tolerance):
    for extra in ({}, {"state": True}, {"mask": True}, {"state": True, "mask": True, "reverse": True}):
        options = {**options, **extra}
        inputs, mask = data(kind, batch, steps, units, options, dtype)
        found = results(kind, inputs.values(), mask, options)
        for got, wanted in zip(found, expected(kind, inputs, mask, options), strict=True):
            assert got.dtype == dtype
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["simple_rnn", "lstm", "gru"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(kind, name):
    options = {"activation": name, "state": True}
    if kind != "simple_rnn":
        options["gate"] = name if name != "linear" else "relu"
    inputs, _ = data(kind, 3, 4, 6, options)
    # Gates without bounds multiply.
    inputs = {key: 0.3 * value for key, value in inputs.items()}
    found = results(kind, inputs.values(), None, options)
    for got, wanted in zip(found, expected(kind, inputs, None, options), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-10)
    check_gradients(kind, inputs, None, options)


def check_gradients(kind, inputs, mask, options, used=(0, 1, 2)):
    """Gradients of a weighted sum of the results `used`, by every input."""
    values = list(inputs.values())
    probe = results(kind, values, mask, options)
    weights = [RANDOM.normal(size=result.shape) for result in probe]

    def loss(*values):
        found = results(kind, values, mask, options)
        parts = [ops.sum(found[i] * weights[i]) for i in used if i < len(found)]
        return sum(parts[1:], parts[0])

    gradients = swiftbn.grad(loss, argnums=tuple(range(len(values))))(*values)
    for position, (name, gradient) in enumerate(zip(inputs, gradients, strict=True)):

        def of_one(value, position=position):
            return loss(*values[:position], value, *values[position + 1 :])

        wanted = central_differences(of_one, values[position])
        np.testing.assert_allclose(gradient, wanted, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind, options", KINDS)
@pytest.mark.parametrize("used", [(0, 1, 2), (0,), (1,), (2,)])
def test_gradients(kind, options, used):
    if used == (2,) and kind != "lstm":
        pytest.skip("there is no third result")
    for extra in ({}, {"state": True}, {"state": True, "mask": True}, {"mask": True, "reverse": True}):
        options = {**options, **extra}
        inputs, mask = data(kind, 2, 3, 3, options)
        check_gradients(kind, inputs, mask, options, used)


@pytest.mark.parametrize("kind, options", KINDS)
def test_gradients_over_several_blocks(kind, options):
    """Rows are worked on in blocks of 16: the gradient of a batch is that of its rows."""
    inputs, mask = data(kind, 19, 4, 5, {**options, "mask": True}, "float64")
    options = {**options, "mask": True}

    def gradient(x, mask):
        def loss(x):
            return ops.sum(ops.square(results(kind, [x, *list(inputs.values())[1:]], mask, options)[0]))

        return swiftbn.grad(loss)(x)

    together = gradient(inputs["x"], mask)
    for row in range(19):
        alone = gradient(inputs["x"][row : row + 1], mask[row : row + 1])
        np.testing.assert_allclose(together[row : row + 1], alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind, options", KINDS)
def test_empty_batch(kind, options):
    options = {**options, "state": True, "mask": True}
    inputs, mask = data(kind, 0, 3, 4, options)
    assert results(kind, inputs.values(), mask, options)[0].shape == (0, 3, 4)

    def loss(*values):
        return ops.sum(results(kind, values, mask, options)[0])

    gradients = swiftbn.grad(loss, argnums=tuple(range(len(inputs))))(*inputs.values())
    for gradient, value in zip(gradients, inputs.values(), strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(value))


@pytest.mark.parametrize("kind, options", KINDS)
def test_nan_stays_in_its_row_and_behind(kind, options):
    inputs, _ = data(kind, 4, 5, 3, options)
    clean = results(kind, inputs.values(), None, options)[0]
    inputs["x"][2, 3] = np.nan
    states = results(kind, inputs.values(), None, options)[0]
    assert np.isnan(states[2, 3:]).all()
    np.testing.assert_array_equal(np.delete(states, 2, 0), np.delete(clean, 2, 0))
    np.testing.assert_array_equal(states[2, :3], clean[2, :3])
    mask = np.ones((4, 5), bool)
    mask[2, 3] = False
    masked = results(kind, inputs.values(), mask, {**options, "mask": True})[0]
    assert np.isfinite(masked).all()


def test_errors():
    kernel = np.zeros((2, 8))
    with pytest.raises(ValueError, match="at least one time step"):
        call("lstm", np.zeros((3, 0, 8)), kernel)
    with pytest.raises(ValueError, match="recurrent_kernel has shape"):
        call("lstm", np.zeros((3, 1, 8)), np.zeros((2, 7)))
    with pytest.raises(ValueError, match="recurrent_kernel has shape"):
        call("gru", np.zeros((3, 1, 0)), np.zeros((0, 0)))
    with pytest.raises(ValueError, match=r"x has shape .* expected \(N, T, 8\)"):
        call("lstm", np.zeros((3, 1, 6)), kernel)
    with pytest.raises(ValueError, match="mask is"):
        call("lstm", np.zeros((3, 1, 8)), kernel, np.zeros((3, 2), bool), has_mask=True)
    with pytest.raises(ValueError, match="initial_cell is"):
        call("lstm", np.zeros((3, 1, 8)), kernel, np.zeros((3, 2)), np.zeros((2, 2)), has_state=True)
    with pytest.raises(ValueError, match="activation is 'elu'"):
        call("lstm", np.zeros((3, 1, 8)), kernel, activation="elu")
    with pytest.raises(ValueError, match="has_bias"):
        call("gru", np.zeros((3, 1, 6)), np.zeros((2, 6)), np.zeros(6), has_bias=True, reset_after=False)
    with pytest.raises((ValueError, TypeError), match="dtype"):
        call("lstm", np.zeros((3, 1, 8)), kernel.astype("float32"))
    with pytest.raises(ValueError, match="kept for the gradient"):
        swiftbn.grad(lambda x: ops.sum(call("lstm", x, kernel)[3]))(np.zeros((3, 1, 8)))


@pytest.mark.parametrize("kind, options", KINDS)
@pytest.mark.parametrize("batch, units", [(1, 225), (3, 384)])
def test_few_samples_of_many_units_are_the_same_for_all_threads(kind, options, batch, units):
    """The columns of a large recurrent kernel are cut."""
    inputs, _ = data(kind, batch, 3, units, options, "float32")

    def loss(*values):
        return ops.sum(ops.square(results(kind, values, None, options)[0]))

    step = swiftbn.value_and_grad(loss, argnums=tuple(range(len(inputs))))
    value, *_ = same_on_threads(lambda: step(*inputs.values()), (1, 2, 5))
    expected = ops.sum(ops.square(results(kind, [x.astype("float64") for x in inputs.values()], None, options)[0]))
    np.testing.assert_allclose(value, expected, rtol=1e-5)
