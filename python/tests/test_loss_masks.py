"""Masks, ignored classes and weights of losses, and what is left out by them."""

import numpy as np
import pytest
from checks import traced
from loss_cases import (
    CUBE,
    MASK,
    OUTPUTS,
    RANDOM,
    softmax,
    with_mask,
)

import swiftbn
from swiftbn import losses, ops
from swiftbn.losses.base import mask_weights


def test_ignored_classes_may_be_out_of_range_and_hold_anything():
    labels = np.array([[0, 255], [-1, 3]])
    outputs = RANDOM.normal(size=(2, 2, 4))
    outputs[0, 1] = np.nan
    logs = np.log(softmax(outputs))
    labels[1, 0] = 2
    counted = [-logs[0, 0, 0], -logs[1, 0, 2], -logs[1, 1, 3]]
    loss = losses.SparseCategoricalCrossentropy(True, ignore_class=255, dtype="float64")
    assert loss(labels, outputs) == pytest.approx(np.mean(counted), rel=1e-12)
    gradient = swiftbn.grad(lambda x: loss(labels, x))(outputs)
    assert np.isfinite(gradient).all() and (gradient[0, 1] == 0).all()
    everything = losses.SparseCategoricalCrossentropy(ignore_class=0)
    assert everything(np.zeros(3, int), softmax(OUTPUTS[:3])) == 0
    # The activation before the loss is taken back here, too.
    wide = np.array([[500.0, 0.0, 0.0], [0.0, 500.0, 0.0]])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert traced(lambda x: loss(np.array([1, -1]), ops.softmax(x)), wide) == 500


def test_models_learn_with_an_ignored_class_out_of_range():
    model = swiftbn.Sequential([swiftbn.Input((5,)), swiftbn.layers.Dense(3)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255))
    labels = np.array([0, 255, 2, 1, 255, 0])
    found = model.evaluate(OUTPUTS, labels, verbose=0)
    logs = np.log(softmax(np.asarray(model.predict(OUTPUTS, verbose=0), "float64")))
    kept = np.flatnonzero(labels != 255)
    assert found == pytest.approx(-logs[kept, labels[kept]].mean(), rel=1e-5)
    with pytest.raises(ValueError, match="from 0 to 7"):
        model.fit(OUTPUTS, np.array([0, 255, 7, 1, 0, 0]), verbose=0)


def test_masks_of_outputs():
    values = (CUBE**2).mean(-1)
    outputs, targets = with_mask(CUBE, MASK), np.zeros_like(CUBE)
    expected = {"sum_over_batch_size": values[MASK].mean(), "mean": values[MASK].mean(), "sum": values[MASK].sum()}
    for reduction, value in expected.items():
        loss = losses.MeanSquaredError(reduction, dtype="float64")
        assert loss(targets, outputs) == pytest.approx(value, rel=1e-12)
    loss = losses.MeanSquaredError("mean_with_sample_weight", dtype="float64")
    assert loss(targets, outputs) == pytest.approx(values[MASK].mean(), rel=1e-12)
    none = losses.MeanSquaredError(None, dtype="float64")
    np.testing.assert_allclose(none(targets, outputs), values * MASK, rtol=1e-12)
    nothing = with_mask(CUBE, np.zeros_like(MASK))
    assert losses.MeanSquaredError()(targets, nothing) == 0


def test_masks_and_weights():
    values, targets = (CUBE**2).mean(-1), np.zeros_like(CUBE)
    loss = losses.MeanSquaredError(dtype="float64")
    for weights in (np.array([0.5, 2.0]), np.array([[0.5], [2.0]]), RANDOM.uniform(size=(2, 3))):
        wide = np.reshape(weights, (2, -1)) * np.ones((2, 3))
        expected = (values * wide)[MASK].sum() / MASK.sum()
        assert loss(targets, with_mask(CUBE, MASK), weights) == pytest.approx(expected, rel=1e-12)


def test_masks_meet_ignored_classes():
    labels = np.array([[0, 3, 1], [2, 3, 3]])
    loss = losses.SparseCategoricalCrossentropy(True, ignore_class=3, dtype="float64")
    logs = np.log(softmax(CUBE))
    expected = -(logs[0, 0, 0] + logs[1, 0, 2]) / 2
    assert loss(labels, with_mask(CUBE, MASK)) == pytest.approx(expected, rel=1e-12)


def test_weights_that_leave_out():
    assert mask_weights(None, None, "float64", "sum") is None
    found = mask_weights(None, MASK, "float64", "mean")
    np.testing.assert_allclose(found, MASK * 2.0)
