"""Parameters of Keras that few programs use: initial values, dtypes, axes of inputs and outputs, ranges of layers."""

import os

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import Input, Model, Sequential, Variable, initializers, jit, layers, ops
from swiftbn.models import model_from_json

X = np.random.default_rng(6).normal(size=(3, 4, 2))


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("axis", [None, 1, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("initial", [-10.0, 0.3, 10, np.inf])
def test_extremes_with_initial(name, axis, keepdims, initial):
    function, reference = getattr(ops, name), getattr(np, name)
    arguments = {"axis": axis, "keepdims": keepdims, "initial": initial}
    for x in (X, np.zeros((3, 0, 2)), X.astype("float32")):
        if x.size == 0 and axis == (0, 2):
            continue
        expected = reference(x, **arguments)
        for found in (function(x, **arguments), traced(lambda x: function(x, **arguments), x)):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == x.dtype
    assert function(np.zeros((0, 2)), axis=1, initial=initial).shape == (0,)


def test_extremes_of_integers_and_nan():
    assert ops.max(np.array([3, 5]), initial=9) == 9 and ops.max(np.array([3, 5], "uint8"), initial=4).dtype == "uint8"
    assert ops.min(np.array([], "int32"), initial=7) == 7
    assert np.isnan(ops.max(np.array([np.nan, 1.0]), initial=5.0)) and np.isnan(ops.min(X, initial=np.nan))
    assert ops.max(np.array([True, False]), initial=0) == 1
    for x, initial in ((np.array([1, 2]), 1.5), (np.array([1, 2], "uint8"), 300), (X, "0"), (X, [1.0]), (X, True)):
        with pytest.raises(ValueError, match="initial="):
            ops.max(x, initial=initial)
    with pytest.raises(ValueError):
        ops.max(np.zeros((0, 2)))
    x = np.array([1.0, 4.0, 2.0])
    check_gradient(lambda x: ops.max(x, initial=3.0), x)
    check_gradient(lambda x: ops.max(x, initial=5.0), x)


def test_product_in_a_dtype():
    x = np.array([[200, 2], [3, 5]], "uint8")
    for dtype in ("float32", "float64", "int64"):
        found = ops.prod(x, axis=0, dtype=dtype)
        np.testing.assert_array_equal(found, [600, 10])
        assert found.dtype == dtype
    np.testing.assert_allclose(traced(lambda x: ops.prod(x, dtype="float64"), X.astype("float32")), X.prod(), rtol=1e-4)


LINSPACES = [
    (0, 1, {}),
    (2.0, -3.0, {"num": 7, "endpoint": False}),
    (X[0], X[1], {"num": 5}),
    (X[0], 2.0, {"num": 4, "axis": -1, "endpoint": False}),
    (X[0], X[1, :, :1], {"num": 3, "axis": 1}),
    (0.0, X[0], {"num": 1}),
    (0.0, X[0], {"num": 1, "endpoint": False}),
    (0.0, X[0], {"num": 0}),
    (np.array([0.0, 0.0]), np.array([10.0, 7.0]), {"num": 5, "dtype": "int32"}),
]


@pytest.mark.parametrize("case", range(len(LINSPACES)))
def test_linspace(case):
    start, stop, arguments = LINSPACES[case]
    has_arrays = isinstance(start, np.ndarray) or isinstance(stop, np.ndarray)
    dtype = arguments.get("dtype", "float64" if has_arrays else "float32")
    expected = np.linspace(start, stop, **{"dtype": dtype, **arguments})
    found = ops.linspace(start, stop, **arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == dtype
    values, step = ops.linspace(start, stop, retstep=True, **arguments)
    np.testing.assert_array_equal(values, found)
    np.testing.assert_allclose(step, np.linspace(start, stop, retstep=True, **arguments)[1], rtol=1e-6)
    if has_arrays:
        inside, distance = jit(lambda a, b: ops.linspace(a, b, retstep=True, **arguments))(start, stop)
        np.testing.assert_allclose(inside, expected, rtol=1e-12, atol=1e-12)
        assert inside.dtype == dtype
        np.testing.assert_allclose(distance, step, rtol=1e-12)


def test_linspace_gradients_errors_and_models():
    check_gradient(lambda x: ops.sum(ops.square(ops.linspace(x, 2.0, 5))), X[0])
    ends = jit(lambda a: ops.linspace(a, 0.7, 11)[-1])(np.full(3, 0.1, "float32"))
    np.testing.assert_array_equal(ends, np.full(3, 0.7, "float32"))
    with pytest.raises(ValueError, match="num=-1"):
        ops.linspace(0, 1, -1)
    a, b = Input((2,)), Input((2,))
    model = Model([a, b], ops.linspace(a, b, num=3, axis=1))
    x = X[0].astype("float32")
    again = model_from_json(model.to_json())
    for each in (model, again):
        np.testing.assert_allclose(each.predict([x, 2 * x], verbose=0), np.linspace(x, 2 * x, 3, axis=1), rtol=1e-5)


KINDS = [
    (initializers.GlorotUniform, 1.0, "fan_avg"),
    (initializers.GlorotNormal, 1.0, "fan_avg"),
    (initializers.HeNormal, 2.0, "fan_in"),
    (initializers.HeUniform, 2.0, "fan_in"),
    (initializers.LecunNormal, 1.0, "fan_in"),
    (initializers.LecunUniform, 1.0, "fan_in"),
    (lambda **axes: initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", **axes), 3.0, "fan_out"),
]


@pytest.mark.parametrize("kind, scale, mode", KINDS)
def test_axes_of_inputs_and_outputs(kind, scale, mode):
    shape = (40, 3, 50, 4)
    fans = {"fan_in": 40 * 4, "fan_out": 50, "fan_avg": (160 + 50) / 2}
    initializer = kind(seed=3, input_axes=(0, -1), output_axes=[2])
    values = initializer(shape)
    np.testing.assert_allclose(values.std(), np.sqrt(scale / fans[mode]), rtol=0.03)
    config = initializer.get_config()
    assert config["input_axes"] == [0, -1] and config["output_axes"] == [2]
    again = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(again(shape), values)
    assert kind(seed=3).get_config()["input_axes"] is None
    assert not np.array_equal(kind(seed=3)(shape), values)


def test_axes_that_are_not_there():
    with pytest.raises(ValueError, match=r"input_axes=\[0\], output_axes=None"):
        initializers.HeNormal(input_axes=[0])
    with pytest.raises(ValueError, match="output_axes=1"):
        initializers.HeNormal(input_axes=[0], output_axes=1)
    with pytest.raises(ValueError, match=r"output_axes to be axes of a weight of shape \(2, 3\)"):
        initializers.HeNormal(input_axes=[0], output_axes=[2])((2, 3))


def test_summary_of_some_layers():
    model = Sequential([Input((3,)), *(layers.Dense(2, name=f"{n}_{i}") for i, n in enumerate("abca"))])

    def listed(**kwargs):
        lines = []
        model.summary(print_fn=lines.append, **kwargs)
        text = "\n".join(lines)
        assert "Total params: 26" in text
        return [name for name in ("a_0", "b_1", "c_2", "a_3") if name in text]

    assert listed() == ["a_0", "b_1", "c_2", "a_3"]
    assert listed(layer_range=("b_1", "c_2")) == ["b_1", "c_2"] == listed(layer_range=["c", "b"])
    assert listed(layer_range=("b", "a")) == ["b_1", "c_2", "a_3"] and listed(layer_range=("c_2", "c_2")) == ["c_2"]
    for bad in ("b_1", ("b_1",), ("b_1", 3), ("b_1", "x")):
        with pytest.raises(ValueError, match="layer_range"):
            model.summary(layer_range=bad)


@pytest.mark.interop
def test_keras_agrees():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    for arguments in ({"initial": 0.5}, {"axis": 1, "initial": 3.0}):
        np.testing.assert_allclose(ops.max(X, **arguments), np.asarray(keras.ops.max(X, **arguments)))
        np.testing.assert_allclose(ops.min(X, **arguments), np.asarray(keras.ops.min(X, **arguments)))
    for start, stop, arguments in LINSPACES[1:5]:
        ours, theirs = (package.linspace(start, stop, retstep=True, **arguments) for package in (ops, keras.ops))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5, atol=1e-6)
    from keras.src.initializers.random_initializers import compute_fans as theirs

    from swiftbn.initializers import compute_fans

    for axes in ((None, None), ([0], [1, 2]), ([-1, 0], [])):
        assert compute_fans((2, 3, 4), *axes) == theirs((2, 3, 4), *axes)
    a, b = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([a, b], [keras.ops.linspace(a, b, num=3), keras.ops.max(a, axis=1, initial=0.1)])
    again = model_from_json(model.to_json())
    x = X[0].astype("float32")
    for p, q in zip(model.predict([x, 2 * x], verbose=0), again.predict([x, 2 * x], verbose=0), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5)


def test_parameters_of_variables_and_files(tmp_path):
    variable = Variable(np.ones(2), autocast=False, aggregation="mean", synchronization="on_read", name="v")
    assert variable.name == "v" and variable.dtype == "float64"
    for arguments, text in (
        ({"autocast": "no"}, "autocast='no'"),
        ({"aggregation": "median"}, "aggregation='median'"),
        ({"synchronization": "never"}, "synchronization='never'"),
        ({"layout": "rows"}, "layout='rows'"),
    ):
        with pytest.raises(ValueError, match=text):
            Variable(np.ones(2), **arguments)
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.save(tmp_path / "m.keras", zipped=True)
    with pytest.raises(ValueError, match="zipped=False"):
        model.save(tmp_path / "m.keras", zipped=False)
