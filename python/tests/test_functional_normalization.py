"""Functional layer, group, instance and RMS normalization: NumPy, central differences, robustness, errors."""

import inspect
import itertools

import numpy as np
import pytest
from checks import central_differences

import swiftbn
from swiftbn import functional, layers, ops

EPSILON = 1e-2
LAYER = [((6, 5), -1), ((5,), 0), ((2, 3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4), (1, 2)), ((2, 3, 4, 2), (1, -1))]
LAYER += [((2, 3, 4), (2, 0)), ((3, 4), (0, 1)), ((33, 65), -1)]
GROUP = [((3, 6), -1, 2), ((2, 4, 6), 2, 3), ((2, 6, 3, 2), 1, 2), ((2, 3, 2, 6), -1, 6), ((2, 2, 4, 3), 2, 1)]
INSTANCE = [((2, 4, 3), -1), ((2, 3, 4, 2), 1), ((2, 3, 4, 2), -1), ((2, 2, 3, 2, 4), 3)]

# Name, shape of x, its own arguments, axes over which is normalized after splitting, shape split so, axes of gamma.
CASES = []
for shape, axis in LAYER:
    axes = tuple(sorted(a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))))
    CASES.append(("layer_norm", shape, {"axis": axis}, axes, shape, axes))
    CASES.append(("rms_norm", shape, {"axis": axis}, axes, shape, axes))
for shape, axis, groups in GROUP + [(s, a, None) for s, a in INSTANCE]:
    at = axis % len(shape)
    count = groups or shape[at]
    split = (*shape[:at], count, shape[at] // count, *shape[at + 1 :])
    options = {"axis": axis} if groups is None else {"axis": axis, "groups": groups}
    reduced = tuple(i for i in range(1, len(split)) if i != at)
    CASES.append(("instance_norm" if groups is None else "group_norm", shape, options, reduced, split, (at,)))
IDS = [f"{name}-{shape}-{options}" for name, shape, options, *_ in CASES]


def wide(values, x, axes):
    return values.reshape([extent if i in axes else 1 for i, extent in enumerate(x.shape)])


def reference(name, x, gamma, beta, reduced, split, axes):
    """(y, statistics…) in float64."""
    z = x.astype("float64").reshape(split)
    mean = 0 if name == "rms_norm" else z.mean(reduced, keepdims=True)
    inverse = 1 / np.sqrt(((z - mean) ** 2).mean(reduced, keepdims=True) + EPSILON)
    y = ((z - mean) * inverse).reshape(x.shape)
    y = y if gamma is None else y * wide(gamma, x, axes)
    y = y if beta is None else y + wide(beta, x, axes)
    statistics = (inverse,) if name == "rms_norm" else (mean, inverse)
    return y, *(s.squeeze(reduced) for s in statistics)


def case(shape, axes, dtype, center=1.5, seed=5):
    """x, dy, gamma, beta."""
    random = np.random.default_rng(seed)
    extents = tuple(shape[a] for a in axes)
    arrays = (random.normal(center, 2, shape), random.normal(size=shape))
    arrays += (random.uniform(0.5, 2, extents), random.normal(size=extents))
    return tuple(a.astype(dtype) for a in arrays)


def forward(name, x, gamma, beta, epsilon=EPSILON, **options):
    parameters = (gamma,) if name == "rms_norm" else (gamma, beta)
    return getattr(functional, name)(x, *parameters, epsilon=epsilon, **options)


def backward(name, dy, x, gamma, *statistics, **options):
    return getattr(functional, f"{name}_backward")(dy, x, gamma, *statistics, **options)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("name, shape, options, reduced, split, axes", CASES, ids=IDS)
def test_forward(name, shape, options, reduced, split, axes, dtype, tolerance):
    x, _, gamma, beta = case(shape, axes, dtype)
    for g, b in itertools.product((gamma, None), (beta, None)):
        if name == "rms_norm":
            b = None
        before = x.copy()
        results = forward(name, x, g, b, **options)
        expected = reference(name, x, g, b, reduced, split, axes)
        assert len(results) == len(expected) == (2 if name == "rms_norm" else 3)
        for found, wanted in zip(results, expected, strict=True):
            assert found.dtype == dtype and found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(x, before)
        assert not np.shares_memory(results[0], x)


@pytest.mark.parametrize("name, shape, options, reduced, split, axes", CASES, ids=IDS)
def test_backward_against_central_differences(name, shape, options, reduced, split, axes):
    if np.prod(shape) > 500:
        shape = (7, 5)
    x, dy, gamma, beta = case(shape, axes, "float64")
    for g in (gamma, None):
        statistics = forward(name, x, g, beta, **options)[1:]
        found = backward(name, dy, x, g, *statistics, **options)
        parameters = [x, np.ones_like(gamma) if g is None else g, beta]
        assert len(found) == (2 if name == "rms_norm" else 3)
        for index, gradient in enumerate(found):

            def scalar(value, index=index, parameters=parameters):
                return (dy * forward(name, *parameters[:index], value, *parameters[index + 1 :], **options)[0]).sum()

            expected = central_differences(scalar, parameters[index])
            np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


FAR = [(*one, 1.5) for one in CASES] + [(*one, 1e4) for one in CASES if one[0] != "rms_norm"]


@pytest.mark.parametrize("name, shape, options, reduced, split, axes, center", FAR)
def test_float32_is_as_exact_as_its_inputs(name, shape, options, reduced, split, axes, center):
    x, dy, gamma, beta = case(shape, axes, "float32", center)
    results = forward(name, x, gamma, beta, **options)
    found = (results[0], *backward(name, dy, x, gamma, *results[1:], **options))
    exact = [a.astype("float64") for a in (x, gamma, beta)]
    expected = forward(name, *exact, **options)
    gradients = backward(name, dy.astype("float64"), exact[0], exact[1], *expected[1:], **options)
    for a, b in zip(found, (expected[0], *gradients), strict=True):
        assert a.dtype == "float32" and a.shape == b.shape
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1, np.abs(b).max()), rtol=0)


