"""Moving statistics measured anew over data."""

import numpy as np
import pytest
from batch_norm_models import assert_values, mnist_cnn, normalizations, randomize, values

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops

BN = layers.BatchNormalization
RANDOM = np.random.default_rng(3)


def statistics(layer):
    return np.array(layer.moving_mean.numpy()), np.array(layer.moving_variance.numpy())


def assert_statistics(layer, x, rtol=1e-5):
    """The layer's moving statistics are those of all values of x, computed in float64."""
    axes = tuple(range(x.ndim - 1))
    x = x.astype("float64")
    scale = max(np.abs(x).max(), 1e-30)
    np.testing.assert_allclose(layer.moving_mean, x.mean(axes), rtol=rtol, atol=rtol * scale)
    np.testing.assert_allclose(layer.moving_variance, x.var(axes), rtol=rtol, atol=rtol * scale**2)


def run_to(model, layer, x):
    """What a Sequential's layer is given in inference, for all data at once."""
    for other in model.layers:
        if other is layer:
            return x
        x = other(x)
    raise AssertionError(layer)


def images(count=37, size=28):
    """Images that get brighter, so that batches differ."""
    return (RANDOM.normal(size=(count, size, size, 1)) + np.linspace(-2, 5, count)[:, None, None, None]).astype("f4")


@pytest.mark.parametrize("batch_size", [1, 5, 16, 37, 100])
def test_layerwise_gives_population_statistics(batch_size):
    model, x = randomize(mnist_cnn(), negative=True), images()
    weights = [np.array(v.numpy()) for v in model.trainable_variables]
    assert model.recalibrate(x, batch_size=batch_size) is None
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    for layer in normalizations(model):
        assert_statistics(layer, run_to(model, layer, x), rtol=2e-5)
    first = normalizations(model)[0]
    given = run_to(model, first, x).astype("float64")
    np.testing.assert_array_equal(first.moving_mean, given.mean((0, 1, 2)).astype("float32"))
    np.testing.assert_allclose(first.moving_variance, given.var((0, 1, 2)), rtol=1e-7)


