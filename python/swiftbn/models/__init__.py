"""Models, with the names and arguments of `keras.models`."""

from swiftbn import _lazy
from swiftbn.models.functional import Functional
from swiftbn.models.model import Model
from swiftbn.models.sequential import Sequential

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__, {".saving": "load_model save_model", "cloning": "clone_model model_from_json"}
)
