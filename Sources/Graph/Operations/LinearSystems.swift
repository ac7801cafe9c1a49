import Tensor

/// X with op(T)·X = B, T a triangle of a matrix; leading axes broadcast. NaN where T has a 0 on its diagonal.
public struct TriangularSolve: Operation {
  public let upper: Bool
  public let transposed: Bool
  /// The diagonal counts as 1 and is not read.
  public let unitDiagonal: Bool
  public var name: String { "triangular_solve" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [try solution(inputs[0], inputs[1])]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (t, b, x) = (g.inputs[0], g.inputs[1], g.outputs[0])
    let full = try g.solved(t, g.dy, upper: upper, transposed: !transposed, unitDiagonal: unitDiagonal)
    var dt: Value?
    if g.needed[0] {
      // op(T) gets -dB·Xᵀ.
      let product = transposed ? try g.product(x, full, transposeB: true) : try g.product(full, x, transposeB: true)
      let diagonal = unitDiagonal ? (upper ? 1 : -1) : 0
      let triangle = try g.add(MatrixTriangle(upper: upper, diagonal: diagonal), product)
      dt = try g.sum(g.negative(triangle), to: t)
    }
    return [dt, g.needed[1] ? try g.sum(full, to: b) : nil]
  }
}

/// X with op(A)·X = B from the factors of A; leading axes broadcast. NaN where A is singular.
///
/// Inputs are A, what `lu` gave for it (factors and permutation), and B. Of A only the shape is used, but it is A that
/// gets the gradient, by the same factors: dB = op(A)⁻ᵀ·dX, and op(A) gets -dB·Xᵀ.
public struct LUSolve: Operation {
  public let transposed: Bool
  public var name: String { "lu_solve" }
  public var shapeOnlyInputs: [Int] { [0] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 4)
    let (a, lu, permutation, b) = (inputs[0], inputs[1], inputs[2], inputs[3])
    try expectSame(a, lu, ("a", "lu"))
    guard lu.shape.isCompatible(with: a.shape) else {
      throw Failure.value("lu_solve: lu has shape \(lu.shape), expected \(a.shape) as a has")
    }
    let rows = Shape(Array(a.shape.dims.dropLast()))
    guard permutation.dtype == .int64, permutation.shape.isCompatible(with: rows) else {
      throw Failure.value("lu_solve: permutation is \(permutation), expected int64\(rows)")
    }
    return [try solution(a, b)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (a, b, x) = (g.inputs[0], g.inputs[3], g.outputs[0])
    let full = try g.add(LUSolve(transposed: !transposed), a, g.inputs[1], g.inputs[2], g.dy)
    var da: Value?
    if g.needed[0] {
      let product = transposed ? try g.product(x, full, transposeB: true) : try g.product(full, x, transposeB: true)
      da = try g.sum(g.negative(product), to: a)
    }
    return [da, nil, nil, g.needed[3] ? try g.sum(full, to: b) : nil]
  }
}

/// The first input, as the pseudo-inverse P of the second, which gets the gradient.
///
/// P = lim (AᵀA + εI)⁻¹Aᵀ has no formula in smooth functions of A's singular vectors, but a derivative wherever the rank
/// does not change (Golub and Pereyra, 1973, eq. 4.12):
/// dP = -P·dA·P + P·Pᵀ·dAᵀ·(I - A·P) + (I - P·A)·dAᵀ·Pᵀ·P.
public struct PseudoInverse: Operation {
  public var name: String { "pseudo_inverse" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    try expectSame(inputs[0], inputs[1], ("x", "a"))
    let (batch, m, n) = try expectMatrices(inputs[1], "a")
    guard inputs[0].shape.isCompatible(with: Shape(batch + [n, m])) else {
      throw Failure.value(
        "pseudo_inverse: x has shape \(inputs[0].shape), expected \(Shape(batch + [n, m])) for a of \(inputs[1].shape)")
    }
    return [inputs[0]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (a, p, dp) = (g.inputs[1], g.outputs[0], g.dy)
    // dPᵀ·(I - P·A) and (I - A·P)·dPᵀ, as both projections are symmetric.
    let turned = try g.transposed(dp)
    let right = try g.minus(turned, g.product(g.product(turned, p), a))
    let left = try g.minus(turned, g.product(a, g.product(p, turned)))
    let inner = try g.product(p, g.product(dp, p, transposeB: true), transposeA: true)
    let first = try g.product(g.product(left, p), p, transposeB: true)
    let second = try g.product(p, g.product(p, right), transposeA: true)
    return [nil, try g.minus(g.plus(first, second), inner)]
  }
}

extension Operation {
  /// The type of X with A·X = B.
  fileprivate func solution(_ a: TensorType, _ b: TensorType) throws -> TensorType {
    let (batch, n) = try expectSquare(a, "a")
    try expectSame(a, b, ("a", "b"))
    let (others, rows, columns) = try expectMatrices(b, "b")
    guard rows == n else {
      throw Failure.value("\(name): b has shape \(b.shape), expected \(n) rows for a of shape \(a.shape)")
    }
    return TensorType(a.dtype, Shape(try Shape.broadcast(Shape(batch), Shape(others), name).dims + [n, columns]))
  }
}
