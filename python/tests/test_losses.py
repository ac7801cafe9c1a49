"""Losses against NumPy in float64: values, extreme outputs, gradients, names, errors."""

import numpy as np
import pytest
from checks import check_gradient, traced

import swiftbn
from swiftbn import losses, ops

RANDOM = np.random.default_rng(5)
LOGITS = RANDOM.normal(0, 2, size=(6, 4))
LOGITS[0, :2] = 0
LABELS = RANDOM.integers(0, 4, size=6)
ONE_HOT = np.eye(4)[LABELS]
YES_NO = RANDOM.integers(0, 2, size=(6, 4)).astype("float64")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def categorical(target, probabilities):
    return -(target * np.log(probabilities)).sum(-1)


def binary(target, probabilities):
    return -(target * np.log(probabilities) + (1 - target) * np.log(1 - probabilities)).mean(-1)


CASES = {
    "categorical_crossentropy": (losses.CategoricalCrossentropy, ONE_HOT, softmax, categorical),
    "sparse_categorical_crossentropy": (
        losses.SparseCategoricalCrossentropy,
        LABELS,
        softmax,
        lambda target, p: categorical(np.eye(4)[np.asarray(target).reshape(-1)], p),
    ),
    "binary_crossentropy": (losses.BinaryCrossentropy, YES_NO, sigmoid, binary),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("from_logits", [True, False])
def test_crossentropies(name, from_logits):
    cls, target, activation, reference = CASES[name]
    output = LOGITS if from_logits else activation(LOGITS)
    expected = reference(target, activation(LOGITS))
    function = getattr(losses, name)
    result = function(target, output, from_logits=from_logits)
    assert result.shape == (6,) and result.dtype == "float64"
    np.testing.assert_allclose(result, expected, rtol=1e-10)
    loss = cls(from_logits=from_logits, dtype="float64")
    assert loss(target, output) == pytest.approx(expected.mean(), rel=1e-10)
    inside = traced(lambda t, o: loss(t, o), target, output)
    np.testing.assert_allclose(inside, expected.mean(), rtol=1e-10)


def test_probabilities_need_not_be_normalized():
    weights = softmax(LOGITS) * 0.5
    np.testing.assert_allclose(
        losses.categorical_crossentropy(ONE_HOT, weights), categorical(ONE_HOT, softmax(LOGITS)), rtol=1e-10
    )
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(LABELS, weights), categorical(ONE_HOT, softmax(LOGITS)), rtol=1e-10
    )


def test_class_numbers_of_any_integer_or_whole_float_dtype_and_columns():
    expected = categorical(ONE_HOT, softmax(LOGITS))
    for dtype in ("uint8", "int16", "int32", "int64", "float32"):
        for labels in (LABELS.astype(dtype), LABELS[:, None].astype(dtype)):
            result = losses.sparse_categorical_crossentropy(labels, LOGITS, from_logits=True)
            np.testing.assert_allclose(result, expected, rtol=1e-10)
    cube = LOGITS.reshape(2, 3, 4)
    result = losses.sparse_categorical_crossentropy(LABELS.reshape(2, 3), cube, from_logits=True)
    np.testing.assert_allclose(result, expected.reshape(2, 3), rtol=1e-10)


@pytest.mark.parametrize("smoothing", [0.1, 0.5, 1.0])
def test_label_smoothing(smoothing):
    soft = ONE_HOT * (1 - smoothing) + smoothing / 4
    loss = losses.CategoricalCrossentropy(True, smoothing, dtype="float64")
    assert loss(ONE_HOT, LOGITS) == pytest.approx(categorical(soft, softmax(LOGITS)).mean(), rel=1e-10)
    soft = YES_NO * (1 - smoothing) + smoothing / 2
    loss = losses.BinaryCrossentropy(True, smoothing, dtype="float64")
    assert loss(YES_NO, LOGITS) == pytest.approx(binary(soft, sigmoid(LOGITS)).mean(), rel=1e-10)


def test_binary_crossentropy_over_another_axis():
    p = sigmoid(LOGITS)
    expected = -(YES_NO * np.log(p) + (1 - YES_NO) * np.log(1 - p)).mean(0)
    np.testing.assert_allclose(losses.binary_crossentropy(YES_NO, LOGITS, True, axis=0), expected, rtol=1e-10)


def test_mean_squared_error():
    expected = ((YES_NO - LOGITS) ** 2).mean(-1)
    np.testing.assert_allclose(losses.mean_squared_error(YES_NO, LOGITS), expected, rtol=1e-12)
    assert losses.MeanSquaredError(dtype="float64")(YES_NO, LOGITS) == pytest.approx(expected.mean(), rel=1e-12)
    integers = losses.MeanSquaredError()(np.array([[1, 2]]), np.array([[3, 5]]))
    assert integers == 6.5 and integers.dtype == "float32"


@pytest.mark.parametrize("loss", [losses.mean_squared_error, losses.MeanSquaredError(dtype="float64", reduction=None)])
def test_columns_meet_rows_without_broadcasting(loss):
    rows = LOGITS[:, 0]
    for a, b in ((rows, rows[:, None] + 1), (rows[:, None], rows + 1)):
        np.testing.assert_allclose(loss(a, b), np.ones(6), rtol=1e-12)


