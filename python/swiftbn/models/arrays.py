"""What users pass as data, as host arrays."""

from __future__ import annotations

import numpy as np

from swiftbn import tree
from swiftbn.dtypes import to_host_array


def as_arrays(name: str, structure):
    """Host arrays nested as given; lists of numbers are one array, lists of arrays are several.

    Tensors of other libraries on the CPU are taken without copying.

    Raises:
        TypeError: something else than arrays of real numbers.
        ValueError: None, nothing, or numbers without an axis of samples.
    """
    if structure is None:
        raise ValueError(f"Expected {name} to be arrays. Received: {name}=None")
    if isinstance(structure, list) and not any(hasattr(item, "__array__") for item in tree.flatten(structure)):
        return _array(name, structure)
    if tree.is_nested(structure) and not tree.flatten(structure):
        raise ValueError(f"Expected {name} to hold arrays. Received: {name}={structure!r}")
    return tree.map_structure(lambda leaf: _array(name, leaf), structure)


def _array(name: str, value) -> np.ndarray:
    if not hasattr(value, "__array__") and not isinstance(value, (list, int, float)):
        raise TypeError(
            f"Expected {name} to be NumPy arrays or nested lists, tuples and dicts of them. "
            f"Received: {name} of type {type(value).__name__}"
        )
    if getattr(value, "requires_grad", False) is True:
        # PyTorch shows the numbers of a tensor only without its history.
        value = value.detach()
    try:
        array = to_host_array(value)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    if array.ndim == 0:
        raise ValueError(f"Expected {name} to have one row per sample. Received: {name} of shape ()")
    return array
