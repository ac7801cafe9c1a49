import Tensor

/// The lower (or upper) triangle of the matrices in the last two axes up to a diagonal, zeros elsewhere.
public struct MatrixTriangle: Operation {
  public let upper: Bool
  public let diagonal: Int
  public var name: String { "triangle" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    _ = try expectMatrices(inputs[0], "x")
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.add(self, g.dy)] }
}

extension Operation {
  /// The extents of matrices in the last two axes, which have to be known, and of the axes before them.
  func expectMatrices(_ type: TensorType, _ argument: String) throws -> (batch: [Int], m: Int, n: Int) {
    try expectFloat(type, argument)
    let shape = type.shape
    guard shape.rank >= 2 else {
      throw Failure.value(
        "\(name): \(argument) has shape \(shape), expected matrices in the last two of rank >= 2 axes")
    }
    let (m, n) = (shape[shape.rank - 2], shape[shape.rank - 1])
    guard m != Shape.unknown, n != Shape.unknown else {
      throw Failure.value("\(name): \(argument) has shape \(shape), expected the last two extents to be known")
    }
    return (Array(shape.dims.dropLast(2)), m, n)
  }

  func expectSquare(_ type: TensorType, _ argument: String) throws -> (batch: [Int], n: Int) {
    let (batch, m, n) = try expectMatrices(type, argument)
    guard m == n else {
      throw Failure.value("\(name): \(argument) has shape \(type.shape), expected square matrices (..., M, M)")
    }
    return (batch, n)
  }
}

/// What gradient rules of matrices are written in.
extension GradientBuilder {
  /// a·b on the last two axes, either transposed.
  func product(_ a: Value, _ b: Value, transposeA: Bool = false, transposeB: Bool = false) throws -> Value {
    try add(MatrixMultiply(transposeA: transposeA, transposeB: transposeB), a, b)
  }

  func transposed(_ a: Value) throws -> Value {
    let rank = type(a).shape.rank
    return try add(Transpose(axes: Array(0..<rank - 2) + [rank - 1, rank - 2]), a)
  }

  func lower(_ a: Value, _ diagonal: Int = 0) throws -> Value {
    try add(MatrixTriangle(upper: false, diagonal: diagonal), a)
  }

  func upper(_ a: Value, _ diagonal: Int = 0) throws -> Value {
    try add(MatrixTriangle(upper: true, diagonal: diagonal), a)
  }

  /// (a + aᵀ) / 2
  func symmetric(_ a: Value) throws -> Value { try scale(plus(a, transposed(a)), 0.5) }

  /// Rows and columns of matrices; nil takes all.
  func part(_ a: Value, rows: Range<Int>? = nil, columns: Range<Int>? = nil) throws -> Value {
    let rank = type(a).shape.rank
    let ranges = [Range<Int>?](repeating: nil, count: rank - 2) + [rows, columns]
    let slice = Slice(
      begin: ranges.map { $0?.lowerBound ?? 0 }, end: ranges.map { $0?.upperBound ?? Int.max },
      strides: ranges.map { _ in 1 })
    return try add(slice, a)
  }

  /// Vectors in the last axis as the only row of matrices.
  func asRow(_ a: Value) throws -> Value { try add(Reshape(.expandDims(type(a).shape.rank - 1)), a) }

  /// Vectors in the last axis as the only column of matrices.
  func asColumn(_ a: Value) throws -> Value { try add(Reshape(.expandDims(type(a).shape.rank)), a) }

  /// 1 / (w[j] - w[i]) in row i and column j, 0 on the diagonal.
  func reciprocalDifferences(_ w: Value) throws -> Value {
    let differences = try minus(asRow(w), asColumn(w))
    let identity = try upper(lower(add(FillLike(value: 1), differences)))
    let reciprocals = try unary(.reciprocal, plus(differences, identity))
    return try plus(lower(reciprocals, -1), upper(reciprocals, 1))
  }

  /// X with op(T)·X = B.
  func solved(
    _ t: Value, _ b: Value, upper: Bool, transposed: Bool = false, unitDiagonal: Bool = false
  ) throws -> Value {
    try add(TriangularSolve(upper: upper, transposed: transposed, unitDiagonal: unitDiagonal), t, b)
  }
}

let matrixFactories: [String: OperationFactory] = [
  "triangle": {
    MatrixTriangle(upper: try $0.bool("upper", default: false), diagonal: try $0.int("diagonal", default: 0))
  },
  "cholesky": { _ in Cholesky() },
  "lu": { _ in LUFactor() },
  "lu_solve": { LUSolve(transposed: try $0.bool("transpose", default: false)) },
  "triangular_solve": {
    TriangularSolve(
      upper: try $0.bool("upper", default: false), transposed: try $0.bool("transpose", default: false),
      unitDiagonal: try $0.bool("unit_diagonal", default: false))
  },
  "qr": { QRFactor(isComplete: try $0.bool("complete", default: false)) },
  "eigh": { _ in SymmetricEigen() },
  "svd": {
    SingularValues(
      isFull: try $0.bool("full", default: false), hasVectors: try $0.bool("compute_uv", default: true))
  },
  "pseudo_inverse": { _ in PseudoInverse() },
]
