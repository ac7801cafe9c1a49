"""Dropout and noise: statistics for fixed seeds, what is shared, gradients, equal results for any number of threads."""

import numpy as np
import pytest
from checks import same_on_threads, traced

import swiftbn
from swiftbn import Input, Sequential, layers, ops, random

X = np.random.default_rng(3).normal(size=(64, 50, 40)).astype("float32")
NOISY = {
    "Dropout": lambda **k: layers.Dropout(0.3, **k),
    "Dropout shared": lambda **k: layers.Dropout(0.3, noise_shape=(None, 1, None), **k),
    "SpatialDropout1D": lambda **k: layers.SpatialDropout1D(0.3, **k),
    "GaussianNoise": lambda **k: layers.GaussianNoise(0.7, **k),
    "GaussianDropout": lambda **k: layers.GaussianDropout(0.3, **k),
    "AlphaDropout": lambda **k: layers.AlphaDropout(0.3, **k),
    "AlphaDropout shared": lambda **k: layers.AlphaDropout(0.3, noise_shape=(None, None, 1), **k),
}


@pytest.mark.parametrize("name", NOISY)
def test_only_training_has_noise_and_seeds_repeat_it(name):
    layer = NOISY[name](seed=7)
    assert layer(X) is X or np.array_equal(layer(X), X)
    first, second = layer(X, training=True), layer(X, training=True)
    assert first.dtype == "float32" and not np.array_equal(first, X) and not np.array_equal(first, second)
    again = NOISY[name](seed=7)
    assert np.array_equal(again(X, training=True), first) and np.array_equal(again(X, training=True), second)
    assert not np.array_equal(NOISY[name](seed=8)(X, training=True), first)
    swiftbn.utils.set_random_seed(4)
    third = NOISY[name]()(X, training=True)
    swiftbn.utils.set_random_seed(4)
    assert np.array_equal(NOISY[name]()(X, training=True), third)
    assert layer(X[:0], training=True).shape == (0, 50, 40)
    assert layer.compute_output_shape((None, 3)) == (None, 3) and layer.supports_masking
    assert layer(Input((None, 40))).shape == (None, None, 40)


@pytest.mark.parametrize("name", NOISY)
def test_any_number_of_threads_gives_the_same(name):
    same_on_threads(lambda: NOISY[name](seed=7)(X, training=True), (1, 2, 5))


@pytest.mark.parametrize("name", NOISY)
def test_gradients_see_the_same_noise(name):
    """All are affine in x, element by element, so that the gradient says what the noise multiplied by."""
    x = X[:4, :3, :2].astype("float64")

    def total(v):
        return ops.sum(NOISY[name](seed=7, dtype="float64")(v, training=True))

    gradient = swiftbn.grad(total)(x)
    layer = NOISY[name](seed=7, dtype="float64")
    y = layer(x, training=True)
    layer = NOISY[name](seed=7, dtype="float64")
    np.testing.assert_allclose(layer(x + 1, training=True) - y, gradient, rtol=1e-9, atol=1e-9)
    layer = NOISY[name](seed=7, dtype="float64")
    assert np.array_equal(traced(lambda v: layer(v, training=True), x), y)


def close_to(value, expected, deviation, count, sigmas=5):
    assert abs(value - expected) < sigmas * deviation / np.sqrt(count)


def test_dropout_drops_the_rate_and_keeps_the_mean():
    y = layers.Dropout(0.3, seed=7)(np.ones_like(X), training=True)
    assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
    close_to((y == 0).mean(), 0.3, np.sqrt(0.21), y.size)


@pytest.mark.parametrize("noise_shape, axes", [((None, 1, None), (1,)), ((None, None, 1), (2,)), ((1, 40), (0, 1))])
def test_noise_shape_says_what_falls_together(noise_shape, axes):
    y = layers.Dropout(0.3, noise_shape=noise_shape, seed=7)(np.ones_like(X), training=True)
    assert (y.max(axis=axes) == y.min(axis=axes)).all()
    dropped = y.min(axis=axes) == 0
    assert abs(dropped.mean() - 0.3) < 5 * np.sqrt(0.21 / dropped.size) and dropped.any()
    again = random.dropout(np.ones_like(X), 0.3, noise_shape=noise_shape, seed=3)
    assert (again.max(axis=axes) == again.min(axis=axes)).all()


