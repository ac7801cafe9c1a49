"""Models as estimators of scikit-learn."""

from swiftbn import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__, {"estimators": "SKLearnClassifier SKLearnRegressor SKLearnTransformer"}
)
