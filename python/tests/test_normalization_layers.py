"""Layer, group, instance, RMS and unit normalization: against float64 NumPy, gradients, robustness, errors, files."""

import numpy as np
import pytest
from checks import check_layer_gradients, traced

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops, saving
from swiftbn.trace import Trace

RANDOM = np.random.default_rng(31)
EPSILON = 1e-2


def whiten(x, axes, epsilon=EPSILON):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def along(parameter, x, axes):
    return np.reshape(parameter, [extent if i in axes else 1 for i, extent in enumerate(x.shape)])


def reference(layer, x):
    """What the layer should return, computed by NumPy in float64 in the plainest way."""
    x = x.astype("float64")
    kind = type(layer).__name__
    axes = layer.axis if isinstance(layer.axis, list) else [layer.axis]
    axes = tuple(sorted(a % x.ndim for a in axes))
    if kind == "UnitNormalization":
        return x / np.sqrt((x**2).sum(axes, keepdims=True))
    if kind == "RMSNormalization":
        y = x / np.sqrt((x**2).mean(axes, keepdims=True) + layer.epsilon)
        return y * along(layer.scale.numpy(), x, axes)
    if kind == "LayerNormalization":
        y = whiten(x, axes, layer.epsilon)
    else:
        channels = x.shape[axes[0]]
        groups = layer.groups if kind == "GroupNormalization" else channels
        y = np.empty_like(x)
        for sample in range(len(x)):
            for group in np.split(np.arange(channels), groups):
                place = [sample, *[slice(None)] * (x.ndim - 1)]
                place[axes[0]] = group
                y[tuple(place)] = whiten(x[tuple(place)], None, layer.epsilon)
    if layer.gamma is not None:
        y = y * along(layer.gamma.numpy(), x, axes)
    return y if layer.beta is None else y + along(layer.beta.numpy(), x, axes)


LN, GN, IN = layers.LayerNormalization, layers.GroupNormalization, layers.InstanceNormalization
RMS, UNIT = layers.RMSNormalization, layers.UnitNormalization

# Layer, its arguments, shape of the inputs, shape of the parameters.
CASES = [
    (LN, {}, (6, 5), (5,)),
    (LN, {}, (5,), (5,)),
    (LN, {}, (2, 3, 4, 5), (5,)),
    (LN, {"axis": 1}, (2, 3, 4), (3,)),
    (LN, {"axis": -2}, (2, 3, 4, 5), (4,)),
    (LN, {"axis": 0}, (4, 3), (4,)),
    (LN, {"axis": [1, 2]}, (2, 3, 4), (3, 4)),
    (LN, {"axis": (-1, 1)}, (2, 3, 4, 5), (3, 5)),
    (LN, {"axis": [3, 1, 2]}, (2, 3, 4, 5), (3, 4, 5)),
    (LN, {"axis": [1, 2]}, (2, 3, 4, 2, 3), (3, 4)),
    (LN, {"axis": [0, 1]}, (2, 3), (2, 3)),
    (GN, {"groups": 2}, (3, 6), (6,)),
    (GN, {"groups": 3}, (2, 4, 6), (6,)),
    (GN, {"groups": 2}, (2, 3, 4, 6), (6,)),
    (GN, {"groups": 1}, (2, 3, 4, 6), (6,)),
    (GN, {"groups": 6}, (2, 3, 4, 6), (6,)),
    (GN, {"groups": -1}, (2, 3, 4, 6), (6,)),
    (GN, {"groups": 2, "axis": 1}, (2, 6, 3, 4), (6,)),
    (GN, {"groups": 2, "axis": -3}, (2, 6, 3, 4), (6,)),
    (GN, {"groups": 2, "axis": 2}, (2, 3, 4, 5), (4,)),
    (GN, {"groups": 2}, (2, 2, 3, 2, 4), (4,)),
    (IN, {}, (2, 4, 3), (3,)),
    (IN, {}, (2, 3, 4, 5), (5,)),
    (IN, {"axis": 1}, (2, 5, 3, 4), (5,)),
    (IN, {"axis": -2}, (2, 3, 5, 4), (5,)),
    (RMS, {}, (6, 5), (5,)),
    (RMS, {"axis": 1}, (2, 3, 4), (3,)),
    (RMS, {"axis": [2, 1]}, (2, 3, 4), (3, 4)),
    (UNIT, {}, (6, 5), None),
    (UNIT, {"axis": [1, 2]}, (2, 3, 4), None),
]
IDS = [f"{cls.__name__}-{options}-{shape}" for cls, options, shape, _ in CASES]


