"""Every loss against NumPy in float64: values, gradients, programs, extreme outputs, empty batches."""

import inspect

import numpy as np
import pytest
from checks import check_gradient, traced
from loss_cases import (
    CASES,
    CHANCES,
    DISTRIBUTIONS,
    LABELS,
    ONE_HOT,
    OUTPUTS,
    PROBABILITIES,
    SEQUENCES,
    STEPS,
    TARGETS,
    VECTORS,
    WEIGHTS,
    YES_NO,
    class_of,
    ctc,
    function_of,
    masked,
    softmax,
)

import swiftbn
from swiftbn import losses, ops
from swiftbn.ops._dispatch import call


def test_every_function_is_here():
    named = {name.split()[0] for name in CASES} | {"binary_crossentropy"}
    assert named == set(losses._FUNCTIONS)


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    arguments, targets, outputs, reference = CASES[name]
    function = function_of(name)
    expected = reference(targets, outputs)
    found = function(targets, outputs, **arguments)
    assert np.shape(found) == np.shape(expected) and found.dtype == "float64"
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    inside = traced(lambda t, p: function(t, p, **arguments), targets, outputs)
    np.testing.assert_allclose(inside, expected, rtol=1e-9, atol=1e-12)
    narrow = function(
        targets.astype("int32" if targets.dtype.kind == "i" else "float32"), outputs.astype("float32"), **arguments
    )
    assert narrow.dtype == "float32"
    np.testing.assert_allclose(narrow, expected, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    arguments, targets, outputs, _ = CASES[name]
    function = function_of(name)
    check_gradient(lambda p: function(targets, p, **arguments), outputs, tolerance=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_classes(name):
    arguments, targets, outputs, reference = CASES[name]
    cls = class_of(name)
    values = reference(targets, outputs)
    mask = masked(name, arguments, targets, values)
    mean = values[mask].mean() if np.ndim(values) else values
    plain = cls(**arguments, dtype="float64")
    np.testing.assert_allclose(plain(targets, outputs), mean, rtol=1e-9)
    assert cls(**arguments)(targets, outputs).dtype == "float32"
    np.testing.assert_allclose(traced(plain, targets, outputs), mean, rtol=1e-9)
    for reduction in ("sum", "none", None):
        found = cls(**arguments, reduction=reduction, dtype="float64")(targets, outputs)
        np.testing.assert_allclose(found, values.sum() if reduction == "sum" else values, rtol=1e-9, atol=1e-12)
    if np.ndim(values):
        weights = WEIGHTS[: len(values)]
        found = plain(targets, outputs, sample_weight=weights)
        np.testing.assert_allclose(found, (values * weights)[mask].sum() / mask.sum(), rtol=1e-9)
        weighted = cls(**arguments, reduction="mean_with_sample_weight", dtype="float64")
        found = weighted(targets, outputs, sample_weight=weights)
        np.testing.assert_allclose(found, (values * weights)[mask].sum() / weights[mask].sum(), rtol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_configurations(name):
    arguments, targets, outputs, _ = CASES[name]
    loss = class_of(name)(**arguments, reduction="sum", name="other")
    config = loss.get_config()
    assert config["name"] == "other" and config["reduction"] == "sum"
    for again in (type(loss).from_config(config), losses.deserialize(losses.serialize(loss))):
        assert type(again) is type(loss) and again.get_config() == config
        np.testing.assert_array_equal(again(targets, outputs), loss(targets, outputs))


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in CASES}))
def test_names(name):
    function, cls = function_of(name), class_of(name)
    assert losses.get(name) is function and type(losses.get(cls.__name__)) is cls
    assert losses.deserialize(losses.serialize(function)) is function
    assert cls().name == ("huber_loss" if name == "huber" else name)
    assert list(inspect.signature(function).parameters)[:2] == ["y_true", "y_pred"]


def test_aliases():
    for short, name in {
        "mse": "mean_squared_error",
        "mae": "mean_absolute_error",
        "mape": "mean_absolute_percentage_error",
        "msle": "mean_squared_logarithmic_error",
        "kld": "kl_divergence",
        "bce": "binary_crossentropy",
    }.items():
        assert losses.get(short) is losses.get(short.upper()) is getattr(losses, name)


