"""What Keras 3 has in `keras.backend`: settings, dtypes, names."""

from __future__ import annotations

from swiftbn import naming
from swiftbn._choices import backend
from swiftbn.config import epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from swiftbn.dtypes import FLOAT_DTYPES, INT_DTYPES, result_dtype, standardize_dtype
from swiftbn.utils.session import clear_session, is_keras_tensor

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def is_float_dtype(dtype) -> bool:
    """Whether a dtype, given as for `standardize_dtype`, is one of floats."""
    return standardize_dtype(dtype) in FLOAT_DTYPES


def is_int_dtype(dtype) -> bool:
    """Whether a dtype, given as for `standardize_dtype`, is one of integers."""
    return standardize_dtype(dtype) in INT_DTYPES


def result_type(*dtypes) -> str:
    """The dtype in which operands meet: `ops.add` of tensors of these dtypes has it.

    Python's types float and int stand for numbers, which take the dtype of the tensors they meet, but for fractional
    ones with integers: those meet in `floatx()`. None stands for `floatx()`; of no dtypes it is float32.

    Raises:
        ValueError: unknown dtypes.
    """
    numbers = [dtype for dtype in dtypes if dtype is float or dtype is int]
    tensors = [standardize_dtype(dtype) for dtype in dtypes if dtype is not float and dtype is not int]
    if not dtypes:
        return "float32"
    fractional = float in numbers
    if not tensors:
        return floatx() if fractional else "int32"
    found = result_dtype(*tensors)
    if fractional and found not in FLOAT_DTYPES:
        return floatx()
    return "int32" if numbers and found == "bool" else found


def get_uid(prefix: str = "") -> int:
    """How many names have begun with a prefix so far, this one counted."""
    return naming.count(prefix)
