"""Linear algebra on the matrices in the last two axes, with the names and arguments of `keras.ops.linalg`.

What NumPy calls a LinAlgError gives NaN here, at once and in compiled steps: a run must not depend on what is in the
data. So does NaN in an argument. Results of integers have the dtype `floatx()`.
"""

from __future__ import annotations

import numpy as np

from swiftbn.dtypes import HALF_DTYPES, is_float_dtype
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, is_weak, normalize_axes, promote, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import abs as absolute
from swiftbn.ops.elementwise import divide, equal, greater, log, multiply, not_equal, power, sign, sqrt, square, where
from swiftbn.ops.linear import matmul
from swiftbn.ops.reduction import _reduce, count_nonzero
from swiftbn.ops.shaping import _cut, expand_dims, moveaxis, swapaxes


def _floats(*inputs) -> tuple:
    """The inputs in the float dtype in which they are computed with, and the dtype of the results."""
    inputs = promote(*inputs, to_float=True)
    dtype = dtype_of(inputs[0])
    return (*(to_dtype(x, "float32") if dtype in HALF_DTYPES else x for x in inputs), dtype)


def _rounded(dtype: str, *outputs) -> tuple:
    """Results in the dtype that 16-bit floats came in."""
    if dtype not in HALF_DTYPES:
        return outputs
    return tuple(to_dtype(y, dtype) if is_float_dtype(dtype_of(y)) else y for y in outputs)


def _matrices(name: str, argument: str, x, square: bool = False):
    """(M, N) of matrices; they have to be known, as in every compiled step."""
    shape = tuple(x.shape)
    wanted = "(..., M, M)" if square else "(..., M, N)"
    if len(shape) < 2 or None in shape[-2:] or (square and shape[-2] != shape[-1]):
        raise ValueError(f"{name}: expected {argument} of shape {wanted} with M, N known. Received: shape {shape}")
    return shape[-2:]


def _eye(n: int, x) -> np.ndarray:
    return np.eye(n, dtype=dtype_of(x))


def _diagonal(x, k: int):
    """The first k elements of the diagonals."""
    x = _cut(_cut(x, len(x.shape) - 2, 0, k), len(x.shape) - 1, 0, k)
    return _reduce("sum", where(np.eye(k, dtype="bool"), x, 0), -1, False)


@operation
def cholesky(x, upper: bool = False):
    """The lower triangular L of positive definite matrices with x = L·Lᵀ, or the upper triangular U = Lᵀ.

    The lower triangle of x is read; gradients are those of a symmetric x.

    Args:
        x: matrices (..., M, M).
        upper: whether to return U.

    Returns:
        (..., M, M); NaN in the triangle where x is not positive definite.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = _floats(x)
    _matrices("cholesky", "x", x, square=True)
    (factor,) = call("cholesky", x)
    return _rounded(dtype, swapaxes(factor, -1, -2) if upper else factor)[0]


@operation
def cholesky_inverse(x, upper: bool = False):
    """(L·Lᵀ)⁻¹ = L⁻ᵀ·L⁻¹ of Cholesky factors L, or (Uᵀ·U)⁻¹ of upper ones.

    Args:
        x: factors (..., M, M), of which only their triangle is read.
        upper: whether they are upper triangular.

    Returns:
        (..., M, M); NaN where there is a 0 on the diagonal.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = _floats(x)
    n, _ = _matrices("cholesky_inverse", "x", x, square=True)
    (inverse,) = call("triangular_solve", x, _eye(n, x), upper=bool(upper))
    product = {"transpose_b": True} if upper else {"transpose_a": True}
    return _rounded(dtype, call("matmul", inverse, inverse, **product)[0])[0]


def _determinants(name: str, x) -> tuple:
    """The diagonal of U and the sign of the permutation, as PA = LU."""
    n, _ = _matrices(name, "x", x, square=True)
    factors, pivots, _ = call("lu", x)
    one = np.ones((), dtype_of(x))
    signs = where(equal(pivots, np.arange(n, dtype="int32")), one, -one)
    return _diagonal(factors, n), _reduce("prod", signs, -1, False)


