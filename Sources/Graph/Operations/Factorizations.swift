import Tensor

/// The lower triangular L with A = L·Lᵀ; A's lower triangle is read. NaN where A is not positive definite.
public struct Cholesky: Operation {
  public var name: String { "cholesky" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    _ = try expectSquare(inputs[0], "x")
    return inputs
  }

  /// dA = sym(L⁻ᵀ·Φ(Lᵀ·dL)·L⁻¹) where Φ halves the diagonal of a lower triangle (Murray, 2016, eq. 10).
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let l = g.outputs[0]
    let product = try g.product(l, g.dy, transposeA: true)
    let phi = try g.scale(g.plus(g.lower(product), g.lower(product, -1)), 0.5)
    let left = try g.solved(l, phi, upper: false, transposed: true)
    return [try g.symmetric(g.solved(l, g.transposed(left), upper: false, transposed: true))]
  }
}

/// The factors of A by rows, A[permutation] = L·U, in one matrix; the rows exchanged in each step (int32, from 0); and
/// the permutation (int64).
public struct LUFactor: Operation {
  public var name: String { "lu" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let (batch, m, n) = try expectMatrices(inputs[0], "x")
    return [
      inputs[0], TensorType(.int32, Shape(batch + [min(m, n)])), TensorType(.int64, Shape(batch + [m])),
    ]
  }

  /// With P·A = L·U square: P·dA = L⁻ᵀ·(tril(Lᵀ·dL, -1) + triu(dU·Uᵀ))·U⁻ᵀ. Columns of U (or rows of L) beyond the square
  /// have gradients of their own and take their part off the products.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    guard let dlu = g.outputGradients[0] else { return [nil] }
    let (x, factors) = (g.inputs[0], g.outputs[0])
    let shape = g.type(x).shape
    let (m, n) = (shape[shape.rank - 2], shape[shape.rank - 1])
    let k = min(m, n)
    func square(_ a: Value) throws -> Value { m == n ? a : try g.part(a, rows: 0..<k, columns: 0..<k) }
    let (lu, gradient) = (try square(factors), try square(dlu))
    let dl = try g.lower(gradient, -1)
    // Lᵀ·dL, L having ones on its diagonal.
    var below = try g.plus(g.product(g.lower(lu, -1), dl, transposeA: true), dl)
    var above = try g.product(g.upper(gradient), g.upper(lu), transposeB: true)
    if n > k {
      let (u, du) = (try g.part(factors, columns: k..<n), try g.part(dlu, columns: k..<n))
      below = try g.minus(below, g.product(du, u, transposeB: true))
    } else if m > k {
      let (l, dl) = (try g.part(factors, rows: k..<m), try g.part(dlu, rows: k..<m))
      above = try g.minus(above, g.product(l, dl, transposeA: true))
    }
    let inner = try g.plus(g.lower(below, -1), g.upper(above))
    let left = try g.solved(lu, inner, upper: false, transposed: true, unitDiagonal: true)
    var dpa = try g.transposed(g.solved(lu, g.transposed(left), upper: true))
    if n > k {
      let du = try g.part(dlu, columns: k..<n)
      dpa = try g.add(
        Concatenate(axis: -1), dpa, g.solved(lu, du, upper: false, transposed: true, unitDiagonal: true))
    } else if m > k {
      let dl = try g.part(dlu, rows: k..<m)
      dpa = try g.add(Concatenate(axis: -2), dpa, g.transposed(g.solved(lu, g.transposed(dl), upper: true)))
    }
    let every = [Int](repeating: -1, count: shape.rank - 1) + [n]
    let rows = try g.add(BroadcastTo(shape: every), g.asColumn(g.outputs[2]))
    return [try g.add(TakeAlongGradient(axis: shape.rank - 2), dpa, rows, x)]
  }
}

/// A = Q·R with orthonormal columns in Q: of size (M, K) and (K, N), K = min(M, N), or complete: (M, M) and (M, N).
public struct QRFactor: Operation {
  public let isComplete: Bool
  public var name: String { "qr" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let (batch, m, n) = try expectMatrices(inputs[0], "x")
    let size = isComplete ? m : min(m, n)
    return [
      TensorType(inputs[0].dtype, Shape(batch + [m, size])), TensorType(inputs[0].dtype, Shape(batch + [size, n])),
    ]
  }

  /// With R square: dA·Rᵀ = dQ - Q·(triu(M) + triu(M, 1)ᵀ), M = Qᵀ·dQ - dR·Rᵀ. Columns of A beyond the square are Q times
  /// those of R.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let shape = g.type(g.inputs[0]).shape
    let (m, n) = (shape[shape.rank - 2], shape[shape.rank - 1])
    guard !isComplete || m <= n else {
      throw Failure.value(
        "qr: x has shape \(shape), expected no more rows than columns for the gradient of mode 'complete': the further"
          + " columns of Q are not determined")
    }
    let (q, r) = (g.outputs[0], g.outputs[1])
    var dq = try g.outputGradients[0] ?? g.zeros(like: q)
    let dr = try g.outputGradients[1] ?? g.zeros(like: r)
    guard n > m else { return [try squareGradient(&g, q, r, dq, dr)] }
    let (first, rest) = (0..<m, m..<n)
    let dRest = try g.part(dr, columns: rest)
    dq = try g.plus(dq, g.product(g.part(g.inputs[0], columns: rest), dRest, transposeB: true))
    let dFirst = try squareGradient(&g, q, g.part(r, columns: first), dq, g.part(dr, columns: first))
    return [try g.add(Concatenate(axis: -1), dFirst, g.product(q, dRest))]
  }

  private func squareGradient(_ g: inout GradientBuilder, _ q: Value, _ r: Value, _ dq: Value, _ dr: Value) throws
    -> Value
  {
    let overlap = try g.minus(g.product(q, dq, transposeA: true), g.product(dr, r, transposeB: true))
    let mirrored = try g.plus(g.upper(overlap), g.transposed(g.upper(overlap, 1)))
    let product = try g.minus(dq, g.product(q, mirrored))
    return try g.transposed(g.solved(r, g.transposed(product), upper: true))
  }
}
