"""Losses, metrics, optimizers, schedules, activations, constraints and regularizers give the numbers of real Keras."""

import os

import numpy as np
import pytest
import test_activations
import test_losses
import test_metrics
import test_optimizers
import test_weights_parts

from swiftbn import activations

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.interop


def twin(value):
    """Keras' object of the same configuration."""
    module = type(value).__module__.split(".")[1]
    place = keras.optimizers.schedules if "schedules" in type(value).__module__ else getattr(keras, module)
    return getattr(place, type(value).__name__).from_config(value.get_config())


@pytest.mark.parametrize("case", test_losses.PER_SAMPLE)
@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "mean_with_sample_weight", "none"])
def test_losses_agree(case, reduction):
    cls, options, targets, outputs, _ = test_losses.PER_SAMPLE[case]
    ours = cls(reduction=reduction, **options)
    for weights in (None, test_losses.WEIGHTS.astype("float32")):
        expected = np.asarray(twin(ours)(targets, outputs.astype("float32"), weights))
        np.testing.assert_allclose(ours(targets, outputs.astype("float32"), weights), expected, rtol=2e-5)


@pytest.mark.parametrize("case", test_metrics.CASES)
def test_metrics_agree(case):
    cls, options, targets, outputs, _ = test_metrics.CASES[case]
    ours = cls(**options)
    theirs = twin(ours)
    for begin, end in [(0, 5), (5, 12)]:
        for metric in (ours, theirs):
            metric.update_state(targets[begin:end], outputs[begin:end], test_metrics.WEIGHTS[begin:end])
    assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-5)


OPTIONS = [{}, {"clipnorm": 1.5}, {"clipvalue": 0.4}, {"global_clipnorm": 2.0}]


@pytest.mark.parametrize("case", test_optimizers.CASES)
@pytest.mark.parametrize("more", OPTIONS, ids=str)
def test_optimizers_agree(case, more):
    cls, _, options = test_optimizers.CASES[case]
    ours = cls(learning_rate=0.03, **{**options, **more})
    theirs = twin(ours)
    weights = test_optimizers.variables("float32")
    twins = [keras.Variable(w.astype("float32")) for w in test_optimizers.START]
    for grads in test_optimizers.STEPS:
        grads = [g.astype("float32") for g in grads]
        ours.apply(grads, weights)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in grads], twins)
    for found, wanted in zip(weights, twins, strict=True):
        np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", test_optimizers.SCHEDULES)
def test_schedules_agree(name):
    ours, _ = test_optimizers.SCHEDULES[name]
    theirs = twin(ours)
    for step in range(14):
        assert float(ours(step)) == pytest.approx(float(theirs(step)), rel=1e-5)


@pytest.mark.parametrize("name", test_activations.FUNCTIONS)
def test_activations_agree(name):
    x = test_activations.X.astype("float32").reshape(4, -1)
    expected = np.asarray(getattr(keras.activations, name)(x))
    np.testing.assert_allclose(getattr(activations, name)(x), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", test_weights_parts.FORCED)
def test_constraints_agree(name):
    constraint, _ = test_weights_parts.FORCED[name]
    w = test_weights_parts.W
    np.testing.assert_allclose(constraint(w), np.asarray(twin(constraint)(w)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", test_weights_parts.PENALTIES)
def test_regularizers_agree(name):
    regularizer, _ = test_weights_parts.PENALTIES[name]
    w = test_weights_parts.W
    assert float(regularizer(w)) == pytest.approx(float(twin(regularizer)(w)), rel=1e-5)


@pytest.mark.parametrize("name", test_weights_parts.DISTRIBUTIONS)
def test_initializers_have_the_same_configuration(name):
    """The numbers are others, the distribution is the same."""
    initializer, deviation, bound = test_weights_parts.DISTRIBUTIONS[name]
    theirs = twin(initializer)
    known = initializer.get_config()
    assert {k: v for k, v in theirs.get_config().items() if k in known} == known
    values = np.asarray(theirs(test_weights_parts.SHAPE))
    assert values.std() == pytest.approx(deviation, rel=0.02)
    if bound is not None:
        assert np.abs(values).max() <= bound * 1.0001
