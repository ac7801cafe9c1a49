"""examples/sequence_classifier.py in its reduced setting: padding changes nothing."""

import numpy as np
import pytest
from example_scripts import example, is_picture, quick

import swiftbn
from swiftbn import layers


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return example("sequence_classifier").main(quick(tmp_path_factory.mktemp("pictures")))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_it_learns(results, kind):
    assert results[kind]["accuracy"] > 0.7
    by_columns = results[kind]["accuracy_by_columns"]
    assert by_columns[0] < 0.5 < by_columns[-1] == pytest.approx(results[kind]["accuracy"])
    assert is_picture(results["picture"])


def test_sequences():
    module = example("sequence_classifier")
    images = np.zeros((2, 28, 28, 1), "float32")
    images[0, 3, 5] = images[0, 9, 6] = images[1, 27, 0] = 1
    columns = module.to_sequences(images)
    np.testing.assert_array_equal(columns[0, :2], images[0, :, 5:7, 0].T)
    np.testing.assert_array_equal(columns[1, :1], images[1, :, :1, 0].T)
    assert (columns[0, 2:] == module.PADDING).all() and (columns[1, 1:] == module.PADDING).all()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_padding_is_ignored_exactly(results, kind):
    model, x = results[kind]["model"], results["sequences"][:50]
    lengths = (x != -1).any(axis=2).sum(axis=1)
    assert lengths.max() < 28 and lengths.min() < lengths.max()
    expected = model.predict(x, verbose=0)
    longer = np.pad(x, ((0, 0), (0, 9), (0, 0)), constant_values=-1.0)
    np.testing.assert_array_equal(model.predict(longer, verbose=0), expected)
    for index in range(3):
        alone = model.predict(x[index : index + 1, : lengths[index]], verbose=0)
        np.testing.assert_allclose(alone[0], expected[index], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_training_ignores_padding_too(results, kind):
    """Loss, updates and moving statistics are the same with more padding."""
    module = example("sequence_classifier")
    x = results["sequences"][:32]
    y = np.arange(32) % 10
    models = []
    for extra in (0, 11):
        swiftbn.utils.set_random_seed(3)
        model = module.make_model(kind, units=8)
        model.compile(swiftbn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        padded = np.pad(x, ((0, 0), (0, extra), (0, 0)), constant_values=-1.0)
        losses = [model.train_on_batch(padded, y) for _ in range(3)]
        models.append((losses, model.get_weights()))
    np.testing.assert_allclose(models[0][0], models[1][0], rtol=1e-5)
    for a, b in zip(models[0][1], models[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_statistics_are_those_of_what_is_not_padding(results):
    x = results["sequences"][:32]
    model = example("sequence_classifier").make_model("GRU", units=8)
    model.compile(swiftbn.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    model.train_on_batch(x, np.zeros(32, int))
    first = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    columns = x[(x != -1).any(axis=2)].astype("float64")
    np.testing.assert_allclose(first.moving_mean.numpy(), 0.1 * columns.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first.moving_variance.numpy(), 0.9 + 0.1 * columns.var(axis=0), rtol=1e-5)