@pytest.mark.parametrize("name", CASES)
def test_no_samples_have_the_loss_zero(name):
    arguments, targets, outputs, _ = CASES[name]
    if arguments.get("axis") == 0:
        return
    loss = class_of(name)(**arguments)
    empty = loss(targets[:0], outputs[:0])
    # One value for the whole batch is 1 minus nothing.
    assert float(empty) == (1 if name in ("dice", "tversky") else 0)


LOGITS = OUTPUTS * 300
EXTREME = {
    "categorical_focal_crossentropy": (ONE_HOT, ops.softmax, {"from_logits": True}),
    "binary_focal_crossentropy": (YES_NO, ops.sigmoid, {"from_logits": True}),
}


@pytest.mark.parametrize("gamma", [0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", EXTREME)
def test_focal_losses_of_an_activation_are_those_of_its_input(name, gamma):
    targets, activation, of_logits = EXTREME[name]
    function = function_of(name)
    wanted = traced(lambda x: function(targets, x, gamma=gamma, **of_logits), LOGITS)
    found = traced(lambda x: function(targets, activation(x), gamma=gamma), LOGITS)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert wanted.max() > 20 and np.isfinite(wanted).all()
    for dtype in ("float32", "float64"):
        gradient = swiftbn.grad(lambda x: ops.sum(function(targets, activation(x), gamma=gamma)))(LOGITS.astype(dtype))
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0.1


def test_an_activation_is_taken_back_through_what_changes_nothing():
    def loss(x):
        outputs = call("identity", ops.cast(ops.softmax(x), "float32"))[0]
        return losses.CategoricalCrossentropy()(ONE_HOT, outputs)

    expected = losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, LOGITS)
    np.testing.assert_allclose(traced(loss, LOGITS), expected, rtol=1e-5)
    assert expected > 20


def test_divergences_of_a_softmax_are_those_of_its_input():
    logs = (
        LOGITS
        - np.log(np.exp(LOGITS - LOGITS.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - LOGITS.max(-1, keepdims=True)
    )
    found = traced(lambda x: losses.kl_divergence(DISTRIBUTIONS, ops.softmax(x)), LOGITS)
    np.testing.assert_allclose(found, (DISTRIBUTIONS * (np.log(DISTRIBUTIONS) - logs)).sum(-1), rtol=1e-10)
    generalized = swiftbn.grad(
        lambda x: ops.sum(losses.categorical_generalized_cross_entropy(LABELS, ops.softmax(x), 0.5))
    )
    # d/dx (1 - p^q) / q = p^q (p - onehot)
    root = np.exp(0.5 * logs[np.arange(6), LABELS])[:, None]
    np.testing.assert_allclose(generalized(LOGITS), root * (np.exp(logs) - ONE_HOT), rtol=1e-9, atol=1e-300)


def test_a_softmax_along_another_axis_is_not_taken_back():
    for axis in (0, 1):
        p = softmax(OUTPUTS, axis)
        found = traced(lambda x, a=axis: losses.categorical_crossentropy(ONE_HOT, ops.softmax(x, axis=a)), OUTPUTS)
        np.testing.assert_allclose(found, -(ONE_HOT * np.log(p / p.sum(-1, keepdims=True))).sum(-1), rtol=1e-9)


def test_far_and_near_errors():
    error = np.array([[1e-6], [40.0], [-40.0], [1e4], [-1e4]], "float32")
    found = losses.log_cosh(np.zeros_like(error), error)
    np.testing.assert_allclose(found, [0, *(np.abs(error[1:, 0]) - np.log(2))], rtol=1e-6, atol=1e-6)
    gradient = swiftbn.grad(lambda e: ops.sum(losses.log_cosh(np.zeros_like(error), e)))(error)
    np.testing.assert_allclose(gradient, np.tanh(error), atol=1e-6)


def test_vectors_of_zeros_have_no_direction_and_no_infinite_gradient():
    zeros = np.zeros((2, 3))
    assert (losses.cosine_similarity(zeros, OUTPUTS[:2, :3]) == 0).all()
    gradient = swiftbn.grad(lambda p: ops.sum(losses.cosine_similarity(OUTPUTS[:2, :3], p)))(zeros)
    assert np.isfinite(gradient).all()


def test_samples_without_partners_have_no_circle_loss_and_a_gradient_of_zero():
    labels = np.array([0, 0, 1])
    values = losses.circle(labels, VECTORS[:3])
    assert values[2] == 0 and (values[:2] > 0).all()
    alone = swiftbn.grad(lambda p: ops.sum(losses.circle(np.arange(3), p)))(VECTORS[:3])
    np.testing.assert_array_equal(alone, np.zeros((3, 5)))
    assert losses.Circle()(labels, VECTORS[:3]) == pytest.approx(values[:2].mean(), rel=1e-6)
    references = losses.circle(labels, VECTORS[:3], ref_labels=LABELS, ref_embeddings=VECTORS, remove_diagonal=False)
    assert references.shape == (3,)


def test_sequences_without_a_path_and_extreme_logits_stay_finite():
    long, strange = np.array([[1, 2, 3, 1, 2]]), np.array([[1, 9, 0, 0, 0]])
    logits = np.where(np.arange(4) == 1, 500.0, -500.0) * np.ones((1, 4, 1))
    for labels in (long, strange):
        assert 9e4 < losses.ctc(labels, STEPS[:1])[0] < 2e5
    for labels in (long, strange, SEQUENCES[:1]):
        for dtype in ("float32", "float64"):
            values, gradient = swiftbn.value_and_grad(lambda x, t=labels: ops.sum(losses.ctc(t, x)))(
                logits.astype(dtype)
            )
            assert np.isfinite(values).all() and np.isfinite(gradient).all()
    shut = np.where(np.arange(4) == 3, -np.inf, STEPS[:1])
    values, gradient = swiftbn.value_and_grad(lambda x: ops.sum(losses.ctc(SEQUENCES[:1], x)))(shut)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(values, ctc(SEQUENCES[:1], shut)[0], rtol=1e-9)
    # Three steps of 1 and one of the 2 that costs 1000, of which the blank costs as much.
    assert losses.ctc(SEQUENCES[:1], logits) == pytest.approx(1000, rel=1e-9)


def test_a_model_learns_sequences():
    model = swiftbn.Sequential([swiftbn.Input((4, 4)), swiftbn.layers.Dense(4)])
    model.compile(swiftbn.optimizers.Adam(0.1), "ctc")
    history = model.fit(STEPS, SEQUENCES, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2


def test_nested_targets_and_outputs_reach_the_loss_as_they_are():
    class Sum(losses.Loss):
        def call(self, y_true, y_pred):
            assert all(y.dtype == "float32" for y in (*y_true.values(), *y_pred.values()))
            return ops.add(y_pred["a"] - y_true["a"], ops.sum(y_pred["b"] * y_true["b"], axis=-1))

    y_true, y_pred = {"a": TARGETS[:, 0], "b": TARGETS}, {"a": OUTPUTS[:, 0], "b": OUTPUTS}
    expected = (OUTPUTS[:, 0] - TARGETS[:, 0] + (OUTPUTS * TARGETS).sum(-1)).mean()
    assert Sum()(y_true, y_pred) == pytest.approx(expected, rel=1e-5)
    loss = losses.MeanSquaredError()
    assert loss([[0.0, 1.0]], [[1.0, 3.0]]) == 2.5
    assert loss([np.array([0.0, 1.0])], [np.array([1.0, 3.0])]) == 2.5


BAD = [
    (lambda: losses.Huber(delta=float("nan")), "Huber.*delta=nan"),
    (lambda: losses.Tversky(alpha="a"), "Tversky.*alpha='a'"),
    (lambda: losses.Circle(margin=None), "Circle.*margin=None"),
    (lambda: losses.BinaryFocalCrossentropy(gamma=-1), "BinaryFocalCrossentropy.*gamma=-1"),
    (lambda: losses.CategoricalFocalCrossentropy(label_smoothing=2), "label_smoothing=2"),
    (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1), "between 0 and 1. Received: q=1"),
    (lambda: losses.categorical_generalized_cross_entropy(LABELS, PROBABILITIES, 0.0), r"q=0\.0"),
    (lambda: losses.binary_focal_crossentropy(YES_NO, CHANCES, axis="a"), "axis='a'"),
    (lambda: losses.hinge(YES_NO[:4], OUTPUTS), r"\(4, 5\).*\(6, 5\)"),
    (lambda: losses.cosine_similarity(TARGETS, OUTPUTS, axis=4), "axis=4"),
    (lambda: losses.ctc(LABELS, STEPS), r"\(N, L\).*\(6,\)"),
    (lambda: losses.circle(LABELS, VECTORS, ref_embeddings=VECTORS[:, :2]), r"\(6, 5\).*\(2, 6\)"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
