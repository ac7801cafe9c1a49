"""Linear algebra under the names of `keras.ops.linalg`."""

from swiftbn.ops.factorizations import cholesky, cholesky_inverse, eigh, lu_factor, qr, svd
from swiftbn.ops.forward_mode import jvp
from swiftbn.ops.linear_systems import det, inv, lstsq, matrix_rank, pinv, solve, solve_triangular
from swiftbn.ops.norms import norm

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]
