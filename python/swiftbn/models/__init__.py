# ruff: noqa: F401  (names are imported to be re-exported)
"""Models, with the names and arguments of `keras.models`."""

from swiftbn.models.functional import Functional
from swiftbn.models.model import Model
from swiftbn.models.sequential import Sequential
from swiftbn.saving.archive import load_model, save_model
