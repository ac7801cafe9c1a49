"""Factors of the matrices in the last two axes: triangular, orthonormal, eigenvectors, singular vectors.

What NumPy calls a LinAlgError gives NaN here, at once and in compiled steps: a run must not depend on what is in the
data. So does NaN in an argument. Results of integers have the dtype `floatx()`.
"""

from __future__ import annotations

from swiftbn.operation import operation
from swiftbn.ops._dispatch import call
from swiftbn.ops._matrices import expect_matrices, eye_like, floats, rounded
from swiftbn.ops.shaping import swapaxes


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
    x, dtype = floats(x)
    expect_matrices("cholesky", "x", x, square=True)
    (factor,) = call("cholesky", x)
    return rounded(dtype, swapaxes(factor, -1, -2) if upper else factor)[0]


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
    x, dtype = floats(x)
    n, _ = expect_matrices("cholesky_inverse", "x", x, square=True)
    (inverse,) = call("triangular_solve", x, eye_like(n, x), upper=bool(upper))
    product = {"transpose_b": True} if upper else {"transpose_a": True}
    return rounded(dtype, call("matmul", inverse, inverse, **product)[0])[0]


@operation
def lu_factor(x):
    """Factors of matrices by rows with partial pivoting: P·x = L·U.

    Args:
        x: matrices (..., M, N).

    Returns:
        (lu, pivots): U in the upper triangle of lu (..., M, N), L below it without its diagonal of ones; pivots
        (..., min(M, N)) are int32: in step i row i was exchanged with row pivots[i].
    """
    x, dtype = floats(x)
    expect_matrices("lu_factor", "x", x)
    factors, pivots, _ = call("lu", x)
    return rounded(dtype, factors, pivots)


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
    x, dtype = floats(x)
    expect_matrices("qr", "x", x)
    return rounded(dtype, *call("qr", x, complete=mode == "complete"))


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
    x, dtype = floats(x)
    expect_matrices("eigh", "x", x, square=True)
    return rounded(dtype, *call("eigh", x))


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
    x, dtype = floats(x)
    expect_matrices("svd", "x", x)
    if not compute_uv:
        return rounded(dtype, *call("svd", x, compute_uv=False))[0]
    return rounded(dtype, *call("svd", x, full=bool(full_matrices)))
