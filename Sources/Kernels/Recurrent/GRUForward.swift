import Parallel

/// What a GRU reads and writes, (N, T, …): `projected` x·W + b of 3·units in the order update, reset, candidate; `gates`
/// their activated values (may be the memory of `projected`); `states` of units.
public struct GRUBuffers<T> {
  public let projected: UnsafePointer<T>
  /// (units, 3·units)
  public let recurrentKernel: UnsafePointer<T>
  /// (3·units,), with `resetsAfter` only.
  public let recurrentBias: UnsafePointer<T>?
  public let start: RecurrentStart<T>
  public let gates, states: UnsafeMutablePointer<T>
  /// (N, T, units) in the order of the inputs. With `resetsAfter` the product that the reset gate multiplies, else the
  /// product of the reset gate and the old state.
  public let inner: UnsafeMutablePointer<T>
  /// (N, units), after the last step.
  public let lastState: UnsafeMutablePointer<T>
  /// `gruPackedCount` elements.
  public let packed: UnsafeMutablePointer<T>

  public init(
    projected: UnsafePointer<T>, recurrentKernel: UnsafePointer<T>, recurrentBias: UnsafePointer<T>?,
    start: RecurrentStart<T>, gates: UnsafeMutablePointer<T>, states: UnsafeMutablePointer<T>,
    inner: UnsafeMutablePointer<T>, lastState: UnsafeMutablePointer<T>, packed: UnsafeMutablePointer<T>
  ) {
    self.projected = projected
    self.recurrentKernel = recurrentKernel
    self.recurrentBias = recurrentBias
    self.start = start
    self.gates = gates
    self.states = states
    self.inner = inner
    self.lastState = lastState
    self.packed = packed
  }
}

/// Elements of memory for a GRU's packed recurrent kernel, forward and backward.
public func gruPackedCount<T: KernelScalar>(_: T.Type, units: Int) -> Int {
  let forward = (PackedMatrix<T>.count(depth: units, columns: 3 &* units))
  let parts =
    PackedMatrix<T>.count(depth: units, columns: 2 &* units)
    &+ PackedMatrix<T>.count(
      depth: units, columns: units)
  let backward = PackedMatrix<T>.count(depth: 3 &* units, columns: units)
  return Swift.max(forward, Swift.max(parts, backward))
}

/// [z, r] = σ(x·W + b + h·U), g = φ(x·W + b + …), h ← z·h + (1 - z)·g over all steps. The candidate's dots are
/// r·(h·U + b') with `resetsAfter` (Keras' and cuDNN's), else (r·h)·U (Cho et al. 2014, arXiv 1406.1078).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func gruForward<T: KernelScalar>(
  _ buffers: GRUBuffers<T>, shape: RecurrentShape, activations: RecurrentActivations, resetsAfter: Bool
) {
  T.requireSpecialization()
  let units = shape.units
  let scratch = shape.scratch(3 &* units) &* MemoryLayout<T>.stride
  if resetsAfter {
    let weights = PackedMatrix(
      buffers.recurrentKernel, rowStride: 3 &* units, isTransposed: false, depth: units, columns: 3 &* units,
      into: buffers.packed)
    parallel(shape.blocks, scratchBytes: scratch, (buffers, weights, shape, activations)) { context, block, scratch in
      let (buffers, weights, shape, activations) = context
      resetAfterBlock(
        buffers, weights, shape, activations, shape.rows(ofBlock: block), scratch.assumingMemoryBound(to: T.self))
    }
    return
  }
  let gates = PackedMatrix(
    buffers.recurrentKernel, rowStride: 3 &* units, isTransposed: false, depth: units, columns: 2 &* units,
    into: buffers.packed)
  let candidate = PackedMatrix(
    buffers.recurrentKernel + 2 &* units, rowStride: 3 &* units, isTransposed: false, depth: units, columns: units,
    into: buffers.packed + PackedMatrix<T>.count(depth: units, columns: 2 &* units))
  parallel(shape.blocks, (buffers, gates, candidate, shape, activations)) { context, block in
    let (buffers, gates, candidate, shape, activations) = context
    resetBeforeBlock(buffers, gates, candidate, shape, activations, shape.rows(ofBlock: block))
  }
}

@inline(__always)
private func resetAfterBlock<T: KernelScalar>(
  _ b: GRUBuffers<T>, _ weights: PackedMatrix<T>, _ shape: RecurrentShape, _ activations: RecurrentActivations,
  _ rows: Range<Int>, _ products: UnsafeMutablePointer<T>
) {
  let (units, steps, first) = (shape.units, shape.steps, rows.lowerBound)
  let width = 3 &* units
  for step in 0..<steps {
    let time = shape.time(step)
    let previous = StateRows(before: step, first, b.states, first: b.start.state, shape)
    if let previous {
      weights.multiply(
        rows: rows.count, previous.pointer, previous.stride, products, width, accumulates: false, bias: b.recurrentBias)
    } else {
      for index in 0..<rows.count { copyRow(b.recurrentBias, products + index &* width, width) }
    }
    for row in rows {
      let (index, inputPosition) = (row &- first, row &* steps &+ time)
      let old = previous.map { $0.pointer + index &* $0.stride }
      let state = b.states + (row &* steps &+ step) &* units
      let (gates, product) = (b.gates + inputPosition &* width, products + index &* width)
      let (projected, inner) = (b.projected + inputPosition &* width, b.inner + inputPosition &* units)
      guard b.start.counts(row, time, shape) else {
        copyRow(old, state, units)
        continue
      }
      forEachVector(Sum(a: projected, b: UnsafePointer(product), sum: gates), 2 &* units)
      activations.gate.apply(gates, 2 &* units)
      forEachVector(
        Candidate(
          projected: projected + 2 &* units, product: UnsafePointer(product + 2 &* units), reset: gates + units,
          sum: gates + 2 &* units, inner: inner), units)
      activations.output.apply(gates + 2 &* units, units)
      forEachVector(Mixed(gates: gates, old: old, state: state, units: units), units)
    }
  }
  copyLastStates(b, rows, shape)
}

