import Tensor

/// c = op(a) · op(b) on the last two axes; leading axes broadcast.
public struct MatrixMultiply: Operation {
  public let transposeA: Bool
  public let transposeB: Bool
  public var name: String { "matmul" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (a, b) = (inputs[0], inputs[1])
    try expectFloat(a, "a")
    try expectSame(a, b, ("a", "b"))
    guard a.shape.rank >= 2, b.shape.rank >= 2 else {
      throw Failure.value("matmul: a has shape \(a.shape), b has shape \(b.shape), expected rank >= 2")
    }
    var (m, k) = (a.shape.dims[a.shape.rank - 2], a.shape.dims[a.shape.rank - 1])
    if transposeA { swap(&m, &k) }
    var (k2, n) = (b.shape.dims[b.shape.rank - 2], b.shape.dims[b.shape.rank - 1])
    if transposeB { swap(&k2, &n) }
    guard k == k2 || k == Shape.unknown || k2 == Shape.unknown else {
      throw Failure.value(
        "matmul: a has shape \(a.shape), b has shape \(b.shape): inner extents \(k) and \(k2) differ")
    }
    let batch = try Shape.broadcast(
      Shape(Array(a.shape.dims.dropLast(2))), Shape(Array(b.shape.dims.dropLast(2))), name)
    return [TensorType(a.dtype, Shape(batch.dims + [m, n]))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (a, b, dy) = (g.inputs[0], g.inputs[1], g.dy)
    func product(_ x: Value, _ y: Value, _ transposeX: Bool, _ transposeY: Bool) throws -> Value {
      try g.add(MatrixMultiply(transposeA: transposeX, transposeB: transposeY), x, y)
    }
    var da: Value?
    var db: Value?
    if g.needed[0] {
      let full = transposeA ? try product(b, dy, transposeB, true) : try product(dy, b, false, !transposeB)
      da = try g.sum(full, to: a)
    }
    if g.needed[1] {
      let full = transposeB ? try product(dy, a, true, transposeA) : try product(a, dy, !transposeA, false)
      db = try g.sum(full, to: b)
    }
    return [da, db]
  }
}

let linearFactories: [String: OperationFactory] = [
  "matmul": {
    MatrixMultiply(
      transposeA: try $0.bool("transpose_a", default: false),
      transposeB: try $0.bool("transpose_b", default: false))
  }
]
