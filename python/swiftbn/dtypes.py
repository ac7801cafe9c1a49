"""Element types: which there are, how they combine, and how foreign arrays become one of them."""

from __future__ import annotations

import numpy as np

# Operations compute in the first two; tensors of the 16-bit ones are stored, and computed with in float32.
COMPUTING_DTYPES = ("float32", "float64")
HALF_DTYPES = ("float16", "bfloat16")
FLOAT_DTYPES = COMPUTING_DTYPES + HALF_DTYPES
INT_DTYPES = ("uint8", "int32", "uint32", "int64")
SUPPORTED_DTYPES = FLOAT_DTYPES + INT_DTYPES + ("bool",)

_PYTHON_DTYPES = {"float": "float32", "int": "int32", "bool": "bool"}

# NumPy dtypes the core does not compute in, and the supported dtype that holds their values.
_WIDENED = {
    "int8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint64": "int64",
    "longdouble": "float64",
    "float128": "float64",
}
# Of NumPy itself and in the byte order of this machine.
_PLAIN_DTYPES = frozenset(np.dtype(name) for name in SUPPORTED_DTYPES if name != "bfloat16")


def standardize_dtype(dtype) -> str:
    """Name of a supported dtype given as a string, a NumPy dtype or a Python type; None means `floatx()`.

    Raises:
        ValueError: the dtype is not one of `SUPPORTED_DTYPES`.
    """
    if dtype is None:
        from swiftbn.config import floatx

        return floatx()
    if isinstance(dtype, str):
        name = _PYTHON_DTYPES.get(dtype, dtype)
    elif isinstance(dtype, type) and dtype in (bool, int, float):
        name = _PYTHON_DTYPES[dtype.__name__]
    else:
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = str(dtype)
    if name not in SUPPORTED_DTYPES:
        raise ValueError(f"Expected dtype to be one of {', '.join(SUPPORTED_DTYPES)}. Received: dtype={dtype!r}")
    return name


def computing_dtype(dtype) -> str:
    """The same without the 16-bit floats, which tensors may have but weights and states may not.

    Raises:
        ValueError: the dtype is not supported there.
    """
    name = standardize_dtype(dtype)
    if name in HALF_DTYPES:
        supported = (name for name in SUPPORTED_DTYPES if name not in HALF_DTYPES)
        raise ValueError(f"Expected dtype to be one of {', '.join(supported)}. Received: dtype={dtype!r}")
    return name


def is_float_dtype(dtype: str) -> bool:
    return dtype in FLOAT_DTYPES


def result_dtype(*dtypes: str) -> str:
    """The dtype in which operands of these dtypes meet.

    Floats win over integers (whatever their width), wider over narrower, and float16 meets bfloat16 in float32;
    integers of mixed sign take a signed dtype
    that holds both, uint32 with a signed one being int64.
    """
    kinds = set(dtypes)
    if len(kinds) == 1:
        return dtypes[0]
    if kinds >= set(HALF_DTYPES):
        kinds.add("float32")
    for name in ("float64", "float32", *HALF_DTYPES, "int64"):
        if name in kinds:
            return name
    if "uint32" in kinds:
        return "int64" if "int32" in kinds else "uint32"
    return "int32" if "int32" in kinds else "uint8"


def is_plain(x) -> bool:
    """Whether x is a C-contiguous NumPy array of a supported dtype, which `to_host_array` returns as it is."""
    return type(x) is np.ndarray and x.dtype in _PLAIN_DTYPES and x.flags.c_contiguous


def to_host_array(x, dtype: str | None = None) -> np.ndarray:
    """A C-contiguous NumPy array of a supported dtype; copies only when it has to.

    Python floats and lists of them take `floatx()`, Python integers int32 when they fit and int64 otherwise; NumPy
    arrays keep a supported dtype.

    Raises:
        TypeError: complex, object, string or ragged data.
    """
    if dtype is None and is_plain(x):
        return x
    is_typed = isinstance(x, (np.ndarray, np.generic)) or hasattr(x, "__array__")
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise TypeError(f"Expected a tensor, an array or nested lists of numbers of equal lengths: {error}") from None
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if dtype is None:
        dtype = _host_dtype(array, is_typed)
    elif array.dtype.kind not in "biuf":
        _host_dtype(array, True)
    if array.dtype.name != dtype:
        array = array.astype(numpy_dtype(dtype))
    return array if array.flags.c_contiguous else np.asarray(array, order="C")


def numpy_dtype(name: str) -> np.dtype:
    """NumPy's object for a supported dtype; bfloat16 is that of ml_dtypes.

    Raises:
        ImportError: bfloat16 without ml_dtypes.
    """
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise ImportError("bfloat16 needs the package ml_dtypes: pip install ml_dtypes") from None
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def _host_dtype(array: np.ndarray, is_typed: bool) -> str:
    name = array.dtype.name
    if not is_typed:
        if name == "float64":
            from swiftbn.config import floatx

            return floatx()
        if name == "int64":
            fits = array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)
            return "int32" if fits else "int64"
    name = _WIDENED.get(name, name)
    if name not in SUPPORTED_DTYPES:
        raise TypeError(
            f"Expected data of a real number dtype ({', '.join(SUPPORTED_DTYPES)}). "
            f"Received: an array of dtype {array.dtype} and shape {array.shape}"
        )
    return name