@inline(__always)
private func resetBeforeBlock<T: KernelScalar>(
  _ b: GRUBuffers<T>, _ gateWeights: PackedMatrix<T>, _ candidateWeights: PackedMatrix<T>, _ shape: RecurrentShape,
  _ activations: RecurrentActivations, _ rows: Range<Int>
) {
  let (units, steps, first) = (shape.units, shape.steps, rows.lowerBound)
  let width = 3 &* units
  for step in 0..<steps {
    let time = shape.time(step)
    let inputPosition = first &* steps &+ time
    let (gates, inner) = (b.gates + inputPosition &* width, b.inner + inputPosition &* units)
    if UnsafePointer(b.gates) != b.projected {
      for index in 0..<rows.count {
        let offset = index &* steps &* width
        copyRow(b.projected + inputPosition &* width + offset, gates + offset, width)
      }
    }
    let previous = StateRows(before: step, first, b.states, first: b.start.state, shape)
    if let previous {
      gateWeights.multiply(
        rows: rows.count, previous.pointer, previous.stride, gates, steps &* width, accumulates: true)
    }
    for row in rows {
      let index = row &- first
      let (gates, inner) = (gates + index &* steps &* width, inner + index &* steps &* units)
      activations.gate.apply(gates, 2 &* units)
      guard let previous, b.start.counts(row, time, shape) else {
        copyRow(nil, inner, units)
        continue
      }
      let old = previous.pointer + index &* previous.stride
      forEachVector(Product(a: UnsafePointer(gates + units), b: old, product: inner), units)
    }
    candidateWeights.multiply(
      rows: rows.count, UnsafePointer(inner), steps &* units, gates + 2 &* units, steps &* width, accumulates: true)
    for row in rows {
      let index = row &- first
      let gates = gates + index &* steps &* width
      let old = previous.map { $0.pointer + index &* $0.stride }
      let state = b.states + (row &* steps &+ step) &* units
      guard b.start.counts(row, time, shape) else {
        copyRow(old, state, units)
        continue
      }
      activations.output.apply(gates + 2 &* units, units)
      forEachVector(Mixed(gates: gates, old: old, state: state, units: units), units)
    }
  }
  copyLastStates(b, rows, shape)
}

@inline(__always)
private func copyLastStates<T: KernelScalar>(_ b: GRUBuffers<T>, _ rows: Range<Int>, _ shape: RecurrentShape) {
  for row in rows {
    copyRow(
      b.states + (row &* shape.steps &+ shape.steps &- 1) &* shape.units, b.lastState + row &* shape.units, shape.units)
  }
}

private struct Sum<Scalar: KernelScalar>: LaneWork {
  let a, b: UnsafePointer<Scalar>
  let sum: UnsafeMutablePointer<Scalar>

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) { sum.storeLanes(a.lanes(j, count) + b.lanes(j, count), j, count) }
}

private struct Product<Scalar: KernelScalar>: LaneWork {
  let a, b: UnsafePointer<Scalar>
  let product: UnsafeMutablePointer<Scalar>

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) { product.storeLanes(a.lanes(j, count) * b.lanes(j, count), j, count) }
}

/// x·W + r·(h·U + b'), and what r multiplies for the gradient.
private struct Candidate<Scalar: KernelScalar>: LaneWork {
  let projected, product: UnsafePointer<Scalar>
  let reset, sum, inner: UnsafeMutablePointer<Scalar>

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    let p = product.lanes(j, count)
    inner.storeLanes(p, j, count)
    sum.storeLanes(Scalar.multiplyAdd(reset.lanes(j, count), p, projected.lanes(j, count)), j, count)
  }
}

/// h = z·h + (1 - z)·g.
private struct Mixed<Scalar: KernelScalar>: LaneWork {
  let gates: UnsafeMutablePointer<Scalar>
  let old: UnsafePointer<Scalar>?
  let state: UnsafeMutablePointer<Scalar>
  let units: Int

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    let (z, g) = (gates.lanes(j, count), gates.lanes(2 &* units &+ j, count))
    var h = (Scalar.constant(1) - z) * g
    if let old { h = Scalar.multiplyAdd(z, old.lanes(j, count), h) }
    state.storeLanes(h, j, count)
  }
}
