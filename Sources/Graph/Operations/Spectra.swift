import Tensor

/// Eigenvalues w in ascending order and orthonormal eigenvectors, the columns of V, of symmetric matrices, of which the
/// lower triangle is read. NaN where there are NaN or infinities.
public struct SymmetricEigen: Operation {
  public var name: String { "eigh" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let (batch, n) = try expectSquare(inputs[0], "x")
    return [TensorType(inputs[0].dtype, Shape(batch + [n])), inputs[0]]
  }

  /// dA = sym(V·(diag(dw) + F∘(Vᵀ·dV))·Vᵀ), F[i, j] = 1 / (w[j] - w[i]) (Giles, 2008, 3.1). Where these are equal the
  /// vectors have no derivative, and what depends on them gets no finite one.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (w, v) = (g.outputs[0], g.outputs[1])
    var product: Value?
    if let dw = g.outputGradients[0] { product = try g.multiply(v, g.asRow(dw)) }
    if let dv = g.outputGradients[1] {
      let turn = try g.multiply(g.reciprocalDifferences(w), g.product(v, dv, transposeA: true))
      let turned = try g.product(v, turn)
      product = try product.map { try g.plus($0, turned) } ?? turned
    }
    return [try product.map { try g.symmetric(g.product($0, v, transposeB: true)) }]
  }
}

/// A = U·diag(s)·Vᵀ with s in descending order; outputs U, s, Vᵀ, or s alone. NaN where there are NaN or infinities.
///
/// U is (M, K) and Vᵀ (K, N), K = min(M, N), or with full matrices (M, M) and (N, N).
public struct SingularValues: Operation {
  public let isFull: Bool
  public let hasVectors: Bool
  public var name: String { "svd" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let (batch, m, n) = try expectMatrices(inputs[0], "x")
    let k = min(m, n)
    func type(_ dims: Int...) -> TensorType { TensorType(inputs[0].dtype, Shape(batch + dims)) }
    guard hasVectors else { return [type(k)] }
    return [type(m, isFull ? m : k), type(k), type(isFull ? n : k, n)]
  }

  /// dA = U·((F∘skew(Uᵀ·dU))·S + S·(F∘skew(Vᵀ·dV)) + diag(ds))·Vᵀ + (I - U·Uᵀ)·dU·S⁻¹·Vᵀ + U·S⁻¹·dVᵀ·(I - V·Vᵀ), where
  /// skew(X) = X - Xᵀ and F[i, j] = 1 / (s[j]² - s[i]²) (Giles, 2008, 3.2; Townsend, 2016). Where these are equal, or 0, the
  /// vectors have no derivative.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let shape = g.type(g.inputs[0]).shape
    let (m, n) = (shape[shape.rank - 2], shape[shape.rank - 1])
    let k = min(m, n)
    let (du, dvt) = hasVectors ? (g.outputGradients[0], g.outputGradients[2]) : (nil, nil)
    if !hasVectors || (isFull && m != n) {
      guard du == nil, dvt == nil else {
        throw Failure.value(
          "svd: x has shape \(shape), expected square matrices or full_matrices=False for the gradient of singular"
            + " vectors: the further ones are not determined")
      }
      guard let ds = g.outputGradients[hasVectors ? 1 : 0] else { return [nil] }
      let parts = try g.graph.add(SingularValues(isFull: false, hasVectors: true), g.inputs)
      return [try g.product(g.multiply(parts[0], g.asRow(ds)), parts[2])]
    }
    let (u, s, vt) = (g.outputs[0], g.outputs[1], g.outputs[2])
    let row = try g.asRow(s)
    // U·(inner) and what is added to the product with Vᵀ.
    var inner: Value?
    var outer: Value?
    func accumulate(_ value: Value, _ sum: inout Value?) throws { sum = try sum.map { try g.plus($0, value) } ?? value }
    func skew(_ overlap: Value) throws -> Value {
      try g.multiply(g.reciprocalDifferences(g.unary(.square, s)), g.minus(overlap, g.transposed(overlap)))
    }
    if let ds = g.outputGradients[1] { try accumulate(g.multiply(u, g.asRow(ds)), &inner) }
    if let du {
      let overlap = try g.product(u, du, transposeA: true)
      try accumulate(g.product(u, g.multiply(skew(overlap), row)), &inner)
      if m > k {
        try accumulate(g.multiply(g.minus(du, g.product(u, overlap)), g.unary(.reciprocal, row)), &inner)
      }
    }
    if let dvt {
      let overlap = try g.product(vt, dvt, transposeB: true)
      try accumulate(g.product(u, g.multiply(g.asColumn(s), skew(overlap))), &inner)
      if n > k {
        let rest = try g.minus(dvt, g.product(g.product(dvt, vt, transposeB: true), vt))
        outer = try g.product(g.multiply(u, g.unary(.reciprocal, row)), rest)
      }
    }
    guard var result = try inner.map({ try g.product($0, vt) }) else { return [outer] }
    if let outer { result = try g.plus(result, outer) }
    return [result]
  }
}
