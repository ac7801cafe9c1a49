"""Projective maps of the plane that take four points to four others."""

from __future__ import annotations

from swiftbn.ops._dispatch import dtype_of, to_dtype
from swiftbn.ops.elementwise import add, divide, multiply, subtract
from swiftbn.ops.indexing import getitem
from swiftbn.ops.shaping import stack


def homography(start, end):
    """The rows [a0, a1, a2, b0, b1, b2, c0, c1] that take four end points (…, 4, 2) to the start points.

    A projective map takes the unit points and (1, 1, 1) to four points by the matrix [λ₁p₁ λ₂p₂ λ₃p₃] with
    λ = [p₁ p₂ p₃]⁻¹p₄; the one looked for is that of the start points times the inverse of that of the end points.
    """
    dtype = dtype_of(start)
    matrices = [_of_unit_points(to_dtype(points, "float64")) for points in (start, end)]
    inverse = _adjugate(matrices[1])
    product = [[_dot(row, [inverse[k][j] for k in range(3)]) for j in range(3)] for row in matrices[0]]
    entries = [divide(product[i][j], product[2][2]) for i in range(3) for j in range(3)][:8]
    return to_dtype(stack(entries, axis=-1), dtype)


def _of_unit_points(points) -> list:
    """3×3 matrix as rows of tensors (…)."""
    xs, ys = ([getitem(points, (..., i, axis)) for i in range(4)] for axis in (0, 1))
    matrix = [xs[:3], ys[:3], [1.0, 1.0, 1.0]]
    scales = [_dot(row, [xs[3], ys[3], 1.0]) for row in _adjugate(matrix)]
    return [[multiply(entry, scale) for entry, scale in zip(row, scales, strict=True)] for row in matrix]


def _dot(a: list, b: list):
    first, second, third = (multiply(x, y) for x, y in zip(a, b, strict=True))
    return add(add(first, second), third)


def _adjugate(m: list) -> list:
    """The inverse but for a factor."""

    def minor(i, j):
        (a, b), (c, d) = ([m[row % 3][column % 3] for column in (j + 1, j + 2)] for row in (i + 1, i + 2))
        return subtract(multiply(a, d), multiply(b, c))

    return [[minor(j, i) for j in range(3)] for i in range(3)]