@pytest.mark.parametrize(
    "layer, shape, axes",
    [
        (layers.SpatialDropout1D, (50, 9, 40), (1,)),
        (layers.SpatialDropout2D, (50, 3, 4, 40), (1, 2)),
        (layers.SpatialDropout3D, (50, 2, 3, 4, 40), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_channels(layer, shape, axes):
    y = layer(0.4, seed=7)(np.ones(shape, "float32"), training=True)
    assert (y.max(axis=axes) == y.min(axis=axes)).all()
    close_to((y == 0).mean(), 0.4, np.sqrt(0.24), 2000)
    if layer is not layers.SpatialDropout1D:
        first = layer(0.4, data_format="channels_first", seed=7)(
            np.ones((50, 40, *shape[1:-1]), "float32"), training=True
        )
        assert (first.reshape(50, 40, -1).max(2) == first.reshape(50, 40, -1).min(2)).all()


def test_gaussian_noise_and_dropout_have_their_moments():
    noise = layers.GaussianNoise(0.7, seed=7)(X, training=True) - X
    close_to(noise.mean(), 0, 0.7, noise.size)
    close_to(noise.var(), 0.49, 0.49 * np.sqrt(2), noise.size)
    factor = layers.GaussianDropout(0.3, seed=7)(np.ones_like(X), training=True)
    close_to(factor.mean(), 1, np.sqrt(3 / 7), factor.size)
    close_to(factor.var(), 3 / 7, 3 / 7 * np.sqrt(2), factor.size)


def test_alpha_dropout_keeps_mean_and_variance():
    layer = layers.AlphaDropout(0.3, seed=7)
    y = layer(X, training=True)
    assert abs(y.mean() - X.mean()) < 0.02 and abs(y.var() - X.var()) < 0.03
    values, counts = np.unique(y, return_counts=True)
    close_to(counts.max() / y.size, 0.3, np.sqrt(0.21), y.size)
    scale = (0.7 * (1 + 0.3 * 1.7580993408473766**2)) ** -0.5
    np.testing.assert_allclose(values[counts.argmax()], scale * (-1.7580993408473766 * 0.7), rtol=1e-5)
    shared = layers.AlphaDropout(0.3, noise_shape=(None, None, 1), seed=7)(np.ones_like(X), training=True)
    assert (shared.max(2) == shared.min(2)).all() and shared.min() < shared.max()


def test_noise_in_compiled_models_goes_on():
    model = Sequential([Input((4, 3)), layers.GaussianNoise(0.5, seed=1), layers.SpatialDropout1D(0.5, seed=2)])
    model.add(layers.Flatten())
    model.add(layers.Dense(1, kernel_initializer="ones"))
    model.compile(swiftbn.optimizers.SGD(0.0), "mse")
    x, y = np.ones((8, 4, 3), "float32"), np.zeros((8, 1), "float32")
    losses = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert len(set(losses)) == 4
    assert len(set(map(float, model.predict(x, verbose=0).ravel()))) == 1


BAD = [
    (lambda: layers.Dropout(1.0), "Dropout: expected rate.*rate=1.0"),
    (lambda: layers.SpatialDropout2D(-0.1), "SpatialDropout2D: expected rate"),
    (lambda: layers.SpatialDropout2D(0.1, data_format="x"), "data_format='x'"),
    (lambda: layers.SpatialDropout1D(0.1)(X[0]), "expected rank 3"),
    (lambda: layers.GaussianDropout(1), "GaussianDropout: expected rate"),
    (lambda: layers.AlphaDropout("a"), "AlphaDropout: expected rate"),
    (lambda: layers.GaussianNoise(-1), "GaussianNoise: expected stddev"),
    (lambda: layers.Dropout(0.1, noise_shape="ab"), "noise_shape='ab'"),
    (lambda: layers.AlphaDropout(0.1, noise_shape=(1.5,)), r"noise_shape=\(1.5,\)"),
    (lambda: layers.Dropout(0.1, (3, 1, 1))(X, training=True), r"broadcasts to .* \(64, 50, 40\).*\(3, 1, 1\)"),
    (lambda: layers.Dropout(0.1, (1,) * 4)(X, training=True), "broadcasts"),
    (lambda: layers.Dropout(0.1, seed=-1), "seed=-1"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
