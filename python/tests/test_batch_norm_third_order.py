"""Derivatives of third order through batch normalization: by elementary operations, against central differences."""

import numpy as np
import pytest
from checks import central_differences

import swiftbn
from swiftbn import ops

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 2, 2)])
def test_third_order(shape):
    x, direction, weights = RNG.normal(size=(3, *shape))
    gamma, beta = RNG.normal(size=(2, shape[-1]))
    layer = swiftbn.layers.BatchNormalization(dtype="float64")
    layer.build(shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)

    def value(x):
        return ops.sum(ops.multiply(ops.square(layer(x, training=True)), weights))

    def along(function):
        return lambda x: ops.sum(ops.multiply(swiftbn.grad(function)(x), direction))

    second = along(along(value))
    third = swiftbn.grad(second)(x)
    expected = central_differences(lambda x: second(x), x)
    np.testing.assert_allclose(third, expected, rtol=2e-5, atol=1e-6 * abs(expected).max())
