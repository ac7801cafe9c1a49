"""`functional.batch_norm` and its backward form with masks: NumPy in float64, the layer, padding, errors."""

import numpy as np
import pytest
from checks import central_differences

import swiftbn
from swiftbn import functional, layers, ops

RANDOM = np.random.default_rng(57)
EPSILON = 1e-2

# Shape of x, channel axis, shape of the mask.
CASES = [
    ((7, 3), -1, (7,)),
    ((7, 3), 1, (7, 1)),
    ((7, 3), -1, (7, 3)),
    ((5, 6, 3), -1, (5, 6)),
    ((5, 6, 3), -1, (5,)),
    ((5, 6, 3), -1, (5, 1)),
    ((5, 6, 3), -1, (1, 6)),
    ((5, 6, 3), 2, (5, 6, 3)),
    ((5, 3, 6), 1, (5, 6)),
    ((5, 3, 6), -2, (5,)),
    ((3, 5, 6), 0, (5, 6)),
    ((3, 5, 6), 0, (5,)),
    ((4, 3, 5, 2), 1, (4, 5, 2)),
    ((4, 5, 2, 3), -1, (4, 5)),
    ((2, 3, 2, 4, 2), -1, (2, 3, 1, 4)),
    ((5, 6, 3), (1, 2), (5, 6, 3)),
    ((5, 6, 3), (2, 1), (5, 1, 1)),
    ((4, 3, 5, 2), (-1, 1), (5, 1)),
    ((40, 33), -1, (40,)),
    ((6, 17, 50), 1, (6, 50)),
]
IDS = [f"{shape}-{axis}-{mask}" for shape, axis, mask in CASES]


def case(shape, axis, mask_shape, dtype="float64", center=1.0):
    """x, dy, gamma, beta, the mask as given and for each element."""
    random = np.random.default_rng(sum(shape))
    axes = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
    extents = tuple(shape[a] for a in axes)
    mask = random.uniform(size=mask_shape) > 0.4
    mask.reshape(-1)[:2] = True, False
    full = mask
    if not isinstance(axis, tuple):
        others = [a for a in range(len(shape)) if a != axes[0]]
        if mask.ndim < len(shape):
            wide = np.ones(len(shape), int)
            wide[others[: mask.ndim]] = mask_shape
            full = mask.reshape(wide)
    full = np.broadcast_to(full, shape)
    arrays = (random.normal(center, 2, shape), random.normal(size=shape))
    arrays += (random.uniform(0.5, 2, extents), random.normal(size=extents))
    return *(a.astype(dtype) for a in arrays), mask, full


def wide(value, shape, axis):
    """(extents of the axes) in the shape in which it meets x."""
    axes = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
    ordered = np.transpose(np.asarray(value, "float64"), np.argsort(axes))
    return ordered.reshape([n if i in axes else 1 for i, n in enumerate(shape)])


def reference(x, gamma, beta, full, axis):
    """(y, mean, inv_std) in float64; statistics in the shape in which they meet x."""
    x = x.astype("longdouble")
    axes = [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    others = tuple(a for a in range(x.ndim) if a not in axes)
    count = np.maximum(full.sum(others, keepdims=True), 1)
    mean = np.where(full, x, 0).sum(others, keepdims=True) / count
    variance = np.where(full, (x - mean) ** 2, 0).sum(others, keepdims=True) / count
    inverse = 1 / np.sqrt(variance + np.longdouble(EPSILON))
    y = (x - mean) * inverse * wide(gamma, x.shape, axis) + wide(beta, x.shape, axis)
    return y.astype("float64"), mean.astype("float64"), inverse.astype("float64")


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 3e-6), ("float16", 4e-3)])
@pytest.mark.parametrize("shape, axis, mask_shape", CASES, ids=IDS)
def test_forward(shape, axis, mask_shape, dtype, tolerance):
    x, _, gamma, beta, mask, full = case(shape, axis, mask_shape, dtype)
    if dtype == "float16":
        gamma, beta = gamma.astype("float32"), beta.astype("float32")
    before = x.copy()
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis, epsilon=EPSILON, mask=mask)
    expected = reference(x, gamma, beta, full, axis)
    assert y.dtype == dtype and y.shape == shape and mean.dtype == inv_std.dtype == gamma.dtype
    assert mean.shape == inv_std.shape == gamma.shape
    np.testing.assert_allclose(y, expected[0], rtol=tolerance, atol=tolerance)
    exact = min(tolerance, 3e-6)
    np.testing.assert_allclose(wide(mean, shape, axis), expected[1], rtol=exact, atol=exact)
    np.testing.assert_allclose(wide(inv_std, shape, axis), expected[2], rtol=exact, atol=exact)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape, axis, mask_shape", CASES[:-2], ids=IDS[:-2])
