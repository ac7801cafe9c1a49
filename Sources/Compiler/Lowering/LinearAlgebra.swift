import Graph
import Kernels
import Tensor

/// Matrices in the last two axes.
private struct Matrices {
  let batch, m, n: Int

  init(_ shape: Shape) {
    (m, n) = (shape[shape.rank - 2], shape[shape.rank - 1])
    batch = shape.dims.dropLast(2).reduce(1, *)
  }
}

extension MatrixTriangle: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, size, upper) = (c.x, c.y, Matrices(c.x.shape), upper)
    let diagonal = max(-size.m, min(size.n, diagonal))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        matrixTriangle(
          $0.read(x, as: T.self), $0.write(y), batch: size.batch, rows: size.m, columns: size.n, upper: upper,
          diagonal: diagonal)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension Cholesky: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, size) = (c.x, c.y, Matrices(c.x.shape))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { cholesky($0.read(x, as: T.self), $0.write(y), batch: size.batch, n: size.n) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension LUFactor: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, lu, pivots, permutation) = (c.x, c.outputs[0], c.outputs[1], c.outputs[2])
    let size = Matrices(x.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        luFactor(
          $0.read(x, as: T.self), $0.write(lu), $0.write(pivots), $0.write(permutation), batch: size.batch, m: size.m,
          n: size.n)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension TriangularSolve: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (t, b, x, operation) = (c.inputs[0], c.inputs[1], c.y, self)
    let (size, pairs) = (Matrices(x.shape), BroadcastBatches(t.shape, b.shape, x.shape))
    func make<T: KernelScalar>(_ type: T.Type) -> Step {
      { memory in
        pairs.withPairs {
          triangularSolve(
            memory.read(t, as: T.self), memory.read(b), memory.write(x), $0, n: size.m, columns: size.n,
            upper: operation.upper, transposed: operation.transposed, unitDiagonal: operation.unitDiagonal)
        }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension LUSolve: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (lu, permutation, b, x, transposed) = (c.inputs[1], c.inputs[2], c.inputs[3], c.y, transposed)
    let (size, pairs) = (Matrices(x.shape), BroadcastBatches(lu.shape, b.shape, x.shape))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        pairs.withPairs {
          luSolve(
            memory.read(lu, as: T.self), memory.read(permutation), memory.read(b), memory.write(x), $0, n: size.m,
            columns: size.n, transposed: transposed)
        }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

/// Which matrices of two batches each matrix of the broadcast batch belongs to.
private struct BroadcastBatches {
  let count: Int
  /// nil where a batch is not repeated.
  let left, right: [Int]?

  init(_ a: Shape, _ b: Shape, _ y: Shape) {
    let batch = Array(y.dims.dropLast(2))
    count = batch.reduce(1, *)
    left = Self.indices(Array(a.dims.dropLast(2)), in: batch)
    right = Self.indices(Array(b.dims.dropLast(2)), in: batch)
  }

  private static func indices(_ own: [Int], in batch: [Int]) -> [Int]? {
    if own == batch { return nil }
    let skipped = batch.count - own.count
    return (0..<batch.reduce(1, *)).map { number in
      var (rest, index, step) = (number, 0, 1)
      for axis in batch.indices.reversed() {
        let position = rest % batch[axis]
        rest /= batch[axis]
        guard axis >= skipped else { continue }
        if own[axis - skipped] != 1 { index += position * step }
        step *= own[axis - skipped]
      }
      return index
    }
  }

  func withPairs(_ body: (BatchPairs) -> Void) {
    func access(_ indices: [Int]?, _ body: (UnsafePointer<Int>?) -> Void) {
      guard let indices else { return body(nil) }
      indices.withUnsafeBufferPointer { body($0.baseAddress) }
    }
    access(left) { left in access(right) { body(BatchPairs(count: count, left: left, right: $0)) } }
  }
}

extension PseudoInverse: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { true }
  func lower(_ c: Lowering) throws -> Step { { _ in } }
}

extension QRFactor: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, q, r, size) = (c.x, c.outputs[0], c.outputs[1], Matrices(c.x.shape))
    let columns = q.shape[q.shape.rank - 1]
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        qrFactor(
          $0.read(x, as: T.self), $0.write(q), $0.write(r), batch: size.batch, m: size.m, n: size.n, size: columns)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension SymmetricEigen: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, w, v, size) = (c.x, c.outputs[0], c.outputs[1], Matrices(c.x.shape))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { symmetricEigen($0.read(x, as: T.self), $0.write(w), $0.write(v), batch: size.batch, n: size.n) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension SingularValues: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, outputs, size, isFull, hasVectors) = (c.x, c.outputs, Matrices(c.x.shape), isFull, hasVectors)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        singularValues(
          $0.read(x, as: T.self), u: hasVectors ? $0.write(outputs[0]) : nil, s: $0.write(outputs[hasVectors ? 1 : 0]),
          vt: hasVectors ? $0.write(outputs[2]) : nil, batch: size.batch, m: size.m, n: size.n,
          full: isFull && hasVectors)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}