@pytest.mark.parametrize("method", ["layerwise", "together"])
def test_one_batch_gives_the_same_by_both_methods(method):
    x = images()
    expected, model = randomize(mnist_cnn()), randomize(mnist_cnn())
    model.set_weights(expected.get_weights())
    expected.recalibrate(x, batch_size=5)
    model.recalibrate(x, batch_size=37, method=method)
    for a, b in zip(normalizations(model), normalizations(expected), strict=True):
        for value, wanted in zip(statistics(a), statistics(b), strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


def test_together_normalizes_by_each_batch():
    x = RANDOM.normal(size=(11, 4)).astype("float32") + np.arange(11, dtype="float32")[:, None]
    model = randomize(Sequential([Input((4,)), BN(epsilon=0.1), layers.Dense(3), layers.Dropout(0.5), BN()]))
    first, dense, _, second = model.layers
    model.recalibrate(x, batch_size=4, method="together")
    assert_statistics(first, x)
    parts = []
    for batch in (x[:4], x[4:8], x[8:]):
        mean, variance = batch.mean(0), batch.var(0)
        parts.append(dense((batch - mean) / np.sqrt(variance + 0.1) * first.gamma.numpy() + first.beta.numpy()))
    assert_statistics(second, np.concatenate(parts))


@pytest.mark.parametrize("method", ["layerwise", "together"])
def test_momentum_has_no_part(method):
    models = [mnist_cnn(momentum=momentum) for momentum in (0.0, 0.5, 1.0)]
    x = images(20)
    for model in models:
        model.set_weights(models[0].get_weights())
        model.recalibrate(x, batch_size=7, method=method)
        model.recalibrate(x, batch_size=7, method=method)
    for model in models[1:]:
        assert_values(model, values(models[0]))


def test_large_means_lose_no_digits():
    x = (RANDOM.normal(size=(1000, 3)) + 1e4).astype("float32")
    model = Sequential([Input((3,)), BN()])
    model.recalibrate(x, batch_size=7)
    np.testing.assert_allclose(model.layers[0].moving_variance, x.astype("float64").var(0), rtol=1e-6)


def test_graphs_shared_layers_and_models_inside():
    shared, inner = BN(), Sequential([Input((4,)), layers.Dense(3), BN(), layers.ReLU()])
    one, two = Input((4,)), Input((4,))
    a, b = shared(one), shared(two)
    outside = BN()
    y = layers.Dense(2)(outside(layers.Concatenate()([inner(a), b * 2.0])))
    model = randomize(Model([one, two], y))
    x = [RANDOM.normal(size=(23, 4)).astype("float32"), 3 + 2 * RANDOM.normal(size=(23, 4)).astype("float32")]
    model.recalibrate(x, batch_size=6)
    assert_statistics(shared, np.concatenate(x))
    given = inner.layers[0](np.concatenate([shared(x[0])]))
    assert_statistics(inner.layers[1], given)
    assert_statistics(outside, np.concatenate([inner(shared(x[0])), shared(x[1]) * 2], axis=-1))


class Own(Model):
    """Calls its layers from Python, one of them only for some data, one twice."""

    def __init__(self):
        super().__init__()
        self.dense, self.twice, self.masked, self.late = layers.Dense(3), BN(), BN(), BN()

    def call(self, inputs, training=None):
        x = self.twice(self.dense(inputs))
        x = self.twice(x + 1.0) if inputs.shape[0] != 3 else x
        y = self.masked(x, mask=np.arange(inputs.shape[0]) % 2 == 0)
        return self.late(y) if inputs.shape[0] == 1 else y


@pytest.mark.parametrize("method", ["layerwise", "together"])
def test_subclassed_models(method):
    model, x = Own(), RANDOM.normal(size=(10, 4)).astype("float32")
    model(x[:1])
    model.recalibrate(x, batch_size=3, method=method)
    assert np.isfinite(model.late.moving_mean).all() and not model.late.moving_variance.numpy().any()
    if method == "layerwise":
        given = model.twice(model.dense(x))
        given = np.concatenate([given[[0, 2, 3, 5, 6, 8]], model.twice(given[9:] + 1.0)])
        assert_statistics(model.masked, given)


class Again(Model):
    """Calls its layer twice for data that are not negative."""

    def __init__(self):
        super().__init__()
        self.bn = BN()

    def call(self, inputs):
        first = self.bn(inputs)
        return self.bn(inputs * 2.0) if np.min(inputs) >= 0 else first


def test_all_calls_count_when_their_number_depends_on_the_data():
    x = np.arange(-6, 6, dtype="float32")[:, None]
    model = Again()
    model(x[:1])
    model.recalibrate(x, batch_size=6)
    assert_statistics(model.bn, np.concatenate([x, 2 * x[6:]]))


class Counts(layers.Layer):
    """How often Python calls it."""

    supports_masking = True
    calls = 0

    def call(self, inputs):
        self.calls += 1
        return inputs + 1.0


@pytest.mark.parametrize("method", ["layerwise", "together"])
@pytest.mark.parametrize("is_masked", [False, True])
def test_batches_of_one_size_run_as_one_program(method, is_masked):
    """Unless there are masks: those pick values by what the data are."""
    counter, x = Counts(), RANDOM.normal(size=(100, 5, 3)).astype("float32")
    x[:50, 3] = 0.0
    first = [layers.Masking()] if is_masked else []
    model = randomize(Sequential([Input((5, 3)), *first, counter, BN()]))
    counter.calls = 0
    model.recalibrate(x, batch_size=6, method=method)
    # One trace for each of two sizes of batches, and a look at the first batch; or all 17 batches.
    assert counter.calls >= 17 if is_masked else counter.calls <= 3
    given = x[(x != 0).any(-1)] if is_masked else x.reshape(-1, 3)
    assert_statistics(model.layers[-1], given + 1.0)


def test_channels_first_integers_and_float64():
    x = RANDOM.integers(0, 255, (9, 3, 4, 4)).astype("uint8")
    model = Sequential([Input((3, 4, 4)), BN(axis=1)])
    for method in ("layerwise", "together"):
        model.recalibrate(x, batch_size=2, method=method)
        assert_statistics(model.layers[0], np.moveaxis(x, 1, -1))
    whole = Input((4,), dtype="int32")
    model = Model(whole, layers.Dense(2)(BN()(whole)))
    for method in ("layerwise", "together"):
        model.recalibrate(x[:, 0, 0], batch_size=2, method=method)
        assert_statistics(model.layers[1], x[:, 0, 0])
    model = Sequential([Input((3,), dtype="float64"), BN(dtype="float64")])
    x = RANDOM.normal(size=(10, 3)).astype("float32").astype("float64")
    model.recalibrate(x, batch_size=3)
    np.testing.assert_allclose(model.layers[0].moving_variance, x.var(0), rtol=1e-14)


def test_recalibration_repairs_an_unsettled_model():
    (x, y), (x_test, y_test) = swiftbn.datasets.digits.load_data(8)
    model = Sequential([Input((64,)), layers.Dense(32, activation="relu"), BN(), layers.Dense(10)])
    x, x_test = (a.reshape(-1, 64).astype("float32") for a in (x, x_test))
    loss = swiftbn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(swiftbn.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    model.fit(x, y, epochs=1, batch_size=32, verbose=0)
    before = model.evaluate(x_test, y_test, verbose=0)
    model.recalibrate(x)
    after = model.evaluate(x_test, y_test, verbose=0)
    assert after[0] < before[0] and after[1] > max(before[1], 0.85)
    model.fit(x, y, epochs=1, verbose=0)
    assert not normalizations(swiftbn.fold_batch_norm(model))


class Breaks(layers.Layer):
    """Fails for batches of one."""

    def call(self, inputs):
        if inputs.shape[0] == 1:
            raise KeyError("one")
        return ops.relu(inputs)


@pytest.mark.parametrize("method", ["layerwise", "together"])
def test_errors_change_nothing(method):
    model = randomize(Sequential([Input((4,)), BN(), Breaks(), layers.Dense(3), BN()]))
    before, x = values(model), np.ones((9, 4), "float32")
    with pytest.raises(KeyError):
        model.recalibrate(x, batch_size=2, method=method)
    x[8, 2] = np.nan
    with pytest.raises(ValueError, match="no finite moving_mean"):
        model.recalibrate(x, batch_size=3, method=method)
    model.layers[2].kernel[...] = np.inf
    with pytest.raises(ValueError, match=f"'{model.layers[3].name}' have no finite"):
        model.recalibrate(np.ones((4, 4)), method=method)
    assert all("call" not in layer.__dict__ for layer in model.layers)
    for layer, old in zip(normalizations(model), (before[:4], before[-4:]), strict=True):
        for value, wanted in zip(statistics(layer), old[2:], strict=True):
            np.testing.assert_array_equal(value, wanted)
    extra = Sequential([Input((4,)), BN(name="used")])
    extra.unused = BN(name="unused")
    extra.unused.build((None, 4))
    before = values(extra)
    with pytest.raises(ValueError, match="none for unused, which model 'sequential"):
        extra.recalibrate(np.ones((3, 4)), method=method)
    assert_values(extra, before)


def test_errors_of_arguments():
    model = mnist_cnn()
    for arguments, message in (
        (dict(method="all"), "'layerwise' or 'together'. Received: method='all'"),
        (dict(verbose=2), "verbose to be 0 or 1. Received: verbose=2"),
        (dict(batch_size=0), "batch_size to be an integer >= 1. Received: batch_size=0"),
    ):
        with pytest.raises(ValueError, match=message):
            model.recalibrate(images(2), **arguments)
    with pytest.raises(ValueError, match="at least one sample"):
        model.recalibrate(images(2)[:0])
    with pytest.raises(ValueError, match="does not fit: expected shape"):
        model.recalibrate(np.zeros((3, 28, 28, 2)))
    with pytest.raises(ValueError, match="has no BatchNormalization"):
        Sequential([Input((4,)), layers.Dense(2)]).recalibrate(np.ones((3, 4)))
    with pytest.raises(ValueError, match="not built"):
        Sequential([BN()]).recalibrate(np.ones((3, 4)))


def test_verbose_prints_each_layer(capsys):
    mnist_cnn().recalibrate(images(4), verbose=1)
    assert [line.split("'")[1] for line in capsys.readouterr().out.splitlines()] == ["first", "second", "third"]
    mnist_cnn().recalibrate(images(4))
    assert capsys.readouterr().out == ""


def test_reset_moving_statistics():
    layer = BN(moving_mean_initializer=swiftbn.initializers.Constant(2.0))
    with pytest.raises(ValueError, match="is not built, so it has no moving statistics"):
        layer.reset_moving_statistics()
    model = randomize(Sequential([Input((4,)), layer]))
    gamma, view = np.array(layer.gamma.numpy()), layer.moving_mean.numpy()
    layer.reset_moving_statistics()
    np.testing.assert_array_equal(view, np.full(4, 2))
    np.testing.assert_array_equal(layer.moving_variance, np.ones(4))
    np.testing.assert_array_equal(layer.gamma, gamma)
    np.testing.assert_allclose(model(np.full((1, 4), 2.0)), [layer.beta.numpy()], rtol=1e-6)
