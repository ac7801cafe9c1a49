"""Options of BatchNormalization: statistics, outputs, moving statistics, gradients, errors that change nothing."""

import numpy as np
import pytest
from batch_normalization_cases import EPSILON, MASKS, RANDOM, X, make, normalized, state
from checks import same_on_threads

import swiftbn
from swiftbn import Sequential, layers, ops

OTHERS = [(RANDOM.normal(size=(7, 4, 3)) * (i + 1) + i).astype("float64") for i in range(6)]


def moments(x):
    return x.mean((0, 1)), x.var((0, 1))


def test_moving_statistics_exponential():
    layer, mean, variance = make(momentum=0.8), np.zeros(3), np.ones(3)
    for x in OTHERS:
        y = layer(x, training=True)
        np.testing.assert_allclose(y, normalized(layer, x, *moments(x)), rtol=1e-9)
        mean, variance = 0.8 * mean + 0.2 * moments(x)[0], 0.8 * variance + 0.2 * moments(x)[1]
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-10)
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-10)
    np.testing.assert_allclose(layer(X), normalized(layer, X, mean, variance), rtol=1e-9)


@pytest.mark.parametrize(
    "options,count",
    [({"moving_average": "cumulative"}, 6)] + [({"moving_average": "window", "window": k}, k) for k in (1, 2, 4, 6, 9)],
)
def test_moving_statistics_as_means(options, count):
    layer = make(**options)
    for number, x in enumerate(OTHERS):
        layer(x, training=True)
        last = OTHERS[max(0, number + 1 - count) : number + 1]
        np.testing.assert_allclose(layer.moving_mean, np.mean([moments(v)[0] for v in last], 0), rtol=1e-10)
        np.testing.assert_allclose(layer.moving_variance, np.mean([moments(v)[1] for v in last], 0), rtol=1e-10)


def test_unbiased_variance():
    layer = make(momentum=0.0, unbiased_variance=True)
    y = layer(X, training=True)
    np.testing.assert_allclose(y, normalized(layer, X, *moments(X)), rtol=1e-9)
    np.testing.assert_allclose(layer.moving_variance, X.var((0, 1), ddof=1), rtol=1e-10)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("unbiased", [False, True])
def test_virtual_batches(size, unbiased):
    layer = make(momentum=0.0, virtual_batch_size=size, unbiased_variance=unbiased)
    parts = [X[i : i + size] for i in range(0, 7, size)]
    y = layer(X, training=True)
    np.testing.assert_allclose(y, np.concatenate([normalized(layer, p, *moments(p)) for p in parts]), rtol=1e-9)
    weights = [len(p) / 7 for p in parts]
    variances = [p.var((0, 1), ddof=int(unbiased)) for p in parts]
    np.testing.assert_allclose(layer.moving_mean, moments(X)[0], rtol=1e-10)
    np.testing.assert_allclose(layer.moving_variance, np.average(variances, axis=0, weights=weights), rtol=1e-10)
    np.testing.assert_allclose(layer(X), normalized(layer, X, *(np.asarray(m) for m in state(layer)[:2])), rtol=1e-9)


@pytest.mark.parametrize(
    "shape, axis, size", [((300, 26, 26, 3), -1, 7), ((40, 16, 30, 30), 1, 16), ((999, 256), -1, 32)]
)
def test_virtual_batches_are_the_same_on_any_number_of_threads(shape, axis, size):
    layer = layers.BatchNormalization(axis=axis, virtual_batch_size=size)
    layer.build(shape)
    x, weights = RANDOM.normal(2, 1, (2, *shape)).astype("float32")
    step = swiftbn.value_and_grad(lambda x: ops.sum(layer(x, training=True) * weights))
    y, _ = same_on_threads(lambda: (layer(x, training=True), step(x)[1]))
    last = (shape[0] - 1) // size * size
    alone = layers.BatchNormalization(axis=axis)
    np.testing.assert_array_equal(alone(x[last:], training=True), y[last:])