@pytest.mark.parametrize("magnitude", [30.0, 1e3, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_stay_finite(magnitude, dtype):
    logits = (np.eye(4)[(LABELS + 1) % 4] * magnitude).astype(dtype)
    for name, target in (("categorical_crossentropy", ONE_HOT), ("sparse_categorical_crossentropy", LABELS)):
        function = getattr(losses, name)
        right = np.log(np.exp(-magnitude) * 3 + 1) + magnitude
        np.testing.assert_allclose(function(target, logits, from_logits=True), np.full(6, right), rtol=1e-5)
        gradient = swiftbn.grad(lambda x, t=target, f=function: ops.sum(f(t, x, from_logits=True)))(logits)
        np.testing.assert_allclose(gradient, softmax(logits.astype("float64")) - ONE_HOT, atol=1e-6)
    wide = np.array([[magnitude, -magnitude], [-magnitude, magnitude]], dtype)
    wrong = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(losses.binary_crossentropy(wrong, wide, True), [magnitude] * 2, rtol=1e-5)
    tail = np.log1p(np.exp(-magnitude))
    np.testing.assert_allclose(losses.binary_crossentropy(1 - wrong, wide, True), [tail] * 2, rtol=1e-5)
    gradient = swiftbn.grad(lambda x: ops.sum(losses.binary_crossentropy(wrong, x, True)))(wide)
    np.testing.assert_allclose(gradient, np.sign(wide) / 2, atol=1e-6)


def test_certain_probabilities_are_clipped():
    clipped = -np.log(1e-7)
    one, zero = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(losses.categorical_crossentropy(one, zero), [clipped], rtol=1e-6)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy([0], zero), [clipped], rtol=1e-6)
    np.testing.assert_allclose(losses.binary_crossentropy(one, zero), [clipped], rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_activation_before_a_loss_is_taken_back(name, dtype):
    """In a program the loss of softmax or sigmoid outputs is computed from logits, also across a change of dtype."""
    cls, target, _, _ = CASES[name]
    loss = cls(dtype=dtype)
    activation = ops.sigmoid if name.startswith("binary") else ops.softmax
    logits = LOGITS * 200
    expected = traced(lambda x: cls(from_logits=True, dtype="float64")(target, x), logits)
    found = traced(lambda x: loss(target, activation(x)), logits)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert expected > 20


@pytest.mark.parametrize("name", [*CASES, "mean_squared_error"])
@pytest.mark.parametrize("from_logits", [True, False])
def test_gradients(name, from_logits):
    function = getattr(losses, name)
    if name == "mean_squared_error":
        check_gradient(function, YES_NO, LOGITS)
        return
    _, target, activation, _ = CASES[name]
    output = LOGITS if from_logits else activation(LOGITS / 4)
    check_gradient(lambda x: function(target, x, from_logits=from_logits), output)


def distance(y_true, y_pred):
    return ops.sum(ops.abs(ops.subtract(y_true, y_pred)), axis=-1)


def test_names():
    for name, (cls, *_) in CASES.items():
        assert losses.get(name) is getattr(losses, name)
        assert type(losses.get(cls.__name__)) is cls and losses.get(cls).name == name
    assert all(losses.get(name) is losses.mean_squared_error for name in ("mse", "MSE", "mean_squared_error"))
    assert losses.get("bce") is losses.get("BCE") is losses.binary_crossentropy
    loss = losses.MeanSquaredError()
    assert losses.get(loss) is loss and losses.get(distance) is distance and losses.get(None) is None


BAD = [
    (ValueError, lambda: losses.get("mean_sqared_error"), "Unknown loss 'mean_sqared_error'.*mean_squared_error"),
    (ValueError, lambda: losses.get(7), "Expected a loss.*Received: 7"),
    (ValueError, lambda: losses.MeanSquaredError(reduction="average"), "reduction='average'"),
    (ValueError, lambda: losses.BinaryCrossentropy(label_smoothing=1.5), r"label_smoothing=1\.5"),
    (ValueError, lambda: losses.CategoricalCrossentropy(label_smoothing="a"), "label_smoothing='a'"),
    (ValueError, lambda: losses.CategoricalCrossentropy(label_smoothing=float("nan")), "label_smoothing=nan"),
    (ValueError, lambda: losses.SparseCategoricalCrossentropy(ignore_class=1.5), r"ignore_class=1\.5"),
    (ValueError, lambda: losses.categorical_crossentropy(ONE_HOT[:, :3], LOGITS), r"\(6, 3\).*\(6, 4\)"),
    (ValueError, lambda: losses.categorical_crossentropy(LABELS[:, None], LOGITS), r"\(6, 1\).*sparse_cat"),
    (ValueError, lambda: losses.categorical_crossentropy(ONE_HOT, LOGITS, axis=2), "axis=2"),
    (ValueError, lambda: losses.categorical_crossentropy(ONE_HOT, LOGITS, axis=True), "axis=True"),
    (ValueError, lambda: losses.sparse_categorical_crossentropy(ONE_HOT, LOGITS), r"\(6,\).*\(6, 4\)"),
    (ValueError, lambda: losses.sparse_categorical_crossentropy(LABELS + 1, LOGITS), "label 4 at position"),
    (ValueError, lambda: losses.binary_crossentropy(YES_NO[:1], LOGITS), r"\(1, 4\).*\(6, 4\)"),
    (ValueError, lambda: losses.binary_crossentropy(YES_NO[:, :3], LOGITS), r"\(6, 3\).*\(6, 4\)"),
    (ValueError, lambda: losses.mean_squared_error(YES_NO[:, :3], LOGITS), r"\(6, 3\).*\(6, 4\)"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    kind, function, text = BAD[case]
    with pytest.raises(kind, match=text):
        function()
