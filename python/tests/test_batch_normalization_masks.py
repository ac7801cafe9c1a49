"""BatchNormalization of batches of which a part counts, that are not finite, have single values or none."""

import numpy as np
import pytest
from batch_normalization_cases import EPSILON, MASKS, RANDOM, X, make, normalized, state

import swiftbn
from swiftbn import Sequential, layers


def masked_moments(x, mask):
    full = np.broadcast_to(mask.reshape(mask.shape + (1,) * (3 - mask.ndim)) != 0, x.shape)
    values = np.where(full, x, np.nan)
    return np.nanmean(values, (0, 1)), np.nanvar(values, (0, 1))


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("unbiased", [False, True])
def test_masks(name, unbiased):
    layer, mask = make(momentum=0.0, unbiased_variance=unbiased), MASKS[name]
    mean, variance = masked_moments(X, mask)
    np.testing.assert_allclose(layer(X, training=True, mask=mask), normalized(layer, X, mean, variance), rtol=1e-9)
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-10)
    full = np.broadcast_to(mask.reshape(mask.shape + (1,) * (3 - mask.ndim)) != 0, X.shape).sum((0, 1))
    np.testing.assert_allclose(layer.moving_variance, variance * (full / (full - 1) if unbiased else 1), rtol=1e-9)


def test_masked_values_have_no_part_whatever_they_are():
    layer, mask = make(momentum=0.0), np.ones((7, 4), bool)
    mask[2, 1:] = False
    spoilt = X.copy()
    spoilt[2, 1:] = np.nan
    y = np.asarray(layer(spoilt, training=True, mask=mask))
    np.testing.assert_allclose(y[mask], normalized(layer, X, *masked_moments(X, mask))[mask], rtol=1e-9)
    assert np.isfinite(layer.moving_mean).all() and np.isfinite(layer.moving_variance).all()


def test_masks_with_channels_first():
    mask = RANDOM.uniform(size=(7, 3)) > 0.3
    layer = layers.BatchNormalization(axis=1, dtype="float64", momentum=0.0)
    layer(X, training=True, mask=mask)
    values = np.where(np.broadcast_to(mask[:, None], X.shape), X, np.nan)
    np.testing.assert_allclose(layer.moving_mean, np.nanmean(values, (0, 2)), rtol=1e-10)
    np.testing.assert_allclose(layer.moving_variance, np.nanvar(values, (0, 2)), rtol=1e-9)


# Statistics that are not finite, or have a single value


def spoilt_batch():
    x = X.copy()
    x[3, 2, 1] = np.inf
    return x


def test_nonfinite_batches_propagate_by_default():
    layer = make()
    layer(spoilt_batch(), training=True)
    assert np.isnan(layer.moving_mean[1]) and np.isfinite(layer.moving_mean[0])


def test_nonfinite_batches_are_skipped_and_counted():
    layer = make(nonfinite="skip", momentum=0.5)
    layer(X, training=True)
    before = state(layer)
    for _ in range(2):
        layer(spoilt_batch(), training=True)
    after = state(layer)
    assert float(layer.skipped_batches) == 2
    for old, new in zip(before[:2], after[:2], strict=True):
        np.testing.assert_array_equal(old, new)
    layer(X, training=True)
    assert float(layer.skipped_batches) == 2 and not np.array_equal(layer.moving_mean, before[0])


@pytest.mark.parametrize("in_model", [False, True])
def test_nonfinite_batches_are_errors(in_model):
    layer = layers.BatchNormalization(nonfinite="error", name="picky", momentum=0.5)
    model = Sequential([swiftbn.Input((4, 3)), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(X, np.zeros((7, 1)))
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match="BatchNormalization 'picky'.*not finite"):
        if in_model:
            model.train_on_batch(spoilt_batch(), np.zeros((7, 1)))
        else:
            layer(spoilt_batch().astype("float32"), training=True)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_single_values():
    one = X[:1, :1]
    layer = make(momentum=0.5)
    np.testing.assert_allclose(layer(one, training=True), np.broadcast_to(layer.beta, (1, 1, 3)), atol=1e-12)
    layer = make(momentum=0.5, single_value="moving")
    layer(X, training=True)
    before = state(layer)
    np.testing.assert_allclose(layer(one, training=True), normalized(layer, one, *before[:2]), rtol=1e-9)
    for old, new in zip(before, state(layer), strict=True):
        np.testing.assert_array_equal(old, new)
    layer = make(single_value="error", name="lonely")
    layer(X, training=True)
    before = state(layer)
    with pytest.raises(ValueError, match="'lonely'.*single value"):
        layer(one, training=True)
    for old, new in zip(before, state(layer), strict=True):
        np.testing.assert_array_equal(old, new)


def test_single_values_in_the_last_virtual_batch():
    layer = make(single_value="error", virtual_batch_size=3)
    with pytest.raises(ValueError, match="single value"):
        layer(X[:, :1], training=True)
    layer(X[:6, :1], training=True)


def test_empty_batches_change_nothing():
    layer = make()
    before = state(layer)
    with pytest.raises(ValueError, match=r"not empty.*\(0, 4, 3\)"):
        layer(X[:0], training=True)
    for old, new in zip(before, state(layer), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("options", [{}, {"renorm": True}, {"axis": 1}, {"axis": (1, 2)}], ids=str)
def test_masks_of_values_far_from_zero(options):
    """A mean rounded to float32 would be off by 0.03 standard deviations."""
    x = (1e6 + RANDOM.normal(size=(200, 4, 3))).astype("float32")
    mask = RANDOM.random((200, 4, 3)) < 0.7
    layer = layers.BatchNormalization(momentum=0.0, **options)
    layer.build(x.shape)
    axis = options.get("axis", 2)
    others = tuple(a for a in range(3) if a not in (axis if isinstance(axis, tuple) else (axis,)))
    values = np.where(mask, x.astype("float64"), np.nan)
    mean, variance = np.nanmean(values, others, keepdims=True), np.nanvar(values, others, keepdims=True)
    expected = (x - mean) / np.sqrt(variance + EPSILON)
    if layer.renorm:
        layer.renorm_mean.assign(np.full(3, 1e6 + 1))
        layer.renorm_stddev.assign(np.full(3, 2.0))
        expected = (x.astype("float64") - (1e6 + 1)) / 2
    np.testing.assert_allclose(layer(x, training=True, mask=mask), expected, rtol=0, atol=2e-6)
    np.testing.assert_allclose(layer.moving_mean, mean.squeeze(others), rtol=1e-6)