def test_normalizing_with_the_moving_statistics():
    layer = make(normalize_with="moving", momentum=0.9)
    for x in OTHERS[:2]:
        mean, variance = state(layer)[:2]
        np.testing.assert_allclose(layer(x, training=True), normalized(layer, x, mean, variance), rtol=1e-9)
        np.testing.assert_allclose(layer.moving_mean, 0.9 * mean + 0.1 * moments(x)[0], rtol=1e-10)


def test_channel_axes():
    for axis, data_format in [(1, None), (-1, "channels_first"), (-2, None)]:
        layer = layers.BatchNormalization(axis=axis, data_format=data_format, dtype="float64", momentum=0.0)
        y = layer(X, training=True)
        expected = (X - X.mean((0, 2), keepdims=True)) / np.sqrt(X.var((0, 2), keepdims=True) + EPSILON)
        np.testing.assert_allclose(y, expected, rtol=1e-9)
    assert layers.BatchNormalization(data_format="channels_last", fused=True).axis == -1


@pytest.mark.parametrize("axis", [(1, 2), (2, 1), (1, 3), (-1, 1), (1, 2, 3), (3,)])
def test_several_channel_axes(axis):
    x = RANDOM.normal(size=(6, 2, 5, 3))
    layer = layers.BatchNormalization(axis=axis, dtype="float64", momentum=0.0)
    model = Sequential([swiftbn.Input((2, 5, 3), dtype="float64"), layer])
    gamma = RANDOM.uniform(0.5, 2, size=layer.gamma.shape)
    layer.gamma.assign(gamma)
    others = tuple(a for a in range(4) if a not in [b % 4 for b in axis])
    mean, variance = x.mean(others, keepdims=True), x.var(others, keepdims=True)
    order = np.argsort([b % 4 for b in axis])
    full = np.transpose(gamma, order).reshape([x.shape[a] if a in [b % 4 for b in axis] else 1 for a in range(4)])
    expected = full * (x - mean) / np.sqrt(variance + EPSILON)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-9)
    assert layer.moving_mean.shape == tuple(x.shape[b] for b in axis)
    np.testing.assert_allclose(np.transpose(layer.moving_mean, order).ravel(), mean.ravel(), rtol=1e-9)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)


# Gradients

