"""The report on a model's batch normalizations."""

import sys

import numpy as np
import pytest
from batch_norm_models import assert_values, mnist_cnn, normalizations, randomize, values

import swiftbn
from swiftbn import Input, Model, Sequential, layers

BN = layers.BatchNormalization
RANDOM = np.random.default_rng(4)


def images(count=21):
    return RANDOM.normal(size=(count, 28, 28, 1)).astype("float32") + np.arange(count, dtype="f4")[:, None, None, None]


@pytest.mark.parametrize("batch_size", [None, 4, 100])
def test_numbers_against_numpy(batch_size):
    model, x = randomize(mnist_cnn(), negative=True), images()
    before = values(model)
    report = swiftbn.batch_norm_report(model, x, batch_size=batch_size)
    assert_values(model, before)
    assert [layer.name for layer in report] == ["first", "second", "third"] and len(report) == 3
    assert report["second"] is report[1] and report.model == model.name
    given, of = x, {layer.name: layer for layer in normalizations(model)}
    for layer in model.layers:
        if layer.name in of:
            entry, axes = report[layer.name], tuple(range(given.ndim - 1))
            data = given.astype("float64")
            assert entry.count == given.size // given.shape[-1] and entry.channels == given.shape[-1]
            mean, variance, gamma, beta = (
                v.numpy().astype("float64") for v in (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
            )
            deviation = np.sqrt(variance + layer.epsilon)
            close = dict(rtol=1e-4, atol=1e-6 * np.abs(data).max())
            np.testing.assert_array_equal(entry.moving_mean, mean)
            np.testing.assert_array_equal(entry.moving_variance, variance)
            np.testing.assert_allclose(entry.batch_mean, data.mean(axes), **close)
            np.testing.assert_allclose(entry.batch_variance, data.var(axes), rtol=1e-4)
            np.testing.assert_allclose(entry.mean_shift, (data.mean(axes) - mean) / deviation, rtol=1e-4, atol=1e-5)
            ratio = (data.var(axes) + layer.epsilon) / (variance + layer.epsilon)
            np.testing.assert_allclose(entry.variance_ratio, ratio, rtol=1e-4)
            np.testing.assert_allclose(entry.effective_shift, beta - gamma * mean / deviation, rtol=1e-12)
            np.testing.assert_array_equal(entry.is_dead, data.min(axes) == data.max(axes))
            assert not entry.is_gamma_small.any()
        given = layer(given)


def test_a_recalibrated_model_fits_its_data():
    model, x = randomize(mnist_cnn()), images()
    model.recalibrate(x)
    for layer in swiftbn.batch_norm_report(model, x, batch_size=5):
        np.testing.assert_allclose(layer.mean_shift, 0, atol=1e-4)
        np.testing.assert_allclose(layer.variance_ratio, 1, rtol=1e-4)


def test_dead_channels_and_small_gammas():
    x = RANDOM.normal(size=(50, 5)).astype("float32")
    x[:, 1] = 0.1
    x[:, 2] = 0
    model = Sequential([Input((5,)), BN()])
    model.layers[0].gamma[...] = [1, 2e-3, -9e-4, 0, -1]
    model.layers[0].moving_variance[...] = [1, 0, 0, 1, 4]
    (layer,) = swiftbn.batch_norm_report(model, x, batch_size=7)
    assert layer.is_dead.tolist() == [False, True, True, False, False]
    assert (layer.batch_variance == 0).tolist() == layer.is_dead.tolist()
    # The median of |gamma| is 2e-3.
    assert layer.is_gamma_small.tolist() == [False, False, False, True, False]
    np.testing.assert_allclose(layer.variance_ratio[1:3], 1)
    for gamma, small in (
        ([1, 0.9e-3, 1.1e-3, -2, 1], [False, True, False, False, False]),
        ([1, -0.9e-3, -1, -2, -1.1e-3], [False, True, False, False, False]),
        ([0, 0, 1e-9, 0, 1], [True, True, False, True, False]),
    ):
        model.layers[0].gamma[...] = gamma
        (layer,) = swiftbn.batch_norm_report(model, x)
        assert layer.is_gamma_small.tolist() == small


def test_constant_float64_values_have_no_variance():
    model = Sequential([Input((3,)), layers.Dense(2, dtype="float64"), BN(dtype="float64")])
    model.layers[0].kernel[...] = 0
    model.layers[0].bias[...] = [0.1, 1 / 3]
    (layer,) = swiftbn.batch_norm_report(model, np.ones((4097, 3)), batch_size=1000)
    assert layer.is_dead.all() and (layer.batch_variance == 0).all()


def test_no_gamma_and_beta_channels_first_and_several_calls():
    one, two = Input((3, 4, 4)), Input((3, 4, 4))
    shared = BN(axis=1, center=False, scale=False, name="shared")
    unused = BN(name="unused")
    unused.build((None, 3))
    model = randomize(Model([one, two], layers.Add()([shared(one), shared(two)])))
    model.unused = unused
    x = [RANDOM.normal(size=(9, 3, 4, 4)).astype("float32") for _ in range(2)]
    (layer,) = swiftbn.batch_norm_report(model, x, batch_size=4)
    both = np.concatenate(x).astype("float64")
    assert layer.count == both.size // 3
    np.testing.assert_allclose(layer.batch_mean, both.mean((0, 2, 3)), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(layer.effective_shift, -layer.moving_mean / np.sqrt(layer.moving_variance + 1e-3))
    assert not layer.is_gamma_small.any()


def test_table_and_text():
    model = mnist_cnn()
    model.get_layer("second").gamma[3] = 0
    report = swiftbn.batch_norm_report(model, images())
    table = report.table()
    assert type(table).__module__ == "rich.table" and table.row_count == 3
    text = str(report)
    for word in ("first", "second", "third", model.name, "Mean shift", "Variance ratio", "Dead"):
        assert word in text
    assert next(line for line in text.splitlines() if "second" in line).rstrip("│ ").endswith(" 1")
    assert repr(report) == f"<BatchNormReport model={model.name}, layers=['first', 'second', 'third']>"


def test_plot(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    report = swiftbn.batch_norm_report(mnist_cnn(), images())
    report.plot(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"
    report.plot(str(tmp_path / "report.svg"))
    assert "<svg" in (tmp_path / "report.svg").read_text()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="expected matplotlib to be installed; pip install"):
        report.plot(tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()


def test_errors():
    model = mnist_cnn()
    with pytest.raises(TypeError, match="batch_norm_report: expected a model. Received: 3"):
        swiftbn.batch_norm_report(3, images())
    with pytest.raises(ValueError, match="not built"):
        swiftbn.batch_norm_report(Sequential([BN()]), np.ones((3, 4)))
    with pytest.raises(ValueError, match="has no BatchNormalization"):
        swiftbn.batch_norm_report(Sequential([Input((4,)), layers.Dense(2)]), np.ones((3, 4)))
    with pytest.raises(ValueError, match="batch_size"):
        swiftbn.batch_norm_report(model, images(), batch_size=-1)
    with pytest.raises(ValueError, match="does not fit"):
        swiftbn.batch_norm_report(model, np.ones((3, 4)))
    with pytest.raises(KeyError, match="named 'x', only first, second, third"):
        swiftbn.batch_norm_report(model, images())["x"]
    lonely = Sequential([Input((4,)), layers.Dense(2)])
    lonely.bn = BN()
    with pytest.raises(ValueError, match="calls none of its"):
        swiftbn.batch_norm_report(lonely, np.ones((3, 4)))
