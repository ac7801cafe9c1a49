"""Functions of `utils` under the names that Keras had for them before."""

from swiftbn import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(__name__, {}, submodules=("image", "sequence"))
