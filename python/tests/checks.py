"""Helpers of the tests: central differences, running a function inside a compiled program, comparisons."""

import numpy as np

import swiftbn
from swiftbn import ops, tree
from swiftbn.trace import Trace


def traced(function, *arrays):
    """What `function` of the arrays returns when it is compiled into a program."""
    arrays = tuple(np.asarray(a, order="C") for a in arrays)
    with Trace() as trace:
        inputs = [trace.input(f"x{i}", a.shape, a.dtype.name) for i, a in enumerate(arrays)]
        results = function(*inputs)
        # What does not depend on the inputs may have been computed at once.
        program = trace.compile([trace.constant(r) if isinstance(r, np.ndarray) else r for r in tree.flatten(results)])
    return tree.pack_as(results, program.run(arrays))


def central_differences(function, array, step=1e-5):
    """d function / d array for a scalar function, by changing one element at a time."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        values = []
        for sign in (1, -1):
            moved = array.copy()
            moved[index] += sign * step
            values.append(float(function(moved)))
        gradient[index] = (values[0] - values[1]) / (2 * step)
    return gradient


def check_gradient(function, *arrays, tolerance=1e-6, seed=0):
    """Compares gradients of sum(weights · function(*arrays)) by all arrays with central differences, in float64."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=np.shape(function(*arrays)))

    def scalar(*values):
        return ops.sum(ops.multiply(function(*values), weights))

    gradients = swiftbn.grad(scalar, argnums=tuple(range(len(arrays))))(*arrays)
    for position, gradient in enumerate(gradients):

        def of_one(value, position=position):
            return scalar(*arrays[:position], value, *arrays[position + 1 :])

        expected = central_differences(of_one, arrays[position])
        assert gradient.dtype == arrays[position].dtype
        np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))


def check_layer_gradients(layer, x, training=True, tolerance=1e-6):
    """Compares the gradients of a float64 layer by its inputs and trainable weights with central differences."""
    layer(x)
    state = [np.array(v.numpy()) for v in layer.variables]

    def restore():
        for variable, value in zip(layer.variables, state, strict=False):
            variable.assign(value)

    random = np.random.default_rng(1)
    weights = random.normal(size=layer(x).shape)
    parameters = layer.trainable_variables

    def scalar(inputs, _):
        return ops.sum(layer(inputs, training=training) * weights)

    dx, dw = swiftbn.grad(scalar, argnums=(0, 1))(x, parameters)
    restore()

    def of_input(value):
        result = scalar(value, None)
        restore()
        return result

    def of_parameter(variable):
        def function(value):
            variable.assign(value)
            result = scalar(x, None)
            restore()
            return result

        return function

    expected = central_differences(of_input, x)
    np.testing.assert_allclose(dx, expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))
    for variable, gradient in zip(parameters, dw, strict=False):
        expected = central_differences(of_parameter(variable), np.array(variable.numpy()))
        np.testing.assert_allclose(
            gradient,
            expected,
            rtol=tolerance,
            atol=tolerance * max(1, np.abs(expected).max()),
            err_msg=variable.path,
        )


def dtypes_agree(found, expected) -> bool:
    """Whether the dtypes are equal; JAX holds 64-bit integers in 32 bits."""
    return found.dtype == expected.dtype or (found.dtype, expected.dtype) == (np.int64, np.int32)


def same_on_threads(function, counts=(1, 2, 4)) -> list:
    """What a function without arguments returns, flat, checked to be the same bit by bit on so many threads each."""
    before, found = swiftbn.get_num_threads(), []
    try:
        for count in counts:
            swiftbn.set_num_threads(count)
            found.append([np.array(x) for x in tree.flatten(function())])
    finally:
        swiftbn.set_num_threads(before)
    for other in found[1:]:
        assert [x.tobytes() for x in other] == [x.tobytes() for x in found[0]]
    return found[0]
