"""Models as estimators of scikit-learn."""

import sys

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers
from swiftbn.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
COLORS = np.array(["blue", "green", "red"])
LABELS = COLORS[np.argmax(X, axis=1)]


def make(X, y, loss="mse", activation=None, units=(8,), compiled=True):
    inputs = Input((X.shape[1],))
    hidden = inputs
    for size in units:
        hidden = layers.Dense(size, "relu")(hidden)
    model = Model(inputs, layers.Dense(y.shape[1], activation)(hidden))
    if compiled:
        model.compile(swiftbn.optimizers.Adam(0.05), loss)
    return model


CLASSIFYING = {"loss": "categorical_crossentropy", "activation": "softmax"}
QUIET = {"verbose": 0, "epochs": 40}


def classifier(**options):
    pytest.importorskip("sklearn")
    return SKLearnClassifier(make, model_kwargs=CLASSIFYING, **{"fit_kwargs": QUIET, **options})


def regressor(model=make, **options):
    pytest.importorskip("sklearn")
    return SKLearnRegressor(model, **{"fit_kwargs": QUIET, **options})


def compiled_model():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_classifier():
    estimator = classifier().fit(X, LABELS)
    assert estimator.classes_.tolist() == COLORS.tolist() and estimator.n_features_in_ == 3
    found = estimator.predict(X)
    assert found.shape == (60,) and set(found) <= set(COLORS) and estimator.score(X, LABELS) > 0.9
    outputs = estimator.decision_function(X)
    assert outputs.shape == (60, 3)
    np.testing.assert_array_equal(found, COLORS[outputs.argmax(1)])
    np.testing.assert_array_equal(outputs, estimator.model_.predict(X, verbose=0))
    assert len(estimator.history_.history["loss"]) == estimator.epoch_ == 40
    two = classifier().fit(X, X[:, 0] > 0)
    assert two.predict(X).dtype == bool and two.score(X, X[:, 0] > 0) > 0.9


def test_regressor():
    y = X @ [1.0, -2.0, 0.5]
    estimator = regressor().fit(X, y)
    assert estimator.predict(X).shape == (60,) and estimator.score(X, y) > 0.9
    several = regressor().fit(X, np.stack([y, -y], axis=1))
    assert several.predict(X).shape == (60, 2) and several.score(X, np.stack([y, -y], axis=1)) > 0.9
    column = regressor().fit(X, y[:, None])
    assert column.predict(X).shape == (60, 1)


def test_transformer():
    pytest.importorskip("sklearn")
    estimator = SKLearnTransformer(make, fit_kwargs=QUIET)
    found = estimator.fit_transform(X, X[:, :2])
    assert found.shape == (60, 2)
    np.testing.assert_array_equal(found, estimator.model_.predict(X, verbose=0))


def test_arguments_of_fit():
    estimator = regressor(fit_kwargs={"epochs": 2, "verbose": 0})
    estimator.fit(X, X[:, 0])
    assert estimator.epoch_ == 2
    estimator.fit(X, X[:, 0], epochs=3)
    assert estimator.epoch_ == 3 and estimator.fit_kwargs == {"epochs": 2, "verbose": 0}
    assert regressor().epoch_ == 0


def test_models_are_trained_anew_or_go_on():
    model = compiled_model()
    before = model.get_weights()
    estimator = regressor(model).fit(X, X[:, 0])
    assert estimator.model_ is not model and estimator.model_.compiled
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    first = estimator.model_
    assert estimator.fit(X, X[:, 0]).model_ is not first
    warm = regressor(model, warm_start=True).fit(X, X[:, 0])
    assert warm.model_ is model and not np.array_equal(before[0], model.get_weights()[0])
    built = regressor(make, warm_start=True).fit(X, X[:, 0])
    first, loss = built.model_, built.history_.history["loss"][-1]
    assert built.fit(X, X[:, 0]).model_ is first and built.history_.history["loss"][0] < 2 * loss


