import Graph
import Kernels
import Tensor

/// Rows of a tensor whose last axis is worked on.
private func rows(_ shape: Shape) -> (rows: Int, n: Int) {
  let n = shape.dims.last ?? 1
  return (n > 0 ? shape.count / n : 0, n)
}

/// (outer, n, inner) of an axis.
func axisExtents(_ shape: Shape, axis: Int) -> (outer: Int, n: Int, inner: Int) {
  let axis = axis < 0 ? axis + shape.rank : axis
  return (shape.dims[..<axis].reduce(1, *), shape[axis], shape.dims[(axis + 1)...].reduce(1, *))
}

extension Softmax: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  /// Along another axis than the last: a copy with that axis last.
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    axisExtents(inputs[0].shape, axis: axis).inner == 1 ? 0 : inputs[0].byteCount
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, isLogarithm, extents) = (c.x, c.y, isLogarithm, axisExtents(c.x.shape, axis: axis))
    let (count, n) = (extents.outer * extents.inner, extents.n)
    func apply<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>) {
      if isLogarithm { logSoftmax(x, y, rows: count, n: n) } else { softmax(x, y, rows: count, n: n) }
    }
    func make<T: KernelScalar>(_ t: T.Type) throws -> Step {
      if extents.inner == 1 { return { apply($0.read(x, as: T.self), $0.write(y)) } }
      let (to, from) = try axisLast(extents, "softmax")
      let temporary = c.temporary
      return { memory in
        let rows: UnsafeMutablePointer<T> = memory.write(temporary)
        copyStrided(memory.raw(x), rows, to, elementBytes: MemoryLayout<T>.size)
        apply(UnsafePointer(rows), rows)
        copyStrided(rows, memory.raw(y), from, elementBytes: MemoryLayout<T>.size)
      }
    }
    return try c.forFloat(x) { try make($0) }
  }
}

/// Plans that bring an axis to the end and back.
private func axisLast(_ e: (outer: Int, n: Int, inner: Int), _ name: String) throws -> (StridedCopy, StridedCopy) {
  guard let to = StridedCopy(transposing: [e.outer, e.n, e.inner], permutation: [0, 2, 1]),
    let from = StridedCopy(transposing: [e.outer, e.inner, e.n], permutation: [0, 2, 1])
  else { throw Failure.runtime("\(name): cannot transpose") }
  return (to, from)
}

extension SoftmaxGradient: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    axisExtents(inputs[0].shape, axis: axis).inner == 1 ? [(0, 0)] : []
  }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    axisExtents(inputs[0].shape, axis: axis).inner == 1 ? 0 : 2 * inputs[0].byteCount
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, y, dx, extents) = (c.inputs[0], c.inputs[1], c.y, axisExtents(c.x.shape, axis: axis))
    let (count, n) = (extents.outer * extents.inner, extents.n)
    func make<T: KernelScalar>(_ t: T.Type) throws -> Step {
      if extents.inner == 1 {
        return { softmaxBackward($0.read(dy, as: T.self), $0.read(y), $0.write(dx), rows: count, n: n) }
      }
      let (to, from) = try axisLast(extents, name)
      let temporary = c.temporary
      return { memory in
        let dyRows: UnsafeMutablePointer<T> = memory.write(temporary)
        let yRows = dyRows + dy.count
        copyStrided(memory.raw(dy), dyRows, to, elementBytes: MemoryLayout<T>.size)
        copyStrided(memory.raw(y), yRows, to, elementBytes: MemoryLayout<T>.size)
        softmaxBackward(UnsafePointer(dyRows), UnsafePointer(yRows), dyRows, rows: count, n: n)
        copyStrided(dyRows, memory.raw(dx), from, elementBytes: MemoryLayout<T>.size)
      }
    }
    return try c.forFloat(dy) { try make($0) }
  }
}

extension SoftmaxCrossEntropy: Lowerable {
  /// Probabilities, and labels as Int32.
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    crossEntropyScratch(logits: inputs[0], targets: inputs[1], isSparse)
  }

  func lower(_ c: Lowering) throws -> Step {
    let (logits, targets, loss, temporary) = (c.inputs[0], c.inputs[1], c.y, c.temporary)
    let (isSparse, (count, n)) = (isSparse, rows(logits.shape))
    let labels = labelReader(targets, after: logits.count * logits.type.dtype.size, of: temporary)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        let probabilities: UnsafeMutablePointer<T> = memory.write(temporary)
        let (x, l): (UnsafePointer<T>, UnsafeMutablePointer<T>) = (memory.read(logits), memory.write(loss))
        if isSparse {
          sparseSoftmaxCrossEntropy(
            x, labels: labels(memory), loss: l, probabilities: probabilities, rows: count, n: n)
        } else {
          softmaxCrossEntropy(
            x, targets: memory.read(targets), loss: l, probabilities: probabilities, rows: count, n: n)
        }
      }
    }
    return try c.forFloat(logits) { make($0) }
  }
}

extension SoftmaxCrossEntropyGradient: Lowerable {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    crossEntropyScratch(logits: inputs[1], targets: inputs[2], isSparse) + inputs[0].byteCount
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dloss, logits, targets, dlogits, temporary) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y, c.temporary)
    let (isSparse, (count, n)) = (isSparse, rows(logits.shape))
    let labelOffset = logits.count * logits.type.dtype.size
    let labels = labelReader(targets, after: labelOffset, of: temporary)
    let lossOffset = crossEntropyScratch(logits: logits.type, targets: targets.type, isSparse)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        let p: UnsafeMutablePointer<T> = memory.write(temporary)
        let loss = (memory.raw(temporary) + lossOffset).assumingMemoryBound(to: T.self)
        let (x, d): (UnsafePointer<T>, UnsafeMutablePointer<T>) = (memory.read(logits), memory.write(dlogits))
        if isSparse {
          let l = labels(memory)
          sparseSoftmaxCrossEntropy(x, labels: l, loss: loss, probabilities: p, rows: count, n: n)
          sparseSoftmaxCrossEntropyBackward(
            memory.read(dloss), probabilities: UnsafePointer(p), labels: l, dlogits: d, rows: count, n: n)
        } else {
          softmaxCrossEntropy(x, targets: memory.read(targets), loss: loss, probabilities: p, rows: count, n: n)
          softmaxCrossEntropyBackward(
            memory.read(dloss), probabilities: UnsafePointer(p), targets: memory.read(targets), dlogits: d,
            rows: count, n: n)
        }
      }
    }
    return try c.forFloat(logits) { make($0) }
  }
}

private func crossEntropyScratch(logits: TensorType, targets: TensorType, _ isSparse: Bool) -> Int {
  // Rounded up so that whatever follows is aligned.
  (logits.byteCount + (isSparse ? targets.shape.count * 4 : 0) + 63) & ~63
}

/// Labels as Int32: as they are, or narrowed into scratch (the index check has seen that they fit).
private func labelReader(_ labels: Operand, after offset: Int, of scratch: Operand) -> (Memory) -> UnsafePointer<Int32>
{
  if labels.type.dtype != .int64 { return { $0.read(labels) } }
  return { memory in
    let narrow = (memory.raw(scratch) + offset).assumingMemoryBound(to: Int32.self)
    Kernels.convert(memory.raw(labels), .int64, narrow, .int32, labels.count)
    return UnsafePointer(narrow)
  }
}
