"""Attention as a function."""

from __future__ import annotations

import math

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import dtype_of, promote, to_dtype
from swiftbn.ops.elementwise import add, logical_and, multiply, where
from swiftbn.ops.linear import matmul
from swiftbn.ops.nn import softmax
from swiftbn.ops.shaping import repeat, transpose


@operation
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """softmax(scale·q·kᵀ + bias)·v for each head.

    Shapes: query (N, T, heads, D); key and value (N, S, kv_heads, D), kv_heads being a divisor of heads: each of theirs
    serves as many neighbouring ones of the query; y (N, T, heads, D). bias and mask broadcast to (N, heads, T, S).

    Args:
        mask: true where a query sees a key. One that sees none sees all alike, as in Keras.
        scale: a number, None for 1/√D.
        is_causal: whether query t sees only keys 0 … t.
        flash_attention: only None and False.
        attn_logits_soft_cap: only None.

    Raises:
        ValueError: other shapes, an argument that is not supported.
    """
    name = "dot_product_attention"
    if flash_attention not in (None, False):
        raise ValueError(f"{name}: only flash_attention=None is supported. Received: {flash_attention!r}")
    if attn_logits_soft_cap is not None:
        raise ValueError(f"{name}: only attn_logits_soft_cap=None is supported. Received: {attn_logits_soft_cap!r}")
    query, key, value = promote(query, key, value, to_float=True)
    shapes = [tuple(x.shape) for x in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes) or shapes[1][:3] != shapes[2][:3] or shapes[0][3] != shapes[1][3]:
        raise ValueError(
            f"{name}: expected query (N, T, heads, D), key and value (N, S, kv_heads, D). "
            f"Received: shapes {', '.join(map(str, shapes))}"
        )
    heads, own = shapes[0][2], shapes[1][2]
    if not own or heads % own:
        raise ValueError(f"{name}: expected heads of query to be a multiple of those of key. Received: {heads}, {own}")
    query, key, value = (transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    if heads != own:
        key, value = (repeat(x, heads // own, axis=1) for x in (key, value))
    logits = matmul(query, transpose(key, (0, 1, 3, 2)))
    logits = multiply(logits, 1 / math.sqrt(max(1, shapes[1][3])) if scale is None else scale)
    dtype = dtype_of(logits)
    if bias is not None:
        logits = add(logits, to_dtype(bias, dtype))
    if is_causal:
        seen = np.tri(shapes[0][1], shapes[1][1], dtype="bool")[None, None]
        mask = seen if mask is None else logical_and(mask, seen)
    if mask is not None:
        low = -0.7 * float(np.finfo("float64" if dtype == "float64" else "float32").max)
        logits = where(to_dtype(mask, "bool"), logits, low)
    return transpose(matmul(softmax(logits), value), (0, 2, 1, 3))