def test_clones():
    sklearn = pytest.importorskip("sklearn.base")
    model = compiled_model()
    estimator = regressor(model, warm_start=True, model_kwargs={"a": 1}).fit(X, X[:, 0])
    clone = sklearn.clone(estimator)
    assert clone.model is not model and clone.model.compiled and not hasattr(clone, "model_")
    assert (clone.warm_start, clone.model_kwargs, clone.fit_kwargs) == (True, {"a": 1}, QUIET)
    for a, b in zip(clone.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sklearn.clone(classifier()).model is make


def test_in_scikit_learn():
    pytest.importorskip("sklearn")
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert cross_val_score(classifier(), X, LABELS, cv=3).mean() > 0.7
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X * 100 + 7, LABELS)
    assert pipeline.score(X * 100 + 7, LABELS) > 0.9
    options = [{**CLASSIFYING, "units": (2,)}, {**CLASSIFYING, "units": (16, 8)}]
    search = GridSearchCV(classifier(), {"model_kwargs": options}, cv=2).fit(X, LABELS)
    assert search.best_params_["model_kwargs"] in options and search.best_estimator_.predict(X).shape == (60,)


def test_routing():
    sklearn = pytest.importorskip("sklearn")
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        regressor().set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = regressor().set_fit_request(sample_weight=True)
        assert estimator.get_metadata_routing().fit.requests["sample_weight"] is True
        weights = np.ones(60)
        sklearn.pipeline.make_pipeline(estimator).fit(X, X[:, 0], sample_weight=weights)


@pytest.mark.parametrize(
    "function, error, text",
    [
        (lambda: classifier().fit(X, X[:, 0]), ValueError, "Only binary and multiclass target types are supported"),
        (lambda: classifier().fit(X, ["a"] * 60), ValueError, "only one class is present"),
        (lambda: classifier().fit(X, LABELS[:5]), ValueError, "inconsistent numbers of samples"),
        (lambda: classifier().fit(X * np.nan, LABELS), ValueError, "NaN"),
        (lambda: classifier().fit(X, LABELS).predict(X[:, :2]), ValueError, "2 features.*expecting 3"),
        (
            lambda: regressor(model_kwargs={"compiled": False}).fit(X, X[:, 0]),
            RuntimeError,
            "expected a model that is compiled with a loss and an optimizer",
        ),
        (
            lambda: regressor(Sequential([Input((3,)), layers.Dense(1)])).fit(X, X[:, 0]),
            RuntimeError,
            "expected a model that is compiled",
        ),
    ],
)
def test_errors(function, error, text):
    with pytest.raises(error, match=text):
        function()


def test_a_model_with_too_few_outputs():
    estimator = classifier()
    estimator.model = lambda X, y, **_: compiled_model()
    estimator._fit_targets = lambda y: SKLearnClassifier._fit_targets(estimator, y)[:, :1]
    with pytest.raises(ValueError, match=r"an output for each of 3 classes. Received: outputs of shape \(60, 1\)"):
        estimator.fit(X, LABELS).predict(X)


def test_not_fitted():
    exceptions = pytest.importorskip("sklearn.exceptions")
    for estimator, method in ((classifier(), "decision_function"), (regressor(), "predict")):
        with pytest.raises(exceptions.NotFittedError):
            getattr(estimator, method)(X)


@pytest.mark.parametrize("name", ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"])
def test_without_scikit_learn(monkeypatch, name):
    for module in [module for module in sys.modules if module.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "swiftbn.wrappers.estimators")
    import swiftbn.wrappers.estimators as without

    with pytest.raises(ImportError, match=f"{name}: expected scikit-learn .*pip install 'swiftbn\\[sklearn\\]'"):
        getattr(without, name)(make)


def make_always_alike(X, y, **options):
    swiftbn.utils.set_random_seed(0)
    return make(X, y, **options)


# Why a check of scikit-learn does not hold.
REASONS = {
    SKLearnClassifier: {
        "check_classifiers_classes": "decision_function has two columns for two classes",
        "check_classifiers_train": "decision_function has two columns for two classes",
    },
    SKLearnRegressor: {"check_regressor_multioutput": "predictions are float32"},
    SKLearnTransformer: {},
}


@pytest.mark.parametrize("kind", [SKLearnClassifier, SKLearnRegressor, SKLearnTransformer])
def test_checks_of_scikit_learn(kind):
    pytest.importorskip("sklearn")
    from sklearn.utils.estimator_checks import check_estimator

    kwargs = CLASSIFYING if kind is SKLearnClassifier else {}
    estimator = kind(make_always_alike, model_kwargs=kwargs, fit_kwargs={"epochs": 5, "verbose": 0})
    found = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=REASONS[kind])
    failed = {result["check_name"]: str(result["exception"]) for result in found if result["status"] == "failed"}
    assert len(found) > 30 and failed == {}
    assert {result["check_name"] for result in found if result["status"] == "xfail"} == set(REASONS[kind])
