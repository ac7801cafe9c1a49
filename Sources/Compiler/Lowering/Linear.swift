import Graph
import Kernels
import Tensor

extension MatrixMultiply: Lowerable {
  func lower(_ c: Lowering) throws -> Step { try lower(c, bias: nil, relu: false) }

  /// The product with an epilogue; a with leading axes times a plain matrix is one product of many rows.
  func lower(_ c: Lowering, bias: Operand?, relu: Bool) throws -> Step {
    let (a, b, y) = (c.inputs[0], c.inputs[1], c.y)
    let (transposeA, transposeB) = (transposeA, transposeB)
    let rank = y.shape.rank
    let (rowsPerMatrix, n) = (y.shape[rank - 2], y.shape[rank - 1])
    let k = a.shape[a.shape.rank - (transposeA ? 2 : 1)]
    let activation: Activation = relu ? .relu : .none
    let isOneProduct = b.shape.rank == 2 && (a.shape.rank == 2 || !transposeA)
    let m = isOneProduct ? (n > 0 ? y.count / n : 0) : rowsPerMatrix
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        matrixMultiply(
          memory.read(a, as: T.self), memory.read(b), memory.write(y), m: m, n: n, k: k, transposeA: transposeA,
          transposeB: transposeB, bias: bias.map { memory.read($0) }, activation: activation, accumulate: false)
      }
    }
    if isOneProduct { return try c.forFloat(a) { make($0) } }
    let pairs = batchOffsets(a.shape, b.shape, y.shape)
    func makeBatched<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        for pair in pairs {
          matrixMultiply(
            memory.read(a, as: T.self) + pair.a, memory.read(b) + pair.b, memory.write(y) + pair.y, m: m, n: n, k: k,
            transposeA: transposeA, transposeB: transposeB, bias: nil, activation: .none, accumulate: false)
        }
      }
    }
    return try c.forFloat(a) { makeBatched($0) }
  }

  /// Where each matrix of a broadcast batch begins.
  private func batchOffsets(_ a: Shape, _ b: Shape, _ y: Shape) -> [(a: Int, b: Int, y: Int)] {
    let batch = Array(y.dims.dropLast(2))
    let sizes = [a, b, y].map { $0.dims.suffix(2).reduce(1, *) }
    func offset(_ shape: Shape, _ index: [Int], _ size: Int) -> Int {
      let own = shape.dims.dropLast(2)
      let skipped = index.count - own.count
      return own.enumerated().reduce(0) { sum, axis in
        sum * axis.element + (axis.element == 1 ? 0 : index[skipped + axis.offset])
      } * size
    }
    var offsets: [(a: Int, b: Int, y: Int)] = []
    var index = [Int](repeating: 0, count: batch.count)
    for number in 0..<batch.reduce(1, *) {
      offsets.append((offset(a, index, sizes[0]), offset(b, index, sizes[1]), number * sizes[2]))
      for axis in batch.indices.reversed() {
        index[axis] += 1
        if index[axis] < batch[axis] { break }
        index[axis] = 0
      }
    }
    return offsets
  }
}

extension FusedLinear {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    if case .convolution(let op) = base { op.temporaryBytes(inputs, outputs) } else { 0 }
  }

  func lower(_ c: Lowering) throws -> Step {
    let bias = bias ? c.inputs[2] : nil
    switch base {
    case .convolution(let op):
      if let kept, let shape = op.imageShape(x: c.x.type, w: c.inputs[1].type, y: c.y.type) {
        return kept.lower(c, shape, bias: bias, relu: relu)
      }
      return try op.lower(c, bias: bias, relu: relu)
    case .product(let op): return try op.lower(c, bias: bias, relu: relu)
    }
  }
}

extension ReluBiasGradient {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, y, dx, db) = (c.inputs[0], c.inputs[1], c.outputs[0], c.outputs[1])
    let n = db.count
    let rows = n > 0 ? dy.count / n : 0
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        reluBackwardColumnSums(
          $0.read(dy, as: T.self), $0.read(y), $0.write(dx), $0.write(db), rows: rows, n: n)
      }
    }
    return try c.forFloat(dy) { make($0) }
  }
}
