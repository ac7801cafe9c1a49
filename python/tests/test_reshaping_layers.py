"""Layers that pad, cut, repeat and permute, against NumPy."""

import numpy as np
import pytest
from checks import check_layer_gradients

from swiftbn import Input, KerasTensor, layers

RANDOM = np.random.default_rng(8)
SHAPES = {2: (2, 3), 3: (2, 5, 3), 4: (2, 5, 4, 3), 5: (2, 4, 5, 3, 2)}


def pad(*pairs):
    return lambda x: np.pad(x, [(0, 0), *pairs, *[(0, 0)] * (x.ndim - 1 - len(pairs))])


def repeat(*factors):
    def function(x):
        for axis, factor in enumerate(factors, 1):
            x = x.repeat(factor, axis)
        return x

    return function


# A layer, the rank of its inputs, what it does in NumPy to inputs with channels last.
CASES = [
    (lambda **k: layers.ZeroPadding1D(**k), 3, pad((1, 1))),
    (lambda **k: layers.ZeroPadding1D((0, 3), **k), 3, pad((0, 3))),
    (lambda **k: layers.ZeroPadding2D(**k), 4, pad((1, 1), (1, 1))),
    (lambda **k: layers.ZeroPadding2D((2, 0), **k), 4, pad((2, 2), (0, 0))),
    (lambda **k: layers.ZeroPadding2D(((1, 0), (2, 3)), **k), 4, pad((1, 0), (2, 3))),
    (lambda **k: layers.ZeroPadding3D(2, **k), 5, pad((2, 2), (2, 2), (2, 2))),
    (lambda **k: layers.ZeroPadding3D(((1, 0), (2, 3), (0, 1)), **k), 5, pad((1, 0), (2, 3), (0, 1))),
    (lambda **k: layers.Cropping2D(**k), 4, lambda x: x),
    (lambda **k: layers.Cropping2D(((1, 0), (0, 2)), **k), 4, lambda x: x[:, 1:, :-2]),
    (lambda **k: layers.Cropping2D((2, 1), **k), 4, lambda x: x[:, 2:-2, 1:-1]),
    (lambda **k: layers.Cropping3D(((0, 1), (2, 1), (0, 0)), **k), 5, lambda x: x[:, :-1, 2:-1]),
    (lambda **k: layers.Cropping3D(1, **k), 5, lambda x: x[:, 1:-1, 1:-1, 1:-1]),
    (lambda **k: layers.UpSampling2D(**k), 4, repeat(2, 2)),
    (lambda **k: layers.UpSampling2D((1, 3), **k), 4, repeat(1, 3)),
    (lambda **k: layers.UpSampling3D(**k), 5, repeat(2, 2, 2)),
    (lambda **k: layers.UpSampling3D((1, 3, 2), **k), 5, repeat(1, 3, 2)),
]
WITHOUT_FORMAT = [
    (lambda **k: layers.Cropping1D(**k), 3, lambda x: x[:, 1:-1]),
    (lambda **k: layers.Cropping1D((0, 4), **k), 3, lambda x: x[:, :1]),
    (lambda **k: layers.UpSampling1D(3, **k), 3, repeat(3)),
    (lambda **k: layers.Permute((2, 1), **k), 3, lambda x: x.transpose(0, 2, 1)),
    (lambda **k: layers.Permute((3, 1, 2), **k), 4, lambda x: x.transpose(0, 3, 1, 2)),
    (lambda **k: layers.RepeatVector(4, **k), 2, lambda x: x[:, None].repeat(4, 1)),
    (lambda **k: layers.Flatten(**k), 4, lambda x: x.reshape(2, -1)),
    (lambda **k: layers.Reshape((3, -1), **k), 4, lambda x: x.reshape(2, 3, -1)),
    (lambda **k: layers.Identity(**k), 4, lambda x: x),
]


