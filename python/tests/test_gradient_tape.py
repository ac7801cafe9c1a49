"""GradientTape inside traced code: which values it differentiates by, nesting, errors."""

import numpy as np
import pytest

import swiftbn
from swiftbn import GradientTape, Input, Variable, grad, layers, ops, value_and_grad

X = np.array([1.0, -2.0, 3.0])


def test_gradients_are_nested_as_the_sources():
    a, b, unused = Variable(X), Variable(np.array(2.0)), Variable(X)

    @swiftbn.jit
    def step(x):
        with GradientTape() as tape:
            tape.watch(x)
            loss = ops.sum(ops.square(a * x)) * b
        gradients = tape.gradient(loss, {"a": a, "rest": [b, x]})
        missing = tape.gradient(loss, [unused])
        assert missing == [None]
        return gradients, tape.gradient(loss, unused, unconnected_gradients="zero"), tape.gradient(loss, a)

    found, zero, alone = step(X + 1)
    np.testing.assert_allclose(found["a"], 4 * X * (X + 1) ** 2)
    np.testing.assert_allclose(found["rest"][0], np.sum((X * (X + 1)) ** 2))
    np.testing.assert_allclose(found["rest"][1], 4 * X**2 * (X + 1))
    np.testing.assert_array_equal(zero, np.zeros(3))
    np.testing.assert_array_equal(alone, found["a"])


def test_what_was_computed_before_the_tape_is_constant():
    w = Variable(X)

    @swiftbn.jit
    def step():
        before = ops.square(w)
        with GradientTape() as tape:
            loss = ops.sum(before * w)
        return tape.gradient(loss, w)

    np.testing.assert_allclose(step(), X**2)


def test_the_gradient_after_an_update_is_that_of_the_new_value():
    w, untouched = Variable(X), Variable(X)

    @swiftbn.jit
    def step():
        gradients = []
        for _ in range(3):
            with GradientTape() as tape:
                loss = ops.sum(w**3 + untouched**2)
            gradients.append(tape.gradient(loss, w))
            w.assign_sub(0.1 * gradients[-1])
        return gradients, tape.gradient(loss, untouched)

    gradients, other = step()
    value = X.copy()
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 3 * value**2)
        value -= 0.3 * value**2
    np.testing.assert_allclose(w.numpy(), value)
    np.testing.assert_allclose(other, 2 * X)


def test_value_and_grad_of_variables_after_an_update():
    w = Variable(X)

    @swiftbn.jit
    def step():
        w.assign(2.0 * w)
        return value_and_grad(lambda v: ops.sum(v**2))(w)

    value, gradient = step()
    assert value == pytest.approx(np.sum(4 * X**2))
    np.testing.assert_allclose(gradient, 4 * X)


def test_an_update_inside_the_tape():
    w = Variable(X)

    @swiftbn.jit
    def step():
        with GradientTape() as tape:
            first = ops.sum(w**2)
            w.assign(5.0 * w)
            second = ops.sum(w**2)
        return tape.gradient(first, w), tape.gradient(second, w)

    first, second = step()
    np.testing.assert_allclose(first, 2 * X)
    np.testing.assert_allclose(second, 10 * X)


def test_second_order():
    w = Variable(X)

    @swiftbn.jit
    def step(x):
        with GradientTape() as outer:
            with GradientTape() as inner:
                loss = ops.sum(w**4 * x)
            first = inner.gradient(loss, w)
            norm = ops.sum(first * x)
        return outer.gradient(norm, [w, x])

    by_w, by_x = step(X)
    np.testing.assert_allclose(by_w, 12 * X**4)
    np.testing.assert_allclose(by_x, 8 * X**4)
    np.testing.assert_allclose(grad(lambda v: ops.sum(grad(lambda u: ops.sum(u**4))(v)))(w), 12 * X**2)


def test_several_targets_and_output_gradients():
    w = Variable(X)

    @swiftbn.jit
    def step():
        with GradientTape() as tape:
            first, second = w**2, 3.0 * w
        return (
            tape.gradient([first, second], w),
            tape.gradient([first, second], w, output_gradients=[X, np.ones(3)]),
        )

    both, weighted = step()
    np.testing.assert_allclose(both, 2 * X + 3)
    np.testing.assert_allclose(weighted, 2 * X**2 + 3)


def test_gradient_penalty_through_a_layer():
    """The norm of a gradient by the inputs, differentiated by the weights (as WGAN-GP does)."""
    dense = layers.Dense(1, use_bias=False)
    dense.build((None, 3))
    x = np.tile(X.astype("float32"), (4, 1))

    @swiftbn.jit
    def step(x):
        with GradientTape() as tape:
            with GradientTape() as inner:
                y = ops.sum(ops.square(dense(x)))
            penalty = ops.sum(ops.square(inner.gradient(y, x)))
        return tape.gradient(penalty, dense.kernel)

    w, x64 = dense.kernel.numpy().astype("float64"), x.astype("float64")
    # gradient = 2 x w wᵀ, penalty P = 4 Σ (xₙ·w)² |w|²
    s = x64 @ w
    expected = 4 * (2 * x64.T @ s * np.sum(w * w) + np.sum(s * s) * 2 * w)
    np.testing.assert_allclose(step(x), expected, rtol=1e-4)


def test_errors():
    w = Variable(X)
    with pytest.raises(RuntimeError, match="swiftbn.value_and_grad"), GradientTape():
        pass
    with pytest.raises(ValueError, match="watch_accessed_variables=False"):
        GradientTape(watch_accessed_variables=False)
    tapes = []

    @swiftbn.jit
    def step(problem):
        with GradientTape() as tape:
            loss = ops.sum(w)
        tapes.append(tape)
        if problem == "source":
            tape.gradient(loss, [3.0])
        if problem == "unconnected":
            tape.gradient(loss, w, unconnected_gradients="nothing")
        if problem == "seeds":
            tape.gradient(loss, w, output_gradients=[1.0, 2.0])
        if problem == "twice":
            with tape:
                pass
        if problem == "watch":
            tape.watch("w")
        return loss

    with pytest.raises(TypeError, match=r"Received: 3\.0"):
        step("source")
    with pytest.raises(ValueError, match="unconnected_gradients='nothing'"):
        step("unconnected")
    with pytest.raises(ValueError, match="expected 1 output_gradients. Received: 2"):
        step("seeds")
    with pytest.raises(RuntimeError, match="new tape"):
        step("twice")
    with pytest.raises(TypeError, match="'w'"):
        step("watch")
    with pytest.raises(RuntimeError, match="in the code that was traced"):
        tapes[0].gradient(w, w)
    with pytest.raises(RuntimeError, match="in the code that was traced"):
        GradientTape().gradient(w, w)
    assert swiftbn.trace.current_trace() is None
    assert isinstance(Input((3,)), swiftbn.KerasTensor)
