"""What functions of matrices have in common: their dtypes, and what they say when shapes do not fit."""

from __future__ import annotations

import numpy as np

from swiftbn.dtypes import HALF_DTYPES, is_float_dtype
from swiftbn.ops._dispatch import dtype_of, promote, to_dtype


def floats(*inputs) -> tuple:
    """The inputs in the float dtype in which they are computed with, and the dtype of the results."""
    inputs = promote(*inputs, to_float=True)
    dtype = dtype_of(inputs[0])
    return (*(to_dtype(x, "float32") if dtype in HALF_DTYPES else x for x in inputs), dtype)


def rounded(dtype: str, *outputs) -> tuple:
    """Results in the dtype that 16-bit floats came in."""
    if dtype not in HALF_DTYPES:
        return outputs
    return tuple(to_dtype(y, dtype) if is_float_dtype(dtype_of(y)) else y for y in outputs)


def expect_matrices(name: str, argument: str, x, square: bool = False) -> tuple:
    """(M, N) of matrices; they have to be known, as in every compiled step."""
    shape = tuple(x.shape)
    wanted = "(..., M, M)" if square else "(..., M, N)"
    if len(shape) < 2 or None in shape[-2:] or (square and shape[-2] != shape[-1]):
        raise ValueError(f"{name}: expected {argument} of shape {wanted} with M, N known. Received: shape {shape}")
    return shape[-2:]


def eye_like(n: int, x) -> np.ndarray:
    """The n × n identity in the dtype of x."""
    return np.eye(n, dtype=dtype_of(x))