@operation
def det(x):
    """Determinants of square matrices (..., M, M), of shape (...); 1 for M = 0.

    The gradient det(x)·x⁻ᵀ is NaN where x is singular.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = _floats(x)
    diagonal, parity = _determinants("det", x)
    return _rounded(dtype, multiply(_reduce("prod", diagonal, -1, False), parity))[0]


@operation
def slogdet(x):
    """(sign, log|det x|) of square matrices (..., M, M): finite where det x itself would overflow.

    Where x is singular the sign is 0 and the logarithm -∞.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = _floats(x)
    diagonal, parity = _determinants("slogdet", x)
    signs = multiply(_reduce("prod", sign(diagonal), -1, False), parity)
    return _rounded(dtype, signs, _reduce("sum", log(absolute(diagonal)), -1, False))


@operation
def logdet(x):
    """log|det x| of square matrices (..., M, M), of shape (...).

    Raises:
        ValueError: the matrices are not square.
    """
    return slogdet(x)[1]


def _lu_solve(a, b):
    factors, _, permutation = call("lu", a)
    return call("lu_solve", a, factors, permutation, b)[0]


@operation
def inv(x):
    """Inverses of square matrices (..., M, M); NaN where x is singular.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = _floats(x)
    n, _ = _matrices("inv", "x", x, square=True)
    return _rounded(dtype, _lu_solve(x, _eye(n, x)))[0]


def _solved(name: str, a, b, solver):
    """solver(a, b) of matrices b; of vectors b as their only column."""
    a, b, dtype = _floats(a, b)
    n, _ = _matrices(name, "a", a, square=True)
    shapes = tuple(a.shape), tuple(b.shape)
    is_vector = len(b.shape) == 1 or shapes[1] == shapes[0][:-1]
    rows = b.shape[-1 if is_vector else -2] if b.shape else None
    if rows != n:
        raise ValueError(f"{name}: expected b of shape (..., {n}) or (..., {n}, N). Received: shapes {shapes}")
    if not is_vector:
        return _rounded(dtype, solver(a, b))[0]
    last = len(b.shape)
    solution = solver(a, call("expand_dims", b, axis=last)[0])
    return _rounded(dtype, call("squeeze", solution, axes=(len(solution.shape) - 1,))[0])[0]


@operation
def solve(a, b):
    """x with a·x = b.

    Args:
        a: square matrices (..., M, M).
        b: matrices (..., M, N) whose leading axes broadcast with those of a; or a vector (M,), or one for each matrix
            of a.

    Returns:
        x, shaped as b (after broadcasting); NaN where a is singular.

    Raises:
        ValueError: the matrices are not square, or b does not have M rows.
    """
    return _solved("solve", a, b, _lu_solve)


@operation
def solve_triangular(a, b, lower: bool = False):
    """x with a·x = b for triangular a, of which only the upper (or lower) triangle is read.

    Args:
        a: square matrices (..., M, M).
        b: matrices or vectors as for `solve`.
        lower: whether a is lower triangular.

    Returns:
        x, shaped as b (after broadcasting); NaN where there is a 0 on the diagonal of a.

    Raises:
        ValueError: the matrices are not square, or b does not have M rows.
    """
    return _solved("solve_triangular", a, b, lambda a, b: call("triangular_solve", a, b, upper=not bool(lower))[0])


@operation
def lu_factor(x):
    """Factors of matrices by rows with partial pivoting: P·x = L·U.

    Args:
        x: matrices (..., M, N).

    Returns:
        (lu, pivots): U in the upper triangle of lu (..., M, N), L below it without its diagonal of ones; pivots
        (..., min(M, N)) are int32: in step i row i was exchanged with row pivots[i].
    """
    x, dtype = _floats(x)
    _matrices("lu_factor", "x", x)
    factors, pivots, _ = call("lu", x)
    return _rounded(dtype, factors, pivots)


@operation
def qr(x, mode: str = "reduced"):
    """x = Q·R with orthonormal columns of Q and upper triangular R, by Householder reflections.

    Args:
        x: matrices (..., M, N).
        mode: "reduced" for Q (..., M, K) and R (..., K, N), K = min(M, N); "complete" for (..., M, M) and (..., M, N),
            which has a gradient for M <= N only.

    Returns:
        (Q, R).

    Raises:
        ValueError: another mode.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: expected mode to be 'reduced' or 'complete'. Received: mode={mode!r}")
    x, dtype = _floats(x)
    _matrices("qr", "x", x)
    return _rounded(dtype, *call("qr", x, complete=mode == "complete"))


