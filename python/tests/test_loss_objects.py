"""Loss objects: reductions, weights, dtypes, subclasses, configurations."""

import numpy as np
import pytest
from checks import traced

from swiftbn import losses, ops

RANDOM = np.random.default_rng(5)
LOGITS = RANDOM.normal(0, 2, size=(6, 4))
LOGITS[0, :2] = 0
LABELS = RANDOM.integers(0, 4, size=6)
ONE_HOT = np.eye(4)[LABELS]
YES_NO = RANDOM.integers(0, 2, size=(6, 4)).astype("float64")


WEIGHTS = RANDOM.uniform(0.1, 2, size=6)
PER_SAMPLE = ((YES_NO - LOGITS) ** 2).mean(-1)
REDUCED = [
    ("sum_over_batch_size", PER_SAMPLE.mean(), (PER_SAMPLE * WEIGHTS).mean()),
    ("mean", PER_SAMPLE.mean(), (PER_SAMPLE * WEIGHTS).mean()),
    ("sum", PER_SAMPLE.sum(), (PER_SAMPLE * WEIGHTS).sum()),
    ("mean_with_sample_weight", PER_SAMPLE.mean(), (PER_SAMPLE * WEIGHTS).sum() / WEIGHTS.sum()),
    ("none", PER_SAMPLE, PER_SAMPLE * WEIGHTS),
    (None, PER_SAMPLE, PER_SAMPLE * WEIGHTS),
]


@pytest.mark.parametrize("reduction, plain, weighted", REDUCED, ids=[str(case[0]) for case in REDUCED])
def test_reductions_and_sample_weights(reduction, plain, weighted):
    loss = losses.MeanSquaredError(reduction=reduction, dtype="float64")
    np.testing.assert_allclose(loss(YES_NO, LOGITS), plain, rtol=1e-12)
    np.testing.assert_allclose(loss(YES_NO, LOGITS, sample_weight=WEIGHTS), weighted, rtol=1e-12)
    column = loss(YES_NO, LOGITS, sample_weight=WEIGHTS[:, None])
    np.testing.assert_allclose(column, np.reshape(weighted, column.shape), rtol=1e-12)
    inside = traced(lambda y, p, w: loss(y, p, sample_weight=w), YES_NO, LOGITS, WEIGHTS)
    np.testing.assert_allclose(inside, weighted, rtol=1e-12)


def test_weights_of_samples_and_of_elements():
    cube, zeros = LOGITS.reshape(2, 3, 4), np.zeros((2, 3, 4))
    squares = (cube**2).mean(-1)
    loss = losses.MeanSquaredError(dtype="float64")
    by_sample, by_element = WEIGHTS[:2], WEIGHTS.reshape(2, 3)
    assert loss(zeros, cube, by_sample) == pytest.approx((squares * by_sample[:, None]).mean(), rel=1e-12)
    assert loss(zeros, cube, by_element) == pytest.approx((squares * by_element).mean(), rel=1e-12)
    assert loss(zeros, cube, 2.0) == pytest.approx(2 * squares.mean(), rel=1e-12)
    with pytest.raises(ValueError, match=r"6, 4|6\b.*\b5"):
        loss(YES_NO, LOGITS, np.ones(5))


def test_weights_that_are_all_zero_give_zero():
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"):
        loss = losses.MeanSquaredError(reduction=reduction)
        assert loss(YES_NO, LOGITS, sample_weight=np.zeros(6)) == 0


def test_computation_is_in_the_dtype_of_the_loss():
    assert losses.MeanSquaredError()(YES_NO, LOGITS).dtype == "float32"
    assert losses.MeanSquaredError(dtype="float64")(YES_NO, LOGITS.astype("float32")).dtype == "float64"

    class Watching(losses.Loss):
        def call(self, y_true, y_pred):
            assert y_true.dtype == y_pred.dtype == "float32"
            return y_pred

    Watching()(YES_NO, LOGITS)
    with pytest.raises(ValueError, match="dtype='float16'"):
        losses.MeanSquaredError(dtype="float16")


def distance(y_true, y_pred):
    return ops.sum(ops.abs(ops.subtract(y_true, y_pred)), axis=-1)


def test_subclasses_and_wrapped_functions():
    class Distance(losses.Loss):
        def call(self, y_true, y_pred):
            return distance(y_true, y_pred)

    expected = np.abs(YES_NO - LOGITS).sum(-1).mean()
    for loss in (Distance(dtype="float64"), losses.LossFunctionWrapper(distance, dtype="float64")):
        assert loss(YES_NO, LOGITS) == pytest.approx(expected, rel=1e-12)
    assert Distance().name.startswith("distance")
    with pytest.raises(NotImplementedError, match="Loss has to define call"):
        losses.Loss()(YES_NO, LOGITS)


CONFIGURED = [
    losses.MeanSquaredError(reduction="sum", name="m"),
    losses.BinaryCrossentropy(True, 0.25, 0, "none", "b"),
    losses.CategoricalCrossentropy(True, 0.25, reduction=None),
    losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean"),
]


@pytest.mark.parametrize("loss", CONFIGURED, ids=lambda loss: type(loss).__name__)
def test_configuration(loss):
    config = loss.get_config()
    copy = type(loss).from_config(config)
    assert copy.get_config() == config and copy.name == loss.name and copy.reduction == loss.reduction
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == config
    target = LABELS if isinstance(loss, losses.SparseCategoricalCrossentropy) else ONE_HOT
    np.testing.assert_array_equal(again(target, LOGITS), loss(target, LOGITS))


def test_configuration_of_wrapped_functions():
    loss = losses.LossFunctionWrapper(losses.binary_crossentropy, name="b", from_logits=True)
    again = losses.deserialize(losses.serialize(loss))
    assert again.fn is losses.binary_crossentropy and again.name == "b"
    assert again(YES_NO, LOGITS) == loss(YES_NO, LOGITS)