def test_backward_against_central_differences(shape, axis, mask_shape, affine):
    x, dy, gamma, beta, mask, _ = case(shape, axis, mask_shape)
    options = {"axis": axis, "mask": mask}
    g, b = (gamma, beta) if affine else (None, None)
    _, mean, inv_std = functional.batch_norm(x, g, b, epsilon=EPSILON, **options)
    found = functional.batch_norm_backward(dy, x, g, mean, inv_std, **options)
    parameters = [x, gamma if affine else np.ones_like(gamma), beta if affine else np.zeros_like(beta)]
    for index, gradient in enumerate(found):

        def scalar(value, index=index):
            values = [*parameters[:index], value, *parameters[index + 1 :]]
            return (dy * functional.batch_norm(*values, epsilon=EPSILON, **options)[0]).sum()

        assert gradient.shape == parameters[index].shape
        np.testing.assert_allclose(gradient, central_differences(scalar, parameters[index]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-5), ("float16", 1e-2)])
@pytest.mark.parametrize("shape, axis, mask_shape", CASES, ids=IDS)
def test_the_layer_does_the_same(shape, axis, mask_shape, dtype, tolerance):
    x, dy, gamma, beta, mask, _ = case(shape, axis, mask_shape, dtype)
    layer = layers.BatchNormalization(
        axis=axis, epsilon=EPSILON, dtype="mixed_float16" if dtype == "float16" else dtype, momentum=0.0
    )
    layer.build(shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    if dtype == "float16":
        gamma, beta = np.asarray(layer.gamma), np.asarray(layer.beta)
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, axis=axis, epsilon=EPSILON, mask=mask)
    np.testing.assert_allclose(layer(x, training=True, mask=mask), y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, 1 / np.square(inv_std) - EPSILON, rtol=1e-5, atol=1e-5)
    if dtype == "float16":
        return
    expected = swiftbn.grad(lambda x: ops.sum(layer(x, training=True, mask=mask) * dy))(x)
    dx = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, axis=axis, mask=mask)[0]
    np.testing.assert_allclose(dx, expected, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_padding_has_no_part_whatever_it_is(dtype, axis):
    """Sequences of several lengths give what their elements alone give."""
    lengths = np.array([6, 2, 4, 1, 6])
    mask = np.arange(6) < lengths[:, None]
    x = RANDOM.normal(3, 2, (5, 6, 3)).astype(dtype)
    dy = RANDOM.normal(size=x.shape).astype(dtype)
    gamma, beta = RANDOM.uniform(0.5, 2, (2, 3)).astype(dtype)
    x[~mask], dy[~mask] = np.nan, 0
    alone, mean, inv_std = functional.batch_norm(x[mask], gamma, beta)
    gradients = functional.batch_norm_backward(dy[mask], x[mask], gamma, mean, inv_std)
    moved = [np.ascontiguousarray(np.moveaxis(v, -1, axis)) for v in (x, dy)]
    y, *statistics = functional.batch_norm(moved[0], gamma, beta, axis=axis, mask=mask)
    dx, *others = functional.batch_norm_backward(*moved[::-1], gamma, *statistics, axis=axis, mask=mask)
    tolerance = 1e-12 if dtype == "float64" else 3e-6
    for found, expected in zip(
        (np.moveaxis(y, axis, -1)[mask], *statistics, np.moveaxis(dx, axis, -1)[mask], *others),
        (alone, mean, inv_std, *gradients),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert not np.moveaxis(dx, axis, -1)[~mask].any()


@pytest.mark.parametrize("center", [1e2, 1e4, 1e6])
def test_float32_is_exact_at_large_means(center):
    mask = RANDOM.uniform(size=(64, 50)) > 0.3
    x = (RANDOM.normal(size=(64, 50, 4)) + center).astype("float32")
    gamma, beta = RANDOM.uniform(0.5, 2, (2, 4)).astype("float32")
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, epsilon=EPSILON, mask=mask)
    full = np.broadcast_to(mask[..., None], x.shape)
    expected, true_mean, inverse = reference(x, gamma, beta, full, -1)
    np.testing.assert_allclose(y, expected, atol=2e-6)
    np.testing.assert_allclose(mean, true_mean.reshape(-1), rtol=1.2e-7)
    np.testing.assert_allclose(inv_std, inverse.reshape(-1), rtol=5e-7)
    dy = RANDOM.normal(size=x.shape).astype("float32")
    found = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, mask=mask)
    normal = (expected - beta) / gamma
    dbeta, dgamma = dy.astype("f8").sum((0, 1)), (dy * normal).sum((0, 1))
    dx = gamma * inverse * (dy - np.where(full, (dbeta + normal * dgamma) / mask.sum(), 0))
    for a, b in zip(found, (dx, dgamma, dbeta), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6 * np.abs(b).max())


