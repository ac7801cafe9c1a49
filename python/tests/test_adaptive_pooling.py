"""Pooling to a number of windows against NumPy; with Keras and PyTorch in test_layers_interop.py and here."""

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import Input, layers, ops

RANDOM = np.random.default_rng(31)
SHAPES = [
    ((2, 7, 3), (3,)),
    ((2, 6, 3), (9,)),
    ((2, 7, 5, 3), (3, 4)),
    ((1, 6, 4, 2), (3, 2)),
    ((2, 4, 5, 6, 2), (3, 5, 2)),
]


def reference(x, sizes, reduce):
    """Window by window, as the definition says."""
    y = np.zeros((x.shape[0], *sizes, x.shape[-1]))
    for place in np.ndindex(sizes):
        window = tuple(
            slice(int(np.floor(i * n / count)), int(np.ceil((i + 1) * n / count)))
            for i, n, count in zip(place, x.shape[1:-1], sizes, strict=True)
        )
        y[(slice(None), *place)] = reduce(x[(slice(None), *window)], tuple(range(1, x.ndim - 1)))
    return y


@pytest.mark.parametrize("shape, sizes", SHAPES)
@pytest.mark.parametrize("kind", ["average", "max"])
def test_windows(shape, sizes, kind):
    x = RANDOM.normal(size=shape)
    function = getattr(ops, f"adaptive_{kind}_pool")
    expected = reference(x, sizes, np.mean if kind == "average" else np.max)
    np.testing.assert_allclose(function(x, sizes), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(traced(lambda v: function(v, sizes), x), expected, rtol=1e-12, atol=1e-14)
    first = np.moveaxis(x, -1, 1).copy()
    np.testing.assert_allclose(np.moveaxis(function(first, sizes, "channels_first"), 1, -1), expected, rtol=1e-12)
    check_gradient(lambda v: function(v, sizes), x[:1])
    name = f"Adaptive{'Average' if kind == 'average' else 'Max'}Pooling{len(sizes)}D"
    layer = getattr(layers, name)(sizes if len(sizes) > 1 else sizes[0])
    found = layer(x.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *expected.shape[1:])
    assert layer(Input(shape[1:])).shape == (None, *expected.shape[1:])
    assert layer(Input((None,) * (len(sizes)) + shape[-1:])).shape == (None, *expected.shape[1:])
    again = type(layer).from_config(layer.get_config())
    assert again.output_size == sizes and again.get_config() == layer.get_config()


def test_values_outside_a_window_do_not_count():
    x = np.array([[[1.0], [2.0], [np.inf], [4.0], [np.nan]]])
    assert ops.adaptive_average_pool(x[:, :4], 3)[0, :, 0].tolist() == [1.5, np.inf, np.inf]
    assert ops.adaptive_average_pool(x[:, ::2][:, :2], 2)[0, :, 0].tolist() == [1, np.inf]
    np.testing.assert_array_equal(ops.adaptive_max_pool(x, 3)[0, :, 0], [2.0, np.inf, np.nan])
    assert ops.adaptive_average_pool(x[:0], 3).shape == (0, 3, 1)
    assert ops.adaptive_max_pool(np.arange(4).reshape(1, 4, 1), 2).dtype == "float32"


BAD = [
    (lambda: ops.adaptive_max_pool(np.ones((2, 3)), 2), "rank 3, 4"),
    (lambda: ops.adaptive_max_pool(np.ones((2, 3, 1)), 0), "output_size=0"),
    (lambda: ops.adaptive_average_pool(np.ones((2, 0, 1)), 2), "known spatial extents >= 1"),
    (lambda: layers.AdaptiveMaxPooling2D((1, 2, 3)), r"output_size=\(1, 2, 3\)"),
    (lambda: layers.AdaptiveMaxPooling2D(2)(np.ones((1, 2, 3), "float32")), "AdaptiveMaxPooling2D"),
    (lambda: layers.AdaptiveMaxPooling1D(2, data_format="last"), "last"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()


@pytest.mark.interop
def test_pytorch():
    torch = pytest.importorskip("torch")
    for size, out in [((7,), (3,)), ((7, 5), (3, 8)), ((4, 5, 6), (3, 5, 2))]:
        x = RANDOM.normal(size=(2, 3, *size))
        for ours, theirs in (("average", "avg"), ("max", "max")):
            expected = getattr(torch.nn.functional, f"adaptive_{theirs}_pool{len(size)}d")(torch.tensor(x), out)
            found = getattr(ops, f"adaptive_{ours}_pool")(x, out, "channels_first")
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12, atol=1e-14)
