"""Layers that join tensors, against NumPy: ranks that differ, masks, errors."""

import numpy as np
import pytest
from checks import check_gradient

from swiftbn import Input, layers
from swiftbn.masking import get_keras_mask, set_keras_mask

RANDOM = np.random.default_rng(9)
A, B, C = (RANDOM.normal(size=(3, 4, 2)) for _ in range(3))
CASES = [
    ("Add", [A, B, C], A + B + C),
    ("Add", [A], A),
    ("Add", [A, B[:, :1]], A + B[:, :1]),
    ("Add", [A[:, 0], B], A[:, :1] + B),
    ("Subtract", [A, B], A - B),
    ("Multiply", [A, B, C], A * B * C),
    ("Average", [A, B, C], (A + B + C) / 3),
    ("Maximum", [A, B, C], np.maximum(np.maximum(A, B), C)),
    ("Minimum", [A, B, C[:, 0]], np.minimum(np.minimum(A, B), C[:, :1])),
    ("Concatenate", [A, B, C], np.concatenate([A, B, C], -1)),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_values(case):
    name, inputs, expected = CASES[case]
    layer = getattr(layers, name)(dtype="float64")
    function = getattr(layers, name.lower())
    for y in (layer(inputs), function(inputs, dtype="float64"), layer(tuple(inputs))):
        assert y.dtype == "float64"
        np.testing.assert_allclose(y, expected, rtol=1e-15)
    assert layer.compute_output_shape([x.shape for x in inputs]) == expected.shape
    check_gradient(lambda *x: layer(list(x)), *inputs)
    symbolic = layer([Input(x.shape[1:], dtype="float64") for x in inputs])
    assert symbolic.shape == (None, *expected.shape[1:])


@pytest.mark.parametrize(
    "axes, a, b, subscripts",
    [
        (1, (3, 4), (3, 4), "ni,ni->n"),
        (-1, (3, 4), (3, 4), "ni,ni->n"),
        ((1, 2), (3, 5, 4), (3, 2, 5), "nij,nki->njk"),
        (2, (3, 2, 4), (3, 5, 4), "nji,nki->njk"),
        ((1, 1), (3, 4), (3, 4, 2), "ni,nij->nj"),
        ((2, 1), (3, 2, 4), (3, 4), "nji,ni->nj"),
        ((-1, 2), (3, 2, 2, 4), (3, 5, 4, 2), "nabi,ncid->nabcd"),
    ],
)
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(axes, a, b, subscripts, normalize):
    x, y = RANDOM.normal(size=a), RANDOM.normal(size=b)
    layer = layers.Dot(axes, normalize, dtype="float64")
    p, q = axes if isinstance(axes, tuple) else (axes, axes)
    unit = [v / np.linalg.norm(v, axis=i, keepdims=True) if normalize else v for v, i in ((x, p), (y, q))]
    expected = np.einsum(subscripts, *unit)
    expected = expected[:, None] if expected.ndim == 1 else expected
    for result in (layer([x, y]), layers.dot([x, y], axes=axes, normalize=normalize, dtype="float64")):
        np.testing.assert_allclose(result, expected, rtol=1e-12)
    assert layer.compute_output_shape([a, b]) == expected.shape
    assert layer([Input(a[1:]), Input(b[1:])]).shape == (None, *expected.shape[1:])
    check_gradient(lambda *v: layer(list(v)), x, y)
    zeros = layers.Dot(1, normalize=True, dtype="float64")
    check_gradient(lambda v: zeros([v, v]), RANDOM.normal(size=(2, 3)))
    assert zeros([np.zeros((1, 3)), np.ones((1, 3))]).tolist() == [[0]]


def masked(x, mask):
    x = x.copy()
    set_keras_mask(x, np.array(mask, bool))
    return x


MASKS = RANDOM.uniform(size=(3, 3, 4)) < 0.5


@pytest.mark.parametrize("name, unit", [("Maximum", -np.inf), ("Minimum", np.inf), ("Multiply", 1.0)])
def test_what_masks_leave_out_has_no_part(name, unit):
    layer = getattr(layers, name)(dtype="float64")
    function = {"Maximum": np.maximum, "Minimum": np.minimum, "Multiply": np.multiply}[name]
    inputs = [masked(x, mask) for x, mask in zip((A, B, C), MASKS, strict=True)]
    y = layer(inputs)
    either = MASKS.any(axis=0)
    np.testing.assert_array_equal(get_keras_mask(y), either)
    parts = [np.where(mask[..., None], x, unit) for x, mask in zip((A, B, C), MASKS, strict=True)]
    expected = function(function(*parts[:2]), parts[2])
    np.testing.assert_allclose(y[either], expected[either], rtol=1e-15)
    if name == "Multiply":
        assert not y[~either].any()
    # An input without a mask counts everywhere, and then the output has no mask.
    y = layer([inputs[0], B])
    assert get_keras_mask(y) is None
    np.testing.assert_allclose(y, function(parts[0], B), rtol=1e-15)


def test_masks_of_sums_and_of_what_is_joined():
    x, y = masked(A, MASKS[0]), masked(B, MASKS[1])
    np.testing.assert_array_equal(get_keras_mask(layers.Average(dtype="float64")([x, y])), MASKS[0] | MASKS[1])
    joined = layers.Concatenate(axis=1, dtype="float64")([x, B, y])
    np.testing.assert_array_equal(get_keras_mask(joined), np.concatenate([MASKS[0], np.ones((3, 4)), MASKS[1]], 1))
    assert get_keras_mask(layers.Dot(2, dtype="float64")([x, y])) is None
    with pytest.raises(ValueError, match="expected mask to be a list of 2 masks or Nones"):
        layers.Add().compute_mask([A, B], MASKS[0])


ONES = np.ones((2, 3), "float32")
BAD = [
    (lambda: layers.Add()(ONES), "Add 'add.*': expected a list of at least 1 tensors"),
    (lambda: layers.Add()([]), "expected a list of at least 1 tensors"),
    (lambda: layers.Subtract()([ONES] * 3), "expected a list of 2 tensors"),
    (lambda: layers.Add()([ONES, ONES[:1]]), r"expected inputs of one batch size. Received: shapes \(2, 3\), \(1, 3\)"),
    (lambda: layers.Add()([ONES, ONES[:, :2]]), "expected inputs of shapes that broadcast"),
    (lambda: layers.Concatenate(axis=0)([ONES, ONES[:, :2]]), "equal extents but on axis 0"),
    (lambda: layers.Concatenate()([ONES, ONES[0]]), "one rank"),
    (lambda: layers.Concatenate(axis=2)([ONES, ONES]), "axis=2"),
    (lambda: layers.Concatenate(axis=1.5), r"axis=1\.5"),
    (lambda: layers.Dot(0), "axes=0"),
    (lambda: layers.Dot((1, 2, 3)), r"axes=\(1, 2, 3\)"),
    (lambda: layers.Dot(2)([ONES, ONES]), "rank >= 2 that have the axes 2"),
    (lambda: layers.Dot(1)([ONES, ONES[:, :2]]), "equal extents on axes 1 and 1"),
    (lambda: layers.Dot(1)([ONES]), "expected a list of 2 tensors"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
