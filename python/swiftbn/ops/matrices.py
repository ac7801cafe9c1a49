"""Parts of matrices, products of vectors and matrices, and statistics of rows."""

from __future__ import annotations

import numpy as np

from swiftbn.dtypes import standardize_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, promote, resolve, to_float
from swiftbn.ops.elementwise import divide, multiply, sqrt, square, subtract, where
from swiftbn.ops.linear import matmul
from swiftbn.ops.reduction import mean, sum
from swiftbn.ops.shaping import _cut, moveaxis, stack, transpose


def tri(N: int, M: int | None = None, k: int = 0, dtype=None) -> np.ndarray:
    """N × M ones on and below diagonal k, zeros above."""
    return np.tri(N, M, k, standardize_dtype(dtype))


def _triangle(name: str, x, mask):
    x = resolve(x)
    if len(x.shape) < 2:
        raise ValueError(f"{name}: expected a tensor of at least 2 axes. Received: shape {tuple(x.shape)}")
    return where(mask(x.shape[-2], x.shape[-1]), x, 0)


@operation
def tril(x, k: int = 0):
    """The last two axes with zeros above diagonal k."""
    return _triangle("tril", x, lambda n, m: np.tri(n, m, k, "bool"))


@operation
def triu(x, k: int = 0):
    """The last two axes with zeros below diagonal k."""
    return _triangle("triu", x, lambda n, m: ~np.tri(n, m, k - 1, "bool"))


@operation
def diagonal(x, offset: int = 0, axis1: int = 0, axis2: int = 1):
    """The diagonals of the matrices in two axes, as a new last axis."""
    x = resolve(x)
    rank = len(x.shape)
    if rank < 2:
        raise ValueError(f"diagonal: expected a tensor of at least 2 axes. Received: shape {tuple(x.shape)}")
    x = moveaxis(x, (axis1, axis2), (rank - 2, rank - 1))
    n, m = x.shape[-2:]
    rows = np.arange(max(n, 0), dtype="int64")
    rows = rows[(rows + offset >= 0) & (rows + offset < m)]
    flat = call("reshape", x, shape=(*x.shape[:-2], n * m))[0]
    return call("take", flat, rows * m + rows + offset, axis=rank - 2)[0]


@operation
def trace(x, offset: int = 0, axis1: int = 0, axis2: int = 1):
    """Sums of the diagonals of the matrices in two axes."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@operation
def diag(x, k: int = 0):
    """The diagonal k of a matrix, or a matrix with a vector on diagonal k and zeros elsewhere."""
    x = resolve(x)
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ValueError(f"diag: expected a tensor of 1 or 2 axes. Received: shape {tuple(x.shape)}")
    n = x.shape[0]
    # Each row is the vector, of which the diagonal shows one element.
    rows = call("broadcast_to", x, shape=(n, n))[0]
    below, beside = max(-k, 0), max(k, 0)
    return call("pad", where(np.eye(n, dtype="bool"), rows, 0), before=[below, beside], after=[beside, below])[0]


@operation
def diagflat(x, k: int = 0):
    """A matrix with the elements of x on diagonal k."""
    return diag(call("reshape", resolve(x), shape=(-1,))[0], k)


@operation
def inner(x1, x2):
    """Sums of products over the last axes of both."""
    a, b = promote(x1, x2)
    if not a.shape or not b.shape:
        return multiply(a, b)
    from swiftbn.ops.linear import tensordot

    return tensordot(a, b, axes=[[len(a.shape) - 1], [len(b.shape) - 1]])


@operation
def cross(x1, x2, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None):
    """Vector product of vectors of 3 (or 2) elements along an axis of each; of two of 2 elements its third element."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = promote(x1, x2)
    a, b = (moveaxis(v, n, -1) for v, n in ((a, axisa), (b, axisb)))
    for argument, v in (("x1", a), ("x2", b)):
        if v.shape[-1] not in (2, 3):
            raise ValueError(f"cross: expected {argument} to have 2 or 3 elements. Received: {v.shape[-1]}")

    def parts(v):
        pieces = [
            call("squeeze", _cut(v, len(v.shape) - 1, i, i + 1), axes=(len(v.shape) - 1,))[0]
            for i in range(v.shape[-1])
        ]
        return pieces if len(pieces) == 3 else [*pieces, 0]

    (ax, ay, az), (bx, by, bz) = parts(a), parts(b)
    last = subtract(multiply(ax, by), multiply(ay, bx))
    if a.shape[-1] == b.shape[-1] == 2:
        return last
    result = [subtract(multiply(ay, bz), multiply(az, by)), subtract(multiply(az, bx), multiply(ax, bz)), last]
    return moveaxis(stack(result, axis=-1), -1, axisc)


