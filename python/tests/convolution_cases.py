"""Data of one to three axes, and what every layer that moves a window over them has to fulfil."""

import numpy as np
from checks import check_layer_gradients

from swiftbn import Input

RANDOM = np.random.default_rng(31)
EXTENTS = {1: (9,), 2: (6, 7), 3: (3, 5, 4)}
FORMATS = ["channels_last", "channels_first"]


def data(rank, channels=4, batch=2):
    return RANDOM.normal(size=(batch, *EXTENTS[rank], channels))


def to_format(x, data_format):
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)) if data_format == "channels_first" else x


def check(layer, x, expected, data_format="channels_last"):
    """A layer's values, the shape it promises, and, with few elements, its gradients."""
    x, expected = to_format(x, data_format), to_format(expected, data_format)
    y = layer(x)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)
    assert layer.compute_output_shape(x.shape) == y.shape
    assert layer(Input(x.shape[1:], dtype="float64")).shape == (None, *y.shape[1:])
    if layer.weights and data_format == "channels_last":
        check_layer_gradients(layer, x[:1])
    again = type(layer).from_config(layer.get_config())
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), y)