def check(layer, x, expected):
    y = layer(x)
    assert y.dtype == "float64" and layer.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_array_equal(y, expected)
    check_layer_gradients(layer, x)
    # Shapes are known as far as the inputs' are.
    assert layer(Input(x.shape[1:], dtype="float64")).shape == (None, *expected.shape[1:])
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(again(x), expected)
    assert layer(x[:0]).shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_either_data_format(case, data_format):
    make, rank, reference = CASES[case]
    x = RANDOM.normal(size=SHAPES[rank])
    expected = reference(x)
    if data_format == "channels_first":
        x, expected = np.moveaxis(x, -1, 1).copy(), np.moveaxis(expected, -1, 1)
    check(make(data_format=data_format, dtype="float64"), x, expected)


@pytest.mark.parametrize("case", range(len(WITHOUT_FORMAT)))
def test_one_data_format(case):
    make, rank, reference = WITHOUT_FORMAT[case]
    x = RANDOM.normal(size=SHAPES[rank])
    check(make(dtype="float64"), x, reference(x))


def test_unknown_extents():
    x = KerasTensor((None, None, 4, 3))
    assert layers.ZeroPadding2D()(x).shape == (None, None, 6, 3)
    assert layers.UpSampling2D()(x).shape == (None, None, 8, 3)
    assert layers.Cropping2D(1)(x).shape == (None, None, 2, 3)
    assert layers.Flatten()(x).shape == (None, None)
    for layer in (layers.ZeroPadding2D(), layers.UpSampling2D(), layers.Flatten(), layers.Reshape((3, -1))):
        assert layer.compute_output_shape((None, None, None, 3))[0] is None


def test_flatten_of_numbers_and_of_channels_first():
    assert layers.Flatten()(np.arange(3.0)).tolist() == [[0], [1], [2]]
    assert layers.Flatten().compute_output_shape((None,)) == (None, 1)
    x = RANDOM.normal(size=(2, 3, 4, 5)).astype("float32")
    y = layers.Flatten("channels_first")(x)
    np.testing.assert_array_equal(y, x.transpose(0, 2, 3, 1).reshape(2, -1))


def test_identity_of_nested_inputs():
    x = {"a": np.ones((2, 3)), "b": [np.zeros(2)]}
    y = layers.Identity(dtype="float64")(x)
    assert y["a"].tolist() == x["a"].tolist() and y["b"][0].tolist() == [0, 0]
    assert layers.Identity().compute_output_shape({"a": (2, 3)}) == {"a": (2, 3)}


IMAGES = np.ones((1, 3, 3, 1), "float32")
BAD = [
    (lambda: layers.ZeroPadding1D(-1), "ZeroPadding1D: expected padding .* Received: padding=-1"),
    (lambda: layers.ZeroPadding1D((1, 2, 3)), r"padding=\(1, 2, 3\)"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), "ZeroPadding2D: expected padding"),
    (lambda: layers.ZeroPadding2D(((1, -2), 3)), r"padding\[0\]=\(1, -2\)"),
    (lambda: layers.ZeroPadding3D("a"), "padding='a'"),
    (lambda: layers.Cropping1D(1.5), r"cropping=1\.5"),
    (lambda: layers.Cropping2D(2)(IMAGES), r"leave something. Received: cropping=.*\(1, 3, 3, 1\)"),
    (lambda: layers.Cropping2D(1).compute_output_shape((1, 2, 3, 1)), "leave something"),
    (lambda: layers.UpSampling1D(0), "UpSampling1D: expected size"),
    (lambda: layers.UpSampling2D((2, 2, 2)), "UpSampling2D: expected size"),
    (lambda: layers.UpSampling2D(True), "size=True"),
    (lambda: layers.UpSampling2D(interpolation="cubic"), "interpolation='cubic'"),
    (lambda: layers.UpSampling2D(data_format="last"), "data_format='last'"),
    (lambda: layers.UpSampling2D()(IMAGES[0]), "expected rank 4"),
    (lambda: layers.Permute((0, 1)), r"Permute: expected dims.*\(0, 1\)"),
    (lambda: layers.Permute(3), "dims=3"),
    (lambda: layers.RepeatVector(0), "RepeatVector: expected n"),
    (lambda: layers.RepeatVector(2)(IMAGES), "expected rank 2"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