@pytest.mark.parametrize("name, shape, options, reduced, split, axes", CASES, ids=IDS)
def test_constant_inputs(name, shape, options, reduced, split, axes):
    _, dy, gamma, beta = case(shape, axes, "float32")
    for value in (0.0, 7.0, -1e30 if name != "rms_norm" else -3.0):
        x = np.full(shape, value, "float32")
        y, *statistics = forward(name, x, gamma, beta, **options)
        if name != "rms_norm":
            np.testing.assert_array_equal(y, np.broadcast_to(wide(beta, x, axes), shape))
        for gradient in backward(name, dy, x, gamma, *statistics, **options):
            assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "group_norm", "instance_norm"])
def test_any_memory_and_defaults(name):
    options = {"groups": 2} if name == "group_norm" else {}
    x, dy, gamma, beta = case((4, 3, 6), (2,), "float32")
    call = getattr(functional, name)
    parameters = (gamma,) if name == "rms_norm" else (gamma, beta)
    expected = call(x, *parameters, **options)
    gradients = backward(name, dy, x, gamma, *expected[1:], **options)

    def strided(a):
        wider = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        wider[..., ::2] = a
        return wider[..., ::2]

    for change in (np.asfortranarray, strided, lambda a: a[::-1].copy()[::-1]):
        for a, b in zip(expected, call(change(x), *(change(p) for p in parameters), **options), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
        again = backward(name, change(dy), change(x), change(gamma), *(change(s) for s in expected[1:]), **options)
        for a, b in zip(gradients, again, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


LAYERS = {
    "layer_norm": (layers.LayerNormalization, {}),
    "group_norm": (layers.GroupNormalization, {"groups": 3}),
    "instance_norm": (layers.InstanceNormalization, {}),
    "rms_norm": (layers.RMSNormalization, {}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_agree_and_have_the_same_defaults(name):
    cls, options = LAYERS[name]
    x, dy, gamma, beta = case((2, 4, 6), (2,), "float64")
    layer = cls(**options, dtype="float64")
    layer(x)
    layer.set_weights([gamma, beta][: len(layer.weights)])
    y, *statistics = getattr(functional, name)(x, *[gamma, beta][: len(layer.weights)], **options)
    np.testing.assert_allclose(layer(x), y, rtol=1e-12, atol=1e-13)
    gradients = swiftbn.grad(lambda v, _: ops.sum(layer(v) * dy), argnums=(0, 1))(x, layer.trainable_variables)
    for a, b in zip((gradients[0], *gradients[1]), backward(name, dy, x, gamma, *statistics, **options), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)
    theirs = inspect.signature(cls).parameters
    for parameter in inspect.signature(getattr(functional, name)).parameters.values():
        if parameter.name in ("axis", "epsilon"):
            assert parameter.default == theirs[parameter.name].default


F = np.float32
X = np.arange(24, dtype=F).reshape(2, 3, 4)
GAMMA, BETA = np.ones(4, F), np.zeros(4, F)
GOOD = {
    "layer_norm": dict(x=X, gamma=GAMMA, beta=BETA),
    "group_norm": dict(x=X, gamma=GAMMA, beta=BETA, groups=2),
    "instance_norm": dict(x=X, gamma=GAMMA, beta=BETA),
    "rms_norm": dict(x=X, gamma=GAMMA),
    "layer_norm_backward": dict(dy=X, x=X, gamma=GAMMA, mean=np.ones((2, 3), F), inv_std=np.ones((2, 3), F)),
    "group_norm_backward": dict(dy=X, x=X, gamma=GAMMA, mean=np.ones((2, 2), F), inv_std=np.ones((2, 2), F), groups=2),
    "instance_norm_backward": dict(dy=X, x=X, gamma=GAMMA, mean=np.ones((2, 4), F), inv_std=np.ones((2, 4), F)),
    "rms_norm_backward": dict(dy=X, x=X, gamma=GAMMA, inv_rms=np.ones((2, 3), F)),
}
RANK = {"group": 2, "instance": 3}
CHANNELS = [call for call in GOOD if call.split("_")[0] in RANK]


def fails(call, error, text, **changes):
    """The call raises exactly this."""
    with pytest.raises(error) as caught:
        getattr(functional, call)(**{**GOOD[call], **changes})
    assert type(caught.value) is error and str(caught.value) == f"{call}: {text}"


@pytest.mark.parametrize("call", GOOD)
def test_errors_of_x_and_axis(call):
    getattr(functional, call)(**GOOD[call])
    rank = RANK.get(call.split("_")[0], 1)
    for value in ([[1.0]], 3.0, None, "text"):
        fails(call, TypeError, f"x is {type(value).__name__}, expected an array of numbers", x=value)
    for dtype, name in (("i4", "int32"), ("?", "bool"), ("F", "complex64"), ("O", "object")):
        fails(call, TypeError, f"x has dtype {name}, expected float32 or float64", x=np.zeros((2, 3, 4), dtype))
    swapped = np.dtype(F).newbyteorder()
    fails(call, TypeError, f"x has dtype {swapped.str}, expected float32 or float64", x=X.astype(swapped))
    low = (4,) * (rank - 1)
    fails(call, ValueError, f"x has shape {low}, expected rank >= {rank}", x=np.zeros(low, F))
    fails(call, ValueError, "x has shape (0, 3, 4), expected at least one value", x=X[:0])
    for axis in (3, -4, 10**30):
        fails(call, ValueError, f"axis {axis} is out of range for rank 3, expected -3 <= axis < 3", axis=axis)
    expected = "int" if call in CHANNELS else "int or a tuple of int"
    for axis in (1.0, "1", None, True):
        fails(call, TypeError, f"axis is {type(axis).__name__}, expected {expected}", axis=axis)
    if call in CHANNELS:
        fails(call, TypeError, "axis is tuple, expected int", axis=(1,))
        for axis in (0, -3):
            text = f"axis {axis} is that of the samples for rank 3, expected one behind it"
            fails(call, ValueError, text, axis=axis)
    else:
        fails(call, ValueError, "axis is (), expected at least one axis", axis=())
        fails(call, ValueError, "axis is (2, -1), expected different axes of rank 3", axis=(2, -1))
        fails(call, TypeError, "axis is float, expected int or a tuple of int", axis=(0, 1.5))


@pytest.mark.parametrize("call", GOOD)
def test_errors_of_other_arguments(call):
    for name in sorted(GOOD[call].keys() & {"gamma", "beta", "dy", "mean", "inv_std", "inv_rms"}):
        good = GOOD[call][name]
        what = {"gamma": ", the extents of x on axis 2", "dy": " as x has"}
        what["beta"] = what["gamma"]
        statistics = {"group_norm_backward": ", (N, groups)", "instance_norm_backward": ", (N, C) of x"}
        meaning = what.get(name, statistics.get(call, ", the extents of x on the other axes"))
        for shape in ((7,), (), (1, *good.shape)):
            text = f"{name} has shape {shape}, expected {good.shape}{meaning}"
            fails(call, ValueError, text, **{name: np.ones(shape, F)})
        text = f"{name} has dtype float64, expected float32 as x has"
        fails(call, TypeError, text, **{name: good.astype("float64")})
        fails(call, TypeError, f"{name} is list, expected an array of numbers", **{name: good.tolist()})
        if name in ("dy", "mean", "inv_std", "inv_rms"):
            fails(call, TypeError, f"{name} is NoneType, expected an array of numbers", **{name: None})
    if not call.endswith("backward"):
        for epsilon in (0.0, -1e-3, np.nan, np.inf):
            fails(call, ValueError, f"epsilon is {epsilon}, expected a finite number > 0", epsilon=epsilon)
        for epsilon in ("1", None, True):
            text = f"epsilon is {type(epsilon).__name__}, expected a number"
            fails(call, TypeError, text, epsilon=epsilon)
    if "groups" in GOOD[call]:
        for groups in (0, -1, 3, 8):
            text = f"groups is {groups}, expected a divisor >= 1 of the 4 channels"
            fails(call, ValueError, text, groups=groups)
        fails(call, TypeError, "groups is float, expected int", groups=2.0)
        fails(call, TypeError, "groups is bool, expected int", groups=True)


def test_several_axes_in_errors():
    text = "gamma has shape (4,), expected (3, 4), the extents of x on axes (1, 2)"
    fails("layer_norm", ValueError, text, axis=(2, 1))
    with pytest.raises(TypeError, match="positional"):
        functional.layer_norm(X, GAMMA, BETA, -1)
    with pytest.raises(TypeError, match="groups"):
        functional.group_norm(X, GAMMA, BETA)