MASK = MASKS["positions"]
GRADIENTS = {
    "plain": ({}, None),
    "virtual": ({"virtual_batch_size": 3}, None),
    "moving": ({"normalize_with": "moving"}, None),
    "mask": ({}, MASK),
    "axes": ({"axis": (1, 2)}, None),
    "renorm": ({"renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.5, "dmax": 0.3}}, None),
    "skip": ({"nonfinite": "skip", "single_value": "moving"}, None),
    "unbiased": ({"unbiased_variance": True, "moving_average": "cumulative"}, None),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    """By central differences; corrections of renorm are constants, so they are fixed for the differences."""
    options, mask = GRADIENTS[name]
    layer = make(**options)
    initial = state(layer)
    weights = RANDOM.normal(size=X.shape)

    def loss(x):
        return ops.sum(layer(x, training=True, mask=mask) * weights)

    if name == "renorm":
        mean, variance = moments(X)
        r = np.clip(np.sqrt(variance + EPSILON), 0.5, 1.5)
        d = np.clip(mean, -0.3, 0.3)

        def value(x):
            m, v = moments(x)
            y = (x - m) / np.sqrt(v + EPSILON) * r + d
            return ((np.asarray(layer.gamma) * y + np.asarray(layer.beta)) * weights).sum()
    else:

        def value(x):
            for variable, first in zip(layer.non_trainable_variables, initial, strict=True):
                variable.assign(first)
            return float(loss(x))

    gradient = swiftbn.grad(loss)(X)
    step = 1e-6
    for index in list(np.ndindex(X.shape))[::5]:
        up, down = X.copy(), X.copy()
        up[index] += step
        down[index] -= step
        assert gradient[index] == pytest.approx((value(up) - value(down)) / (2 * step), rel=1e-4, abs=1e-6)


def test_gradient_penalty():
    """A gradient of a gradient: d/dγ of Σ(∂L/∂x)², by central differences."""
    layer = make()
    weights = RANDOM.normal(size=X.shape)

    def penalty(x):
        inner = swiftbn.grad(lambda v: ops.sum(ops.square(layer(v, training=True)) * weights))(x)
        return ops.sum(ops.square(inner))

    gradient = swiftbn.grad(penalty)(X)
    step = 1e-5
    for index in list(np.ndindex(X.shape))[::9]:
        up, down = X.copy(), X.copy()
        up[index] += step
        down[index] -= step
        expected = (float(penalty(up)) - float(penalty(down))) / (2 * step)
        assert gradient[index] == pytest.approx(expected, rel=1e-3, abs=1e-4)


# Conventions, configurations, files


def test_conventions():
    layer = layers.BatchNormalization.torch(momentum=0.2)
    assert layer.axis == 1 and layer.momentum == pytest.approx(0.8) and layer.epsilon == 1e-5
    assert layer.unbiased_variance
    assert layers.BatchNormalization.keras().get_config().keys() == layers.BatchNormalization().get_config().keys()


OPTIONS = [
    {"moving_average": "window", "window": 3},
    {"moving_average": "cumulative"},
    {"virtual_batch_size": 2},
    {"normalize_with": "moving"},
    {"unbiased_variance": True},
    {"nonfinite": "skip"},
    {"single_value": "moving"},
    {"axis": (1, 2)},
    {"renorm": True, "renorm_clipping": {"rmax": 2.0}},
    {"synchronized": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_files_go_on_as_if_uninterrupted(options, tmp_path):
    model = Sequential([swiftbn.Input((4, 3)), layers.BatchNormalization(**options), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    targets = np.arange(7.0)[:, None]
    for x in OTHERS[:4]:
        model.train_on_batch(x, targets)
    model.save(tmp_path / "m.keras")
    copy = swiftbn.models.load_model(tmp_path / "m.keras")
    for x in OTHERS[4:]:
        assert model.train_on_batch(x, targets) == copy.train_on_batch(x, targets)
    np.testing.assert_array_equal(model.predict(X, verbose=0), copy.predict(X, verbose=0))
    config = model.layers[0].get_config()
    for name, value in options.items():
        assert config[name] == value


def test_reset():
    layer = make(moving_average="window", window=2, nonfinite="skip")
    initial = state(layer)
    layer(X, training=True)
    layer.reset_moving_statistics()
    for old, new in zip(initial, state(layer), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "options,text",
    [
        ({"moving_average": "median"}, "moving_average.*'median'"),
        ({"moving_average": "window"}, "window=None"),
        ({"window": 3}, "window=3"),
        ({"moving_average": "window", "window": 0}, "window=0"),
        ({"normalize_with": "both"}, "normalize_with.*'both'"),
        ({"virtual_batch_size": 0}, "virtual_batch_size=0"),
        ({"nonfinite": "ignore"}, "nonfinite.*'ignore'"),
        ({"single_value": "zero"}, "single_value.*'zero'"),
        ({"data_format": "channels"}, "data_format.*'channels'"),
        ({"axis": 2, "data_format": "channels_first"}, "axis=2, data_format='channels_first'"),
        ({"axis": (1, "2")}, "axis"),
        ({"renorm": True, "renorm_clipping": {"max": 1}}, "rmax, rmin, dmax.*'max'"),
        ({"renorm": True, "renorm_clipping": {"rmax": 1, "rmin": 2}}, "rmin <= rmax"),
        ({"renorm": True, "virtual_batch_size": 2}, "renorm goes neither"),
    ],
)
def test_bad_arguments(options, text):
    with pytest.raises(ValueError, match=text):
        layers.BatchNormalization(**options)


def test_bad_calls():
    with pytest.raises(ValueError, match=r"rank 2 or less.*\(7, 4, 3, 1\)"):
        make()(X, training=True, mask=np.ones((7, 4, 3, 1)))
    with pytest.raises(ValueError, match="virtual_batch_size does not go with a mask"):
        make(virtual_batch_size=2)(X, training=True, mask=MASK)
    with pytest.raises(ValueError, match=r"different axes.*\(1, -2\)"):
        layers.BatchNormalization(axis=(1, -2))(X)
