"""Bad input to training: type and text of the error, and that nothing has changed after it."""

import numpy as np
import pytest

from swiftbn import Input, Model, Sequential, layers

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(20, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, size=20)


@pytest.fixture(scope="module")
def model():
    """A classifier with batch normalization that has been trained, so that there is state to be damaged."""
    network = Sequential(
        [
            Input((4,)),
            layers.Dense(5, name="d"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(X, LABELS, epochs=2, verbose=0)
    return network


def state(network):
    return [np.array(v.numpy()) for v in [*network.variables, *network.optimizer.variables]]


class Custom:
    pass


NAN_LABELS = np.where(np.arange(20) == 7, np.nan, LABELS)
TOO_LARGE = np.where(np.arange(20) == 19, 3, LABELS)
NEGATIVE = np.where(np.arange(20) == 0, -1, LABELS)
FRACTIONS = LABELS + 0.5

BAD = {
    "lengths": (dict(x=X, y=LABELS[:15]), ValueError, "x has 20, y has 15"),
    "weights' length": (dict(x=X, y=LABELS, sample_weight=np.ones(7)), ValueError, "sample_weight has 7"),
    "batch_size 0": (dict(x=X, y=LABELS, batch_size=0), ValueError, "batch_size=0"),
    "batch_size negative": (dict(x=X, y=LABELS, batch_size=-4), ValueError, "batch_size=-4"),
    "batch_size fraction": (dict(x=X, y=LABELS, batch_size=2.5), ValueError, "batch_size=2.5"),
    "batch_size bool": (dict(x=X, y=LABELS, batch_size=True), ValueError, "batch_size=True"),
    "empty": (dict(x=X[:0], y=LABELS[:0]), ValueError, "at least one sample"),
    "label too large": (dict(x=X, y=TOO_LARGE), ValueError, "0 … 2"),
    "label negative": (dict(x=X, y=NEGATIVE), ValueError, "from -1"),
    "label NaN": (dict(x=X, y=NAN_LABELS), ValueError, "NaN, the first at index (7,)"),
    "label fraction": (dict(x=X, y=FRACTIONS), ValueError, "fractions"),
    "label text": (dict(x=X, y=np.array(["a"] * 20)), TypeError, "y: "),
    "x complex": (dict(x=X.astype(complex), y=LABELS), TypeError, "complex128"),
    "x object": (dict(x=X.astype(object), y=LABELS), TypeError, "object"),
    "x ragged": (dict(x=[[1.0, 2.0], [3.0]], y=LABELS[:2]), TypeError, "x"),
    "x no array": (dict(x=Custom(), y=LABELS), TypeError, "Custom"),
    "x missing": (dict(y=LABELS), ValueError, "x=None"),
    "x scalar": (dict(x=np.float32(3), y=LABELS), ValueError, "shape ()"),
    "y missing": (dict(x=X), ValueError, "y=None"),
    "x rank": (dict(x=np.ones((20, 4, 4)), y=LABELS), ValueError, "(None, 4)"),
    "x columns": (dict(x=np.ones((20, 5)), y=LABELS), ValueError, "(None, 5)"),
    "y shape": (dict(x=X, y=np.zeros((20, 3), int)), ValueError, "target"),
    "two targets": (dict(x=X, y=[LABELS, LABELS]), ValueError, "1 output(s)"),
    "two inputs": (dict(x=[X, X], y=LABELS), ValueError, "1 input(s)"),
    "weights NaN": (dict(x=X, y=LABELS, sample_weight=np.full(20, np.nan)), ValueError, "finite"),
    "both weights": (
        dict(x=X, y=LABELS, sample_weight=np.ones(20), class_weight={0: 1}),
        ValueError,
        "sample_weight or class_weight",
    ),
    "epochs": (dict(x=X, y=LABELS, epochs=-1), ValueError, "epochs=-1"),
    "shuffle": (dict(x=X, y=LABELS, shuffle="rows"), ValueError, "shuffle='rows'"),
    "steps_per_epoch": (dict(x=X, y=LABELS, steps_per_epoch=0), ValueError, "steps_per_epoch=0"),
    "validation_steps": (dict(x=X, y=LABELS, validation_steps=1.5), ValueError, "validation_steps=1.5"),
    "accumulate": (dict(x=X, y=LABELS, accumulate=0), ValueError, "accumulate=0"),
    "validation_split": (dict(x=X, y=LABELS, validation_split=1.5), ValueError, "validation_split=1.5"),
    "validation_data": (dict(x=X, y=LABELS, validation_data=X), ValueError, "validation_data"),
    "validation labels": (dict(x=X, y=LABELS, validation_data=(X, TOO_LARGE)), ValueError, "0 … 2"),
    "validation shape": (dict(x=X, y=LABELS, validation_data=(X[:, :2], LABELS)), ValueError, "(None, 2)"),
    "validation_freq": (
        dict(x=X, y=LABELS, validation_data=(X, LABELS), validation_freq=0),
        ValueError,
        "validation_freq",
    ),
    "verbose": (dict(x=X, y=LABELS, verbose=7), ValueError, "verbose=7"),
}


@pytest.mark.parametrize("case", BAD)
def test_fit_explains_and_changes_nothing(model, case):
    arguments, kind, text = BAD[case]
    before = state(model)
    with pytest.raises(kind) as error:
        model.fit(**{"verbose": 0, **arguments})
    assert text in str(error.value)
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("function", ["evaluate", "train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("labels, text", [(TOO_LARGE, "0 … 2"), (NAN_LABELS, "NaN"), (LABELS[:5], "y has 5")])
def test_other_functions_check_the_same(model, function, labels, text):
    before = state(model)
    with pytest.raises(ValueError) as error:
        getattr(model, function)(X, labels)
    assert text in str(error.value)
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predict_checks_its_input(model):
    with pytest.raises(ValueError, match=r"\(None, 5\)"):
        model.predict(np.ones((3, 5)), verbose=0)
    with pytest.raises(ValueError, match="at least one sample"):
        model.predict(X[:0], verbose=0)
    with pytest.raises(ValueError, match="steps=-2"):
        model.predict(X, steps=-2)
    with pytest.raises(ValueError, match="batch_size=0"):
        model.predict(X, batch_size=0)


def test_the_core_itself_refuses_bad_labels_before_it_changes_anything(model):
    """Without the checks in front the program still fails as a whole."""
    model.fit(X, LABELS, batch_size=20, epochs=1, verbose=0)
    program = next(step.program for key, step in model._programs.items() if key[:2] == ("train", 20))
    before = state(model)
    for labels in (TOO_LARGE, NEGATIVE, NAN_LABELS, FRACTIONS):
        with pytest.raises(ValueError):
            program.run((X, labels))
        for a, b in zip(before, state(model), strict=True):
            np.testing.assert_array_equal(a, b)


COMPILE = [
    (dict(run_eagerly=True), "run_eagerly=True"),
    (dict(steps_per_execution=0), "steps_per_execution to be an integer >= 1. Received: 0"),
    (dict(jit_compile="yes"), "'yes'"),
]


@pytest.mark.parametrize("arguments, text", COMPILE)
def test_compile_refuses_what_it_does_not_support(arguments, text):
    with pytest.raises(ValueError) as error:
        Sequential([Input((4,)), layers.Dense(1)]).compile(loss="mse", **arguments)
    assert text in str(error.value)


def test_compile_accepts_what_has_no_effect():
    for value in ("auto", True, False):
        Sequential([Input((4,)), layers.Dense(1)]).compile(loss="mse", jit_compile=value, run_eagerly=False)


def test_training_needs_compile():
    network = Sequential([Input((4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="compiled"):
        network.fit(X, LABELS, verbose=0)
    network.compile("adam")
    with pytest.raises(ValueError, match="no loss"):
        network.fit(X, LABELS, verbose=0)


def test_losses_must_fit_the_outputs():
    a = Input((4,))
    network = Model(a, [layers.Dense(1, name="p")(a), layers.Dense(1, name="q")(a)])
    y = [X[:, :1], X[:, :1]]
    network.compile("adam", ["mse"])
    with pytest.raises(ValueError, match=r"2 output\(s\) \(p, q\)"):
        network.fit(X, y, verbose=0)
    network.compile("adam", {"p": "mse", "other": "mse"})
    with pytest.raises(ValueError, match="other"):
        network.fit(X, y, verbose=0)
    network.compile("adam", "mse", loss_weights=0.5)
    with pytest.raises(ValueError, match="loss_weights"):
        network.fit(X, y, verbose=0)
    network.compile("adam", "mse", metrics={"nothing": ["mse"]})
    with pytest.raises(ValueError, match="nothing"):
        network.fit(X, y, verbose=0)


def test_targets_that_do_not_fit_the_loss_name_both_shapes():
    network = Sequential([Input((4,)), layers.Dense(2)])
    network.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"y has shape \(20, 5\), the output has shape \(20, 2\)"):
        network.fit(X, np.ones((20, 5)), verbose=0)


def test_nothing_to_train():
    network = Sequential([Input((4,)), layers.Flatten()])
    network.compile("adam", "mse")
    assert network.fit(X, X, epochs=1, verbose=0).history["loss"] == [0.0]


def test_errors_of_build_name_both_layers():
    with pytest.raises(ValueError) as error:
        Sequential([Input((4, 4, 1)), layers.Flatten(name="flat"), layers.BatchNormalization(axis=2, name="norm")])
    text = str(error.value)
    assert text.startswith("Layer 'norm' (BatchNormalization) cannot be called on shape (None, 16) from layer 'flat'")
    assert "-2 <= axis < 2" in text and "axis=2" in text