@operation
def eigh(x):
    """Eigenvalues and eigenvectors of symmetric matrices, of which the lower triangle is read.

    The gradient is that of a symmetric x. Vectors of equal eigenvalues have none: it is not finite there.

    Args:
        x: matrices (..., M, M).

    Returns:
        (w, v): w (..., M) in ascending order, v (..., M, M) with the vectors as columns, whose signs are arbitrary. NaN
        where there are NaN or infinities.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = _floats(x)
    _matrices("eigh", "x", x, square=True)
    return _rounded(dtype, *call("eigh", x))


@operation
def svd(x, full_matrices: bool = True, compute_uv: bool = True):
    """x = U·diag(s)·Vᵀ with orthonormal columns of U and rows of Vᵀ.

    Args:
        x: matrices (..., M, N).
        full_matrices: whether U is (..., M, M) and Vᵀ (..., N, N) rather than (..., M, K) and (..., K, N),
            K = min(M, N). Then the vectors have a gradient for M = N only.
        compute_uv: False computes s only.

    Returns:
        (U, s, Vᵀ) or s, which is (..., K) in descending order. The signs of the vectors are arbitrary; their gradient
        is not finite where singular values are equal. NaN where there are NaN or infinities.
    """
    x, dtype = _floats(x)
    _matrices("svd", "x", x)
    if not compute_uv:
        return _rounded(dtype, *call("svd", x, compute_uv=False))[0]
    return _rounded(dtype, *call("svd", x, full=bool(full_matrices)))


def _largest(s):
    """The first singular value of each matrix, in an axis of its own (which is empty where there is none)."""
    return _cut(s, len(s.shape) - 1, 0, 1)


def _per_matrix(value):
    """A number, or numbers of a batch as a last axis of one."""
    return value if is_weak(value) else expand_dims(resolve(value), -1)


def _pseudo_inverse(x, ratio):
    u, s, vt = call("svd", x)
    kept = greater(s, multiply(ratio, _largest(s)))
    inverse = where(kept, divide(1.0, where(kept, s, 1.0)), 0.0)
    rows = multiply(vt, expand_dims(inverse, -1))
    (product,) = call("matmul", rows, u, transpose_a=True, transpose_b=True)
    return call("pseudo_inverse", product, x)[0]


def _epsilon(x) -> float:
    return float(np.finfo(dtype_of(x)).eps)


@operation
def pinv(x, rcond=None):
    """Moore and Penrose's pseudo-inverses, by singular values.

    Args:
        x: matrices (..., M, N).
        rcond: singular values up to `rcond` times the largest count as 0: a number, or one for each matrix. None is
            10·max(M, N)·ε.

    Returns:
        (..., N, M). The gradient is that among matrices of the same rank.
    """
    x, dtype = _floats(x)
    m, n = _matrices("pinv", "x", x)
    ratio = 10.0 * max(m, n) * _epsilon(x) if rcond is None else _per_matrix(rcond)
    return _rounded(dtype, _pseudo_inverse(x, ratio))[0]


@operation
def lstsq(a, b, rcond=None):
    """The shortest x that minimizes |a·x - b|.

    Args:
        a: a matrix (M, N).
        b: (M,) or (M, K).
        rcond: singular values of a up to `rcond` times the largest count as 0. None is max(M, N)·ε, a negative
            number ε.

    Returns:
        (N,) or (N, K).

    Raises:
        ValueError: a is no matrix, or b does not have M rows.
    """
    a, b, dtype = _floats(a, b)
    shapes = tuple(a.shape), tuple(b.shape)
    if len(a.shape) != 2 or len(b.shape) not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(f"lstsq: expected a of shape (M, N) and b of shape (M,) or (M, K). Received: shapes {shapes}")
    m, n = _matrices("lstsq", "a", a)
    if rcond is None:
        rcond = max(m, n) * _epsilon(a)
    elif is_weak(rcond) and rcond < 0:
        rcond = _epsilon(a)
    return _rounded(dtype, matmul(_pseudo_inverse(a, rcond), b))[0]


@operation
def matrix_rank(x, tol=None):
    """How many singular values are larger than `tol`, int32.

    Args:
        x: matrices (..., M, N).
        tol: a number, or one for each matrix; None is max(M, N)·ε times the largest singular value.

    Returns:
        (...).
    """
    x, _ = _floats(x)
    m, n = _matrices("matrix_rank", "x", x)
    (s,) = call("svd", x, compute_uv=False)
    tol = multiply(max(m, n) * _epsilon(x), _largest(s)) if tol is None else _per_matrix(tol)
    return count_nonzero(greater(s, tol), axis=-1)


_INF = float("inf")


@operation
def norm(x, ord=None, axis=None, keepdims: bool = False):
    """Norms of vectors (one axis) or of matrices (two axes: rows, columns).

    | ord | vectors | matrices |
    |---|---|---|
    | None | √Σx² | √Σx² |
    | "fro" | – | √Σx² |
    | "nuc" | – | sum of the singular values |
    | inf, -inf | largest, smallest of abs(x) | of the sums of abs(x) over a row |
    | 1, -1 | Σ abs(x)^ord ^ (1/ord) | of the sums of abs(x) over a column |
    | 2, -2 | Σ abs(x)^ord ^ (1/ord) | largest, smallest singular value |
    | 0 | how many elements are not 0 | – |
    | another number | Σ abs(x)^ord ^ (1/ord) | – |

    Args:
        x: tensor.
        ord: which norm.
        axis: an integer, or two; None: all axes, which have to be one or two except for `ord` None.
        keepdims: whether the axes stay with extent 1.

    Raises:
        ValueError: more than two axes, or an `ord` that the number of axes does not have.
    """
    x = to_float(x)
    axes = normalize_axes(axis, len(x.shape), "norm")
    if ord is None and (axis is None or 1 <= len(axes) <= 2):
        return sqrt(_reduce("sum", square(x), axes, keepdims))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: expected one or two axes. Received: axis={axis}, ord={ord!r}, shape {tuple(x.shape)}")


def _vector_norm(x, ord, axes: tuple, keepdims: bool):
    if isinstance(ord, str):
        raise ValueError(f"norm: expected ord to be a number for vectors. Received: ord={ord!r}")
    if ord == 2:
        return sqrt(_reduce("sum", square(x), axes, keepdims))
    if ord in (_INF, -_INF):
        return _reduce("max" if ord > 0 else "min", absolute(x), axes, keepdims)
    if ord == 0:
        return _reduce("sum", to_dtype(not_equal(x, 0), dtype_of(x)), axes, keepdims)
    if ord == 1:
        return _reduce("sum", absolute(x), axes, keepdims)
    return power(_reduce("sum", power(absolute(x), ord), axes, keepdims), 1.0 / ord)


def _matrix_norm(x, ord, axes: tuple, keepdims: bool):
    rows, columns = axes
    if ord == "fro":
        return sqrt(_reduce("sum", square(x), axes, keepdims))
    if ord in ("nuc", 2, -2):
        s = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        result = _reduce({"nuc": "sum", 2: "max", -2: "min"}[ord], s, -1, False)
        return expand_dims(result, axes) if keepdims else result
    if ord not in (1, -1, _INF, -_INF):
        raise ValueError(f"norm: expected ord to be None, 'fro', 'nuc', ±1, ±2 or ±inf. Received: ord={ord!r}")
    over, then = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = _reduce("sum", absolute(x), over, True)
    result = _reduce("max" if ord > 0 else "min", sums, then, True)
    return result if keepdims else call("squeeze", result, axes=axes)[0]
