"""Loops and branches of `swiftbn.ops`: at once, unrolled in programs, with variables, gradients and errors."""

import numpy as np
import pytest
from checks import check_gradient, traced

import swiftbn
from swiftbn import Variable, ops
from swiftbn.trace import Trace

RANDOM = np.random.default_rng(50)
X = RANDOM.normal(size=(5, 3))


def both(function, *arrays):
    """The results at once and in a program, which are equal."""
    found = function(*arrays)
    compiled = traced(function, *arrays)
    for a, b in zip(swiftbn.tree.flatten(found), swiftbn.tree.flatten(compiled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    return found


@pytest.mark.parametrize("value", [-2.0, 3.0])
def test_cond(value):
    def function(x):
        return ops.cond(x > 0, lambda: {"a": x * 2, "b": (x, None)}, lambda: {"a": x - 1, "b": (x * 3, None)})

    with Trace() as trace:
        x = trace.input("x", (), "float64")
        result = function(x)
        program = trace.compile([result["a"], result["b"][0]])
    assert result["b"][1] is None
    wanted = function(np.array(value))
    np.testing.assert_array_equal(program.run((np.array(value),)), [wanted["a"], wanted["b"][0]])
    assert wanted["a"] == (value * 2 if value > 0 else value - 1)


def test_only_the_chosen_branch_is_computed():
    """Indices out of range are errors in the branch that takes something by them, and only there."""

    @swiftbn.jit
    def function(flag, x, indices):
        return ops.cond(flag, lambda: ops.take(x, indices, axis=0) * 2, lambda: x + 1)

    x, good, bad = np.arange(3.0), np.array([2, 0, 1]), np.array([2, 0, 7])
    np.testing.assert_array_equal(function(np.array(True), x, good), [4, 0, 2])
    for indices in (good, bad):
        np.testing.assert_array_equal(function(np.array(False), x, indices), x + 1)
    with pytest.raises(ValueError, match="out of range"):
        function(np.array(True), x, bad)
    np.testing.assert_array_equal(function(np.array(True), x, good), [4, 0, 2])


def test_shared_values_and_choices_within_choices():
    def function(a, b, x):
        shared = ops.exp(x)
        inner = ops.cond(b, lambda: shared * 2, lambda: ops.sqrt(shared))
        return ops.cond(a, lambda: inner + shared, lambda: ops.negative(x)), ops.where(b, inner, x)

    compiled = swiftbn.jit(function)
    for a in (True, False):
        for b in (True, False):
            arguments = (np.array(a), np.array(b), X)
            for found, expected in zip(compiled(*arguments), function(*arguments), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradients_of_choices_by_data():
    def loss(x, flag):
        return ops.sum(ops.cond(flag, lambda: ops.square(x), lambda: ops.sin(x)))

    np.testing.assert_allclose(swiftbn.grad(loss)(X, np.array(True)), 2 * X)
    np.testing.assert_allclose(swiftbn.grad(loss)(X, np.array(False)), np.cos(X))


def test_branches_of_known_conditions_are_not_run():
    assert ops.cond(np.array([True]), lambda: 1, lambda: 1 / 0) == 1
    assert ops.cond(False, lambda: 1 / 0, lambda: 2) == 2
    assert ops.switch(5, [lambda: 1 / 0, lambda: 7]) == 7
    assert ops.switch(np.array(-3), [lambda a: a, lambda a: 1 / 0], 4) == 4


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_variables_take_the_values_of_the_branch(value):
    total, count, other = Variable(10.0), Variable(0), Variable(5.0)

    def function(x):
        total.assign_add(1.0)

        def positive():
            total.assign_add(x)
            count.assign_add(1)
            return total * 2

        def negative():
            other.assign(x)
            return total * 1

        return ops.cond(x > 0, positive, negative)

    result = traced(function, np.array(value, "float32"))
    wanted = [12, 1, 5] if value > 0 else [11, 0, -1]
    assert [float(total), int(count), float(other)] == wanted
    assert result == (24 if value > 0 else 11)


def test_gradients_of_branches():
    def function(x):
        return ops.cond(ops.sum(x) > 0, lambda: ops.square(x), lambda: x * 3)

    check_gradient(function, X)
    check_gradient(function, -X)


@pytest.mark.parametrize("index", [-4, 0, 1, 2, 9])
def test_switch(index):
    branches = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b]
    result = both(lambda i, x: ops.switch(i, branches, x, 2.0), np.array(index, "int32"), X)
    np.testing.assert_allclose(result, branches[min(max(index, 0), 2)](X, 2.0))
    assert traced(lambda i: ops.switch(i, [lambda: i * 2]), np.array(4)) == 8


@pytest.mark.parametrize("call, error, text", [
    (lambda x: ops.cond(x > 0, lambda: (x, x), lambda: x), ValueError, "cond: expected all branches.*structure"),
    (lambda x: ops.cond(x > 0, lambda: X, lambda: X[0]), ValueError, r"cond: .*same shapes.*\(5, 3\)"),
    (lambda x: ops.cond(x > 0, 3, lambda: x), TypeError, "cond: expected true_fn to be a function.*true_fn=3"),
    (lambda x: ops.cond(ops.stack([x, x]) > 0, lambda: x, lambda: x), ValueError, "pred to be a scalar"),
    (lambda x: ops.switch(x, []), ValueError, "switch: expected at least one branch"),
    (lambda x: ops.while_loop(lambda v: v < x, lambda v: v + 1, 0.0), ValueError, "while_loop: cond depends on data"),
    (lambda x: ops.while_loop(lambda v, w: v < 3, lambda v, w: v + 1, (0, 1)), ValueError, "2 loop_vars. Received: 1"),
    (lambda x: ops.fori_loop(0, x, lambda i, v: v, 0.0), ValueError, "fori_loop: expected upper to be known"),
    (lambda x: ops.scan(lambda c, v: (c, v), 0.0), ValueError, "scan: expected xs or length"),
    (lambda x: ops.scan(3, 0.0, X), TypeError, "scan: expected f to be a function. Received: f=3"),
    (lambda x: ops.scan(lambda c, v: (c, v), 0.0, (X, X[:2])), ValueError, "one known extent of axis 0.*: 2, 5"),
    (lambda x: ops.map(lambda v: v, X[:0]), ValueError, "map: expected at least one part"),
    (lambda x: ops.associative_scan(ops.add, (X, X[1:])), (ValueError, TypeError), "equal extents along axis 0"),
])  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        traced(call, np.array(2.0))


def test_while_loop():
    assert ops.while_loop(lambda v: v < 10, lambda v: v * 2, 1) == 16
    assert ops.while_loop(lambda a, b: a < 3, lambda a, b: (a + 1, b * 2), (0, 1.5)) == (3, 12.0)
    assert ops.while_loop(lambda a: a < 3, lambda a: [a + 1], [0]) == [3]
    assert ops.while_loop(lambda v: v < 10, lambda v: v * 2, 1, maximum_iterations=2) == 4


@pytest.mark.parametrize("limit", [0.5, 10.0, 1e9])
def test_while_loop_with_a_condition_on_data(limit):
    """The steps behind the end change nothing, and have no gradient."""

    def function(x, limit):
        return ops.while_loop(lambda v, n: v < limit, lambda v, n: (v * v, n + 1.0), (x, 0.0), maximum_iterations=4)

    value, steps = traced(function, np.array(1.5), np.array(limit))
    expected, count = 1.5, 0
    while expected < limit and count < 4:
        expected, count = expected**2, count + 1
    assert steps == count
    np.testing.assert_allclose(value, expected)
    check_gradient(lambda x: function(x, limit)[0], np.array(1.5), tolerance=1e-5)


def test_fori_loop():
    np.testing.assert_allclose(both(lambda x: ops.fori_loop(2, 5, lambda i, v: v * i, x), X), X * 24)
    check_gradient(lambda x: ops.fori_loop(0, 3, lambda i, v: ops.sin(v + i), x), X)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    def step(carry, x):
        carry = ops.tanh(carry + x["a"]) * x["b"]
        return carry, (carry, x["a"] * 2)

    def function(a, b, init):
        return ops.scan(step, init, {"a": a, "b": b}, reverse=reverse)

    b, init = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=3)
    carry, (carries, doubled) = both(function, X, b, init)
    expected, wanted = init, []
    for i in reversed(range(5)) if reverse else range(5):
        expected = np.tanh(expected + X[i]) * b[i]
        wanted.append(expected)
    np.testing.assert_allclose(carries, wanted[::-1] if reverse else wanted)
    np.testing.assert_allclose(carry, expected)
    np.testing.assert_allclose(doubled, X * 2)
    check_gradient(lambda *values: function(*values)[1][0], X, b, init)


def test_scan_without_parts():
    carry, found = ops.scan(lambda c, _: (c * 2, None), 1.0, length=4)
    assert carry == 16 and found is None
    carry, found = ops.scan(lambda c, x: (c + x, c), 1.0, np.zeros(0))
    assert carry == 1 and found is None


@pytest.mark.parametrize("name", ["map", "vectorized_map"])
def test_map(name):
    function = getattr(ops, name)
    np.testing.assert_allclose(both(lambda x: function(ops.sum, x), X), X.sum(1))
    first, second = both(lambda x: function(lambda p: (p[0] * 2, p[1][0]), (x, X)), X)
    np.testing.assert_allclose(first, X * 2)
    np.testing.assert_allclose(second, X[:, 0])


@pytest.mark.parametrize("extent", [1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(extent, reverse):
    x = RANDOM.uniform(0.5, 1.5, size=(2, extent, 3))
    turn = (lambda a: a[:, ::-1]) if reverse else (lambda a: a)
    found = both(lambda a: ops.associative_scan(ops.multiply, a, reverse=reverse, axis=1), x)
    np.testing.assert_allclose(found, turn(np.cumprod(turn(x), 1)))

    def affine(first, second):
        """Composition of x ↦ a·x + b, which does not commute."""
        return first[0] * second[0], second[0] * first[1] + second[1]

    a, b = both(lambda a, b: ops.associative_scan(affine, (a, b), axis=1, reverse=reverse), x, x * 2 - 1)
    state, wanted = np.zeros((2, 3)), []
    for i in reversed(range(extent)) if reverse else range(extent):
        state = x[:, i] * state + (x * 2 - 1)[:, i]
        wanted.append(state)
    np.testing.assert_allclose(b, np.stack(wanted[::-1] if reverse else wanted, 1))


def test_associative_scan_gradient():
    check_gradient(lambda x: ops.associative_scan(ops.multiply, x), X)
