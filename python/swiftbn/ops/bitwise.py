"""Functions of the bits of integers, element by element."""

from __future__ import annotations

from swiftbn.dtypes import is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, promote, resolve, to_dtype
from swiftbn.ops.elementwise import logical_not


def _bits(name: str, summary: str):
    def function(x, y):
        a, b = promote(x, y)
        dtype = dtype_of(a)
        if is_float_dtype(dtype):
            raise TypeError(f"{name}: expected integers or booleans. Received: dtype {dtype}")
        wide = {"bool": "int32", "uint8": "int32"}.get(dtype, dtype)
        result = call(_NATIVE[name], to_dtype(a, wide), to_dtype(b, wide))[0]
        if dtype == "uint8":
            # What was shifted out of 8 bits is cut off.
            result = call("bitwise_and", result, to_dtype(255, wide))[0]
        return to_dtype(result, dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}, element by element."
    return operation(function)


_NATIVE = {
    "bitwise_and": "bitwise_and",
    "bitwise_or": "bitwise_or",
    "bitwise_xor": "bitwise_xor",
    "bitwise_left_shift": "bitwise_left_shift",
    "bitwise_right_shift": "bitwise_right_shift",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
}

bitwise_and = _bits("bitwise_and", "The bits that both have")
bitwise_or = _bits("bitwise_or", "The bits that one or both have")
bitwise_xor = _bits("bitwise_xor", "The bits that exactly one has")
bitwise_left_shift = _bits("bitwise_left_shift", "x·2ʸ, without what leaves the dtype")
bitwise_right_shift = _bits("bitwise_right_shift", "⌊x / 2ʸ⌋")
left_shift = _bits("left_shift", "x·2ʸ, without what leaves the dtype")
right_shift = _bits("right_shift", "⌊x / 2ʸ⌋")


@operation
def bitwise_not(x):
    """All bits the other way round, element by element; of booleans the opposite."""
    x = resolve(x)
    dtype = dtype_of(x)
    if dtype == "bool":
        return logical_not(x)
    return bitwise_xor(x, {"uint8": 255, "uint32": 2**32 - 1}.get(dtype, -1))


bitwise_invert = bitwise_not
