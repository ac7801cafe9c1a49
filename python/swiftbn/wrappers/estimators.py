"""Models with the methods that scikit-learn calls."""

from __future__ import annotations

import numpy as np

from swiftbn.models import clone_model
from swiftbn.models.model import Model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data

    _import_error = None
except ImportError as error:
    # The classes are there all the same, to say what they need.
    _import_error = error
    BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin = (type(name, (), {}) for name in "ABCD")


class _Estimator(BaseEstimator):
    """What the estimators share; subclasses say what targets look like."""

    _has_several_outputs = True

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        if _import_error is not None:
            raise ImportError(
                f"{type(self).__name__}: expected scikit-learn to be installed, 1.6 or newer; "
                "pip install 'swiftbn[sklearn]'"
            ) from _import_error
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        tags.target_tags.multi_output = self._has_several_outputs
        return tags

    def __sklearn_clone__(self):
        """One that is not fitted, with a model of its own."""
        model = _copied(self.model) if isinstance(self.model, Model) else self.model
        return type(self)(model, self.warm_start, self.model_kwargs, self.fit_kwargs)

    @property
    def epoch_(self) -> int:
        """How many epochs the last `fit` took."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs):
        """Says which arguments of `fit` scikit-learn routes to it: dict from names to True, False, None or an alias.

        Raises:
            RuntimeError: metadata routing is not enabled in scikit-learn.
        """
        import sklearn
        from sklearn.utils.metadata_routing import MetadataRequest

        if not sklearn.get_config().get("enable_metadata_routing", False):
            raise RuntimeError(
                "set_fit_request: expected sklearn.set_config(enable_metadata_routing=True) before it is called"
            )
        self._metadata_request = MetadataRequest(owner=self)
        for name, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=name, alias=alias)
        return self

    def fit(self, X, y, **kwargs):
        """Trains a model on samples (N, D) and targets (N,) or (N, T).

        Args:
            kwargs: arguments of the model's `fit`, which come before `fit_kwargs`.

        Raises:
            RuntimeError: the model is not compiled with a loss and an optimizer.
            ValueError: samples or targets that do not fit.
        """
        X, y = validate_data(self, X, y, multi_output=self._has_several_outputs)
        y = self._fit_targets(y)
        model = self._new_model(X, y)
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(f"{type(self).__name__}: expected a model that is compiled with a loss and an optimizer")
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _new_model(self, X, y) -> Model:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            return self.model if self.warm_start else clone_model(self.model)
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def predict(self, X):
        """Predictions as the targets are."""
        return self._as_targets(self._outputs(X))

    def _outputs(self, X) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self.model_.predict(validate_data(self, X, reset=False))

    def _fit_targets(self, y: np.ndarray) -> np.ndarray:
        """Targets as the model is given them, two-dimensional."""
        _kind_of(y)
        self._target_rank = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _as_targets(self, outputs: np.ndarray) -> np.ndarray:
        if self._target_rank == 1 and outputs.ndim == 2 and outputs.shape[1] == 1:
            return outputs[:, 0]
        return outputs


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A model as a classifier of scikit-learn: labels of any kind become one-hot vectors, outputs the likeliest label.

    `fit` makes a new model: of a model given, a copy with new weights; of a function, what it returns for X, y and
    `model_kwargs`.

    Args:
        model: a compiled model, or a function of X and y, given by name, that makes one.
        warm_start: whether a second `fit` goes on with the model of the first, and a model that was given is trained
            itself.
        model_kwargs: dict of further arguments of the function.
        fit_kwargs: dict of arguments of the model's `fit`.

    Attributes:
        classes_: the labels.
        model_: the model of the last `fit`; history_: what the model's `fit` returned.

    Raises:
        ImportError: scikit-learn is not installed, or older than 1.6.
    """

    _has_several_outputs = False

    def decision_function(self, X):
        """The model's outputs."""
        return self._outputs(X)

    def _fit_targets(self, y: np.ndarray) -> np.ndarray:
        kind = _kind_of(y)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        return np.eye(len(self.classes_))[places.reshape(-1)]

    def _as_targets(self, outputs: np.ndarray) -> np.ndarray:
        if outputs.shape[1:] != (len(self.classes_),):
            raise ValueError(
                f"SKLearnClassifier: expected a model with an output for each of {len(self.classes_)} classes. "
                f"Received: outputs of shape {outputs.shape}"
            )
        return self.classes_[outputs.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A model as a regressor of scikit-learn, of one target or several. For the arguments see `SKLearnClassifier`."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A model as a transformer of scikit-learn: `transform` gives its outputs. For the arguments see
    `SKLearnClassifier`."""

    def transform(self, X):
        """The model's outputs."""
        return self._outputs(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _kind_of(y) -> str:
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(f"Unknown label type for data: {y!r}")
    return kind


def _copied(model: Model) -> Model:
    """Another model of the same weights, compiled in the same way."""
    copy = clone_model(model)
    if model.built:
        copy.set_weights(model.get_weights())
    return copy