def make(cls, options, x, dtype="float64"):
    """The layer, built, with parameters that are not its first ones."""
    if cls is not UNIT:
        options = {"epsilon": EPSILON, **options}
    layer = cls(**options, dtype=dtype)
    layer(x)
    for variable in layer.weights:
        variable.assign(RANDOM.uniform(0.5, 2.0, variable.shape))
    return layer


@pytest.mark.parametrize("cls, options, shape, parameters", CASES, ids=IDS)
def test_values(cls, options, shape, parameters):
    x = RANDOM.normal(2.0, 3.0, shape)
    layer = make(cls, options, x)
    expected = reference(layer, x)
    for y in (layer(x), layer(x, training=True), traced(layer, x)):
        assert y.dtype == "float64" and y.shape == shape
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-11)
    names = {RMS: ["scale"], UNIT: []}.get(cls, ["gamma", "beta"])
    assert [w.path for w in layer.weights] == [f"{layer.name}/{name}" for name in names]
    assert all(w.shape == parameters and w.trainable for w in layer.weights)
    assert layer.compute_output_shape(shape) == shape
    single = make(cls, options, x, "float32")
    y = single(x.astype("float32"))
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, reference(single, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls, options, shape, parameters", CASES, ids=IDS)
def test_gradients(cls, options, shape, parameters):
    x = RANDOM.normal(0.5, 1.0, shape)
    check_layer_gradients(make(cls, options, x), x)


@pytest.mark.parametrize("cls", [LN, GN, IN])
@pytest.mark.parametrize("center, scale", [(True, False), (False, True), (False, False)])
def test_without_gamma_or_beta(cls, center, scale):
    x = RANDOM.normal(size=(2, 3, 4))
    options = {"center": center, "scale": scale, **({"groups": 2} if cls is GN else {})}
    layer = make(cls, options, x)
    assert [w.name for w in layer.weights] == ["gamma"] * scale + ["beta"] * center
    assert (layer.gamma is None, layer.beta is None) == (not scale, not center)
    np.testing.assert_allclose(layer(x), reference(layer, x), rtol=1e-10, atol=1e-12)
    check_layer_gradients(layer, x)


UNKNOWN = [
    (LN, {}, (None, 3, 4, 6)),
    (LN, {}, (None, None, 6)),
    (LN, {"axis": [1, 3]}, (None, 3, 4, 6)),
    (LN, {"axis": [1, 3]}, (None, 3, None, 6)),
    (GN, {"groups": 3}, (None, 3, 4, 6)),
    (GN, {"groups": 3}, (None, None, None, 6)),
    (GN, {"groups": 3}, (2, None, 6)),
    (GN, {"groups": 2, "axis": 1}, (None, 6, None, None)),
    (GN, {"groups": 2, "axis": 2}, (None, None, 6, 3)),
    (IN, {}, (None, 3, 4, 6)),
    (IN, {}, (None, None, None, 6)),
    (RMS, {}, (None, None, 6)),
    (UNIT, {}, (None, None, 6)),
]


@pytest.mark.parametrize("cls, options, shape", UNKNOWN)
def test_unknown_extents(cls, options, shape):
    """One program for several batches and pictures, with gradients, also for none at all."""
    known = [extent or 2 for extent in shape]
    layer = make(cls, options, np.ones(known))
    assert layer(Input(shape[1:], dtype="float64")).shape == (None, *shape[1:])
    with Trace() as trace:
        inputs = trace.input("x", shape, "float64")
        outputs = layer(inputs)
        gradient = trace.gradients([ops.sum(outputs * outputs * outputs)], [inputs])[0]
        program = trace.compile([outputs, gradient])
    for unknown in (2, 5):
        x = RANDOM.normal(size=[extent or unknown for extent in shape])
        y, dx = program.run((x,))
        np.testing.assert_allclose(y, reference(layer, x), rtol=1e-9, atol=1e-10)
        expected = swiftbn.grad(lambda v: ops.sum(layer(v) ** 3))(x)
        np.testing.assert_allclose(dx, expected, rtol=1e-8, atol=1e-9)
    if shape[0] is None:
        empty = np.empty((0, *[extent or 5 for extent in shape[1:]]))
        assert program.run((empty,))[0].shape == empty.shape
        assert layer(empty).shape == empty.shape


ROBUST = [(cls, options, shape) for cls, options, shape, _ in CASES if cls in (LN, GN, IN)]
ROBUST += [(cls, options, shape) for cls, options, shape in UNKNOWN if cls in (LN, GN, IN)]


@pytest.mark.parametrize("cls, options, shape", ROBUST)
def test_mean_far_from_zero(cls, options, shape):
    """float32 with mean 10⁴ and deviation 1: as exact as the inputs, eager and with unknown extents."""
    x = RANDOM.normal(1e4, 1.0, [extent or 4 for extent in shape]).astype("float32")
    layer = cls(**options, epsilon=1e-3)
    layer(x)
    expected = reference(layer, x)
    with Trace() as trace:
        program = trace.compile([layer(trace.input("x", shape, "float32"))])
    for y in (layer(x), program.run((x,))[0]):
        np.testing.assert_allclose(y, expected, atol=2e-6)


@pytest.mark.parametrize("cls, options, shape, parameters", CASES, ids=IDS)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_inputs(cls, options, shape, parameters, value):
    x = np.full(shape, value, "float32")
    layer = make(cls, options, x, "float32")
    y, dx = layer(x), swiftbn.grad(lambda v: ops.sum(layer(v)))(x)
    assert np.isfinite(y).all() and np.isfinite(dx).all()
    if cls in (LN, GN, IN):
        axes = layer.axis if isinstance(layer.axis, list) else [layer.axis]
        beta = along(layer.beta.numpy(), x, [a % x.ndim for a in axes])
        np.testing.assert_array_equal(y, np.broadcast_to(beta, shape))
    elif value == 0:
        np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("layer", [LN(), LN(axis=[1, 2]), LN(axis=1), GN(2), IN(), RMS(), UNIT()])
@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4)])
def test_nothing(layer, shape):
    layer = type(layer).from_config(layer.get_config())
    assert layer(np.empty(shape)).shape == shape