@operation
def kron(x1, x2):
    """Kronecker product: x2 in the place of each element of x1, times it."""
    a, b = promote(x1, x2)
    rank = max(len(a.shape), len(b.shape))
    if not rank:
        return multiply(a, b)
    a_shape, b_shape = ((1,) * (rank - len(v.shape)) + tuple(v.shape) for v in (a, b))
    a = call("reshape", a, shape=tuple(e for extent in a_shape for e in (extent, 1)))[0]
    b = call("reshape", b, shape=tuple(e for extent in b_shape for e in (1, extent)))[0]
    shape = tuple(m * n for m, n in zip(a_shape, b_shape, strict=True))
    return call("reshape", multiply(a, b), shape=shape)[0]


@operation
def correlate(x1, x2, mode: str = "valid"):
    """Sums of products of two vectors at every shift: x1 against x2; `mode` as NumPy's, "valid", "same" or "full"."""
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate: expected mode to be 'valid', 'same' or 'full'. Received: mode={mode!r}")
    a, b = promote(x1, x2, to_float=True)
    if len(a.shape) != 1 or len(b.shape) != 1 or not a.shape[0] or not b.shape[0]:
        raise ValueError(f"correlate: expected nonempty vectors. Received: shapes {tuple(a.shape)}, {tuple(b.shape)}")
    swaps = a.shape[0] < b.shape[0] and mode != "full"
    if swaps:
        a, b = b, a
    n, m = a.shape[0], b.shape[0]
    margin = {"valid": (0, 0), "same": (m // 2, m - 1 - m // 2), "full": (m - 1, m - 1)}[mode]
    windows = n + margin[0] + margin[1] - m + 1
    padded = call("pad", a, before=[margin[0]], after=[margin[1]])[0]
    picks = np.arange(windows, dtype="int64")[:, None] + np.arange(m, dtype="int64")
    result = matmul(call("take", padded, picks, axis=0)[0], b)
    return call("flip", result, axes=(0,))[0] if swaps else result


@operation
def corrcoef(x):
    """Correlation coefficients of the rows of a matrix, in -1 … 1."""
    from swiftbn.ops.elementwise import clip

    x = to_float(x)
    x = call("expand_dims", x, axis=0)[0] if len(x.shape) == 1 else x
    single = x.shape[0] == 1
    centered = subtract(x, mean(x, axis=-1, keepdims=True))
    products = matmul(centered, transpose(centered))
    lengths = sqrt(diagonal(products))
    ratio = divide(divide(products, call("expand_dims", lengths, axis=1)[0]), lengths)
    result = clip(ratio, -1.0, 1.0)
    return call("reshape", result, shape=())[0] if single else result


@operation
def cdist(x, y):
    """Euclidean distances of the rows (.., n, d) of x from the rows (.., m, d) of y, as (.., n, m)."""
    a, b = promote(x, y, to_float=True)
    a = call("expand_dims", a, axis=len(a.shape) - 1)[0]
    b = call("expand_dims", b, axis=len(b.shape) - 2)[0]
    squares = sum(square(subtract(a, b)), axis=-1)
    # The root's slope is infinite at 0; the one of equal rows counts as 0.
    from swiftbn.ops.elementwise import greater

    apart = greater(squares, 0.0)
    return where(apart, sqrt(where(apart, squares, 1.0)), 0.0)
