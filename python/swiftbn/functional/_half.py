"""float16 and bfloat16 in the functional normalizations: computed in float32, the result like x rounded once."""

from __future__ import annotations

import functools
import inspect

import numpy as np

from swiftbn.dtypes import HALF_DTYPES


def is_half(value) -> bool:
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.name in HALF_DTYPES


def through_float32(function, x, arguments: tuple, options: dict, out=None, copy=True):
    """The function of the arguments with all 16-bit arrays in float32; what it returns first is rounded to x's dtype.

    Raises:
        TypeError: `out` has another dtype than x.
        ValueError: `out` has another shape than x, or copying is not allowed.
    """
    name = function.__name__
    if not copy:
        raise ValueError(
            f"{name}: x has dtype {x.dtype.name}, which is computed with in float32, and copying is not allowed"
        )
    if out is not None and (not isinstance(out, np.ndarray) or out.dtype != x.dtype):
        kind = out.dtype.name if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(f"{name}: out is {kind}, expected an array of {x.dtype.name} as x is")
    if out is not None and (out.shape != x.shape or not out.flags.writeable):
        raise ValueError(f"{name}: out has shape {out.shape}, expected {x.shape} as x has, writable")
    results = function(*(a.astype(np.float32) if is_half(a) else a for a in arguments), **options)
    first, *rest = results if isinstance(results, tuple) else (results,)
    with np.errstate(over="ignore"):
        if out is None:
            out = first.astype(x.dtype)
        else:
            out[...] = first
    return (out, *rest) if rest else out


def accepts_half(function):
    """Gives a function of arrays, with x among them, the 16-bit dtypes."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except TypeError:
            try:
                bound = signature.bind(*args, **kwargs).arguments
            except TypeError:
                bound = {}
            if not is_half(bound.get("x")):
                raise
        positional = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        options = {name: value for name, value in bound.items() if name not in positional}
        return through_float32(function, bound["x"], tuple(bound[name] for name in positional), options)

    return wrapper