def test_masks_of_ones_and_of_nothing():
    x, dy, gamma, beta, *_ = case((6, 4, 3), -1, (6, 4))
    plain = functional.batch_norm(x, gamma, beta)
    masked = functional.batch_norm(x, gamma, beta, mask=np.ones(6, int))
    for a, b in zip(masked, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    nothing = np.zeros((6, 4), bool)
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, mask=nothing)
    assert not mean.any()
    np.testing.assert_allclose(inv_std, 1 / np.sqrt(1e-3))
    np.testing.assert_allclose(y, gamma * x / np.sqrt(1e-3) + beta)
    dx, dgamma, dbeta = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, mask=nothing)
    np.testing.assert_allclose(dx, gamma * inv_std * dy)
    np.testing.assert_allclose(dbeta, dy.sum((0, 1)))
    np.testing.assert_allclose(dgamma, (dy * x * inv_std).sum((0, 1)))


def test_memory_orders_and_out():
    x, dy, gamma, beta, mask, _ = case((5, 6, 3), -1, (5, 6))
    y, mean, inv_std = functional.batch_norm(x, gamma, beta, mask=mask)
    dx = functional.batch_norm_backward(dy, x, gamma, mean, inv_std, mask=mask)[0]
    for change in (np.asfortranarray, lambda v: np.repeat(v, 2, 1)[:, ::2], lambda v: v[::-1].copy()[::-1]):
        np.testing.assert_array_equal(functional.batch_norm(change(x), gamma, beta, mask=mask)[0], y)
    out = np.empty_like(x)
    assert functional.batch_norm(x, gamma, beta, mask=mask, out=out)[0] is out
    np.testing.assert_array_equal(out, y)
    again = x.copy()
    assert functional.batch_norm(again, gamma, beta, mask=mask, out=again)[0] is again
    np.testing.assert_array_equal(again, y)
    gradient = dy.copy()
    functional.batch_norm_backward(gradient, x, gamma, mean, inv_std, mask=mask, out=gradient)
    np.testing.assert_array_equal(gradient, dx)


X = np.ones((4, 5, 3), "float32")
ONES = np.ones(3, "float32")
MASK = np.ones((4, 5), bool)


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"mask": np.ones((4, 6))}, ValueError, r"mask has shape \(4, 6\), expected .*\(4, 5, 3\)"),
        ({"mask": np.ones((4, 3)), "axis": 2}, ValueError, r"mask has shape \(4, 3\)"),
        ({"mask": np.ones((1, 4, 5, 3))}, ValueError, r"mask has shape \(1, 4, 5, 3\)"),
        ({"mask": np.ones(5), "axis": (1, 2)}, ValueError, r"mask has shape \(5,\)"),
        ({"mask": np.array(["a"] * 4)}, TypeError, "mask has dtype"),
        ({"mask": object()}, TypeError, "mask has dtype object"),
        ({"mask": MASK, "axis": 3}, ValueError, "axis 3 is out of range for rank 3"),
        ({"mask": MASK, "axis": 1.0}, TypeError, "axis is float"),
        ({"mask": MASK, "axis": (1, 1)}, ValueError, "expected different axes"),
        ({"mask": MASK, "copy": False}, ValueError, "copy=False does not go with a mask"),
        ({"mask": MASK, "out": np.ones((4, 5, 3))}, TypeError, "out is float64"),
        ({"mask": MASK, "out": np.ones((4, 5), "float32")}, ValueError, r"out has shape \(4, 5\)"),
    ],
)
def test_errors(options, error, text):
    with pytest.raises(error, match=text):
        functional.batch_norm(X, ONES, ONES, **options)
    with pytest.raises(error, match=text):
        functional.batch_norm_backward(X, X, ONES, ONES, ONES, **options)


def test_errors_of_the_other_arguments():
    with pytest.raises(ValueError, match=r"batch_norm: gamma has shape \(2,\), expected \(3,\)"):
        functional.batch_norm(X, ONES[:2], None, mask=MASK)
    with pytest.raises(TypeError, match="beta has dtype float64"):
        functional.batch_norm(X, None, np.ones(3), mask=MASK)
    with pytest.raises(ValueError, match="epsilon is 0.0"):
        functional.batch_norm(X, None, None, epsilon=0, mask=MASK)
    with pytest.raises(ValueError, match="x has shape"):
        functional.batch_norm(X[:0], None, None, mask=MASK[:0])
    with pytest.raises(TypeError, match="x has dtype int64"):
        functional.batch_norm(np.ones((4, 5, 3), "int64"), None, None, mask=MASK)
    with pytest.raises(ValueError, match=r"batch_norm_backward: dy has shape \(4, 5\)"):
        functional.batch_norm_backward(X[..., 0], X, None, ONES, ONES, mask=MASK)
    with pytest.raises(TypeError, match="inv_std is NoneType"):
        functional.batch_norm_backward(X, X, None, ONES, None, mask=MASK)
