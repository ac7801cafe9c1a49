"""swiftbn.jit: forms of arguments, state, constants, nesting, errors."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Sequential, Variable, grad, jit, layers, ops, random, value_and_grad

X = np.arange(6, dtype="float32").reshape(2, 3)


def counted(function):
    """The jitted function and a list that grows with each trace."""
    traces = []

    def wrapper(*args, **kwargs):
        traces.append(1)
        return function(*args, **kwargs)

    wrapper.__wrapped__ = function
    return jit(wrapper), traces


def test_nested_arguments_and_results():
    @jit
    def function(pair, options):
        a, b = pair
        return {"sum": a + b["y"], "same": a, "scaled": (a * options["factor"], [None, "text"])}

    result = function((X, {"y": 2 * X}), options={"factor": 3.0})
    np.testing.assert_array_equal(result["sum"], 3 * X)
    np.testing.assert_array_equal(result["same"], X)
    np.testing.assert_array_equal(result["scaled"][0], 3 * X)
    assert result["scaled"][1] == [None, "text"] and isinstance(result["sum"], np.ndarray)


def test_each_form_is_traced_once():
    function, traces = counted(lambda x, factor: x * factor)
    for factor in (1.0, 2.0, 3.5):
        np.testing.assert_allclose(function(X, factor), X * factor)
    assert len(traces) == 1
    function(X[:1], 1.0)
    function(X.astype("float64"), 1.0)
    function([1.0, 2.0][0], 1.0)
    assert len(traces) == 4
    function(x=X, factor=1.0)
    function(factor=4.0, x=X)
    assert len(traces) == 5
    function(X, 2)
    assert len(traces) == 6


def test_arrays_that_only_look_like_those_of_the_last_call():
    """Calls of one form after another go a short way, which these must not."""
    double, traces = counted(lambda x: 2 * x)

    class Other(np.ndarray):
        pass

    x = np.arange(12, dtype="float32").reshape(3, 4)
    others = [x.copy(order="F"), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f4"), x.view(Other), x.astype("int32")]
    for other in [x, *others, x.T, x[:2], x[None]]:
        for value in (x, x, other):
            found = double(value)
            assert type(found) is np.ndarray and np.array_equal(found, 2 * np.asarray(value))
    # One for x and what has its form, and one each for other dtypes and shapes.
    assert len(traces) == 1 + 1 + 3


def test_order_of_keys_does_not_matter():
    function, traces = counted(lambda d, *, z, a: d["p"] - d["q"] + 10 * z + 100 * a)
    first = function({"p": 1.0, "q": 2.0}, z=3.0, a=4.0)
    second = function({"q": 2.0, "p": 1.0}, a=4.0, z=3.0)
    assert first == second == -1 + 30 + 400 and len(traces) == 1


def test_static_arguments():
    function, traces = counted(lambda x, axis, mode="sum": ops.sum(x, axis=axis) if mode == "sum" else x)
    by_name = jit(function.__wrapped__, static_argnames="axis mode")
    by_number = jit(function.__wrapped__, static_argnums=1)
    for f in (by_name, by_number):
        traces.clear()
        np.testing.assert_array_equal(f(X, 0), X.sum(0))
        np.testing.assert_array_equal(f(X, 1), X.sum(1))
        np.testing.assert_array_equal(f(X, axis=(0, 1)), X.sum())
        np.testing.assert_array_equal(f(X, axis=1, mode="none"), X)
        np.testing.assert_array_equal(f(2 * X, 1), 2 * X.sum(1))
        assert len(traces) == 4

    @jit(static_argnames=["flag"])
    def decorated(x, flag):
        return x if flag else -x

    np.testing.assert_array_equal(decorated(X, True), X)
    np.testing.assert_array_equal(decorated(X, flag=False), -X)


def test_variables_are_read_and_written_in_every_call():
    weight, count = Variable(X), Variable(0.0)

    @jit
    def function(x):
        count.assign_add(1.0)
        return ops.sum(weight * x), count

    assert function(X)[0] == (X * X).sum()
    weight.assign(np.ones_like(X))
    total, calls = function(X)
    assert total == X.sum() and calls == 2 == float(count)
    calls[...] = 7
    assert float(count) == 2


def test_variables_as_arguments():
    function, traces = counted(lambda v, x: v.assign_add(x))
    first, second = Variable(X), Variable(X)
    np.testing.assert_array_equal(function(first, 1.0), X + 1)
    np.testing.assert_array_equal(function(second, 2.0), X + 2)
    np.testing.assert_array_equal(function(first, 3.0), X + 4)
    np.testing.assert_array_equal(second.numpy(), X + 2)
    assert len(traces) == 2


def test_a_function_that_only_assigns():
    count = Variable(0.0)

    @jit
    def function():
        count.assign_add(2.0)

    assert function() is None and function() is None
    assert float(count) == 4


def test_constants_are_not_shared_with_callers():
    table = np.ones(3)
    function = jit(lambda x: (x, table))
    function(X)[1][...] = 5
    np.testing.assert_array_equal(function(X)[1], np.ones(3))


def test_random_numbers_differ_from_call_to_call():
    generator = random.SeedGenerator(3)
    function = jit(lambda: random.normal((4,), seed=generator))
    first, second = function(), function()
    assert (first != second).all()
    again = random.SeedGenerator(3)
    np.testing.assert_array_equal(first, random.normal((4,), seed=again))
    np.testing.assert_array_equal(second, random.normal((4,), seed=again))


def test_seeding_reaches_compiled_functions():
    function = jit(lambda: random.normal((3,)))
    numbers = []
    for _ in range(2):
        swiftbn.utils.set_random_seed(5)
        numbers.append((function(), function()))
    np.testing.assert_array_equal(numbers[0], numbers[1])
    assert (numbers[0][0] != numbers[0][1]).all()


def test_with_gradients_inside_and_outside():
    def function(w, x):
        return ops.sum(ops.tanh(w * x))

    expected = value_and_grad(function)(X, X)
    for transformed in (
        jit(value_and_grad(function)),
        value_and_grad(jit(function)),
        jit(value_and_grad(jit(function))),
    ):
        value, gradient = transformed(X, X)
        np.testing.assert_allclose(value, expected[0])
        np.testing.assert_allclose(gradient, expected[1])
    second = jit(grad(lambda v: ops.sum(grad(lambda u: ops.sum(u**4))(v))))
    np.testing.assert_allclose(second(X), 12 * X**2)


def test_a_training_step_by_hand():
    model = Sequential([layers.Dense(4, activation="tanh"), layers.BatchNormalization(), layers.Dense(1)])
    model.build((None, 3))
    optimizer = swiftbn.optimizers.Adam(0.05)
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    y = x[:, :1] - x[:, 1:2]

    @jit
    def step(x, y):
        with swiftbn.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True) - y))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    losses = [float(step(x, y)) for _ in range(60)]
    assert losses[-1] < 0.1 * losses[0] and int(optimizer.iterations) == 60
    assert np.abs(model.layers[1].moving_mean.numpy()).max() > 0


def test_in_the_functional_api():
    function = jit(lambda x: ops.square(x))
    inputs = swiftbn.Input((3,))
    model = swiftbn.Model(inputs, function(inputs))
    np.testing.assert_array_equal(np.asarray(model(X)), X * X)


def test_empty_and_scalar_arrays():
    function = jit(lambda x: ops.sum(x * 2.0))
    assert function(np.zeros((0, 3), "float32")) == 0
    assert function(np.float64(2.5)) == 5 and function(np.array(float("nan"))) != function(np.array(1.0))


def test_errors():
    with pytest.raises(TypeError, match="Received: 3"):
        jit(3)
    with pytest.raises(ValueError, match="'c'"):
        jit(lambda a, b: a, static_argnames="c")
    with pytest.raises(ValueError, match="below 2. Received: 2"):
        jit(lambda a, b: a, static_argnums=2)
    with pytest.raises(ValueError, match="-1"):
        jit(lambda a, b: a, static_argnums=-1)
    with pytest.raises(TypeError, match="expected argument 0 to be arrays.*bytearray"):
        jit(lambda a: a)(bytearray(b"a"))
    with pytest.raises(TypeError, match="argument 1.*hashed"):
        jit(lambda a, b: a, static_argnums=1)(X, [1])
    with pytest.raises(TypeError, match="dtype"):
        jit(lambda a: a)(np.array(["a"]))
    count = Variable(0.0)

    @jit
    def failing(x):
        count.assign_add(1.0)
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            failing(X)
    assert float(count) == 0 and swiftbn.trace.current_trace() is None
