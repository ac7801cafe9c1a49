"""Determinants, inverses and solutions of linear systems with the matrices in the last two axes.

A matrix that has no result gives NaN, as in `factorizations`.
"""

from __future__ import annotations

import numpy as np

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, is_weak, resolve
from swiftbn.ops._matrices import expect_matrices, eye_like, floats, rounded
from swiftbn.ops.elementwise import abs as absolute
from swiftbn.ops.elementwise import divide, equal, greater, log, multiply, sign, where
from swiftbn.ops.linear import matmul
from swiftbn.ops.reduction import _reduce, count_nonzero
from swiftbn.ops.shaping import _cut, expand_dims


def _determinants(name: str, x) -> tuple:
    """The diagonal of U and the sign of the permutation, as PA = LU."""
    n, _ = expect_matrices(name, "x", x, square=True)
    factors, pivots, _ = call("lu", x)
    one = np.ones((), dtype_of(x))
    signs = where(equal(pivots, np.arange(n, dtype="int32")), one, -one)
    diagonal = _reduce("sum", where(np.eye(n, dtype="bool"), factors, 0), -1, False)
    return diagonal, _reduce("prod", signs, -1, False)


@operation
def det(x):
    """Determinants of square matrices (..., M, M), of shape (...); 1 for M = 0.

    The gradient det(x)·x⁻ᵀ is NaN where x is singular.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = floats(x)
    diagonal, parity = _determinants("det", x)
    return rounded(dtype, multiply(_reduce("prod", diagonal, -1, False), parity))[0]


@operation
def slogdet(x):
    """(sign, log|det x|) of square matrices (..., M, M): finite where det x itself would overflow.

    Where x is singular the sign is 0 and the logarithm -∞.

    Raises:
        ValueError: the matrices are not square.
    """
    x, dtype = floats(x)
    diagonal, parity = _determinants("slogdet", x)
    signs = multiply(_reduce("prod", sign(diagonal), -1, False), parity)
    return rounded(dtype, signs, _reduce("sum", log(absolute(diagonal)), -1, False))


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
    x, dtype = floats(x)
    n, _ = expect_matrices("inv", "x", x, square=True)
    return rounded(dtype, _lu_solve(x, eye_like(n, x)))[0]


def _solved(name: str, a, b, solver):
    """solver(a, b) of matrices b; of vectors b as their only column."""
    a, b, dtype = floats(a, b)
    n, _ = expect_matrices(name, "a", a, square=True)
    shapes = tuple(a.shape), tuple(b.shape)
    is_vector = len(b.shape) == 1 or shapes[1] == shapes[0][:-1]
    rows = b.shape[-1 if is_vector else -2] if b.shape else None
    if rows != n:
        raise ValueError(f"{name}: expected b of shape (..., {n}) or (..., {n}, N). Received: shapes {shapes}")
    if not is_vector:
        return rounded(dtype, solver(a, b))[0]
    last = len(b.shape)
    solution = solver(a, call("expand_dims", b, axis=last)[0])
    return rounded(dtype, call("squeeze", solution, axes=(len(solution.shape) - 1,))[0])[0]


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
    x, dtype = floats(x)
    m, n = expect_matrices("pinv", "x", x)
    ratio = 10.0 * max(m, n) * _epsilon(x) if rcond is None else _per_matrix(rcond)
    return rounded(dtype, _pseudo_inverse(x, ratio))[0]


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
    a, b, dtype = floats(a, b)
    shapes = tuple(a.shape), tuple(b.shape)
    if len(a.shape) != 2 or len(b.shape) not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(f"lstsq: expected a of shape (M, N) and b of shape (M,) or (M, K). Received: shapes {shapes}")
    m, n = expect_matrices("lstsq", "a", a)
    if rcond is None:
        rcond = max(m, n) * _epsilon(a)
    elif is_weak(rcond) and rcond < 0:
        rcond = _epsilon(a)
    return rounded(dtype, matmul(_pseudo_inverse(a, rcond), b))[0]


@operation
def matrix_rank(x, tol=None):
    """How many singular values are larger than `tol`, int32.

    Args:
        x: matrices (..., M, N).
        tol: a number, or one for each matrix; None is max(M, N)·ε times the largest singular value.

    Returns:
        (...).
    """
    x, _ = floats(x)
    m, n = expect_matrices("matrix_rank", "x", x)
    (s,) = call("svd", x, compute_uv=False)
    tol = multiply(max(m, n) * _epsilon(x), _largest(s)) if tol is None else _per_matrix(tol)
    return count_nonzero(greater(s, tol), axis=-1)