def test_relations_between_the_layers():
    x = RANDOM.normal(size=(3, 4, 5, 6))
    all_axes = LN(axis=[1, 2, 3], dtype="float64", center=False, scale=False)(x)
    np.testing.assert_allclose(GN(1, dtype="float64")(x), all_axes, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(GN(-1, dtype="float64")(x), IN(dtype="float64")(x))
    unit = UNIT(dtype="float64")(x)
    np.testing.assert_allclose((unit**2).sum(-1), 1, rtol=1e-14)
    np.testing.assert_allclose(RMS(epsilon=1e-30, dtype="float64")(x), unit * np.sqrt(6), rtol=1e-13)


def test_integers_are_taken_as_floats():
    x = RANDOM.integers(0, 9, size=(3, 4, 6))
    for layer in (LN(), GN(2), IN(), RMS(), UNIT()):
        y = layer(x)
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y, layer(x.astype("float32")))


def test_regularizers_and_constraints_and_trainable():
    layer = LN(gamma_regularizer="l2", beta_regularizer="l1", gamma_constraint="non_neg", beta_initializer="ones")
    x = RANDOM.normal(size=(8, 5)).astype("float32")
    layer(x)
    assert [float(loss) for loss in layer.losses] == pytest.approx([0.05, 0.05])
    model = Sequential([Input((5,)), layer])
    model.compile("sgd", "mse")
    layer.gamma[...] = 1e-6
    model.fit(x, -10 * layer(x), epochs=1, verbose=0)
    assert (layer.gamma.numpy() >= 0).all()
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 2


def network():
    inputs = Input((6, 6, 4))
    x = layers.Conv2D(8, 3)(inputs)
    x = GN(4)(x)
    x = layers.ReLU()(IN(epsilon=1e-2)(x))
    x = LN(axis=[1, 2, 3], scale=False)(x)
    x = layers.Flatten()(x)
    x = RMS()(layers.Dense(6)(x))
    return Model(inputs, layers.Dense(3, activation="softmax")(UNIT()(LN()(x))))


def test_a_model_learns_and_its_file_goes_on(tmp_path):
    x = RANDOM.normal(3, 2, size=(48, 6, 6, 4)).astype("float32")
    y = (x[:, :, :, 0].mean((1, 2)) > 3).astype(int) + (x[:, :, :, 1].mean((1, 2)) > 3)
    model = network()
    model.compile(swiftbn.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=10, epochs=25, verbose=0).history
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = saving.load_model(path)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]
    for each in (model, loaded):
        each.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
