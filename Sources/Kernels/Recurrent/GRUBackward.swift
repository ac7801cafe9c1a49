import Parallel

/// What the gradient of a GRU reads and writes; names as in `GRUBuffers`. Gradients that are nil are zero.
public struct GRUGradientBuffers<T> {
  public let dStates, dLastState: UnsafePointer<T>?
  public let gates, inner, states, recurrentKernel: UnsafePointer<T>
  public let start: RecurrentStart<T>
  /// May be the memory of `gates`.
  public let dProjected: UnsafeMutablePointer<T>
  /// (N, T, 3·units), with `resetsAfter` only: of h·U + b'.
  public let dProduct: UnsafeMutablePointer<T>?
  /// (N, T, units) in the order of the inputs: the state that each step began with, for the gradient of the kernel.
  public let previous: UnsafeMutablePointer<T>
  /// (N, units)
  public let dState: UnsafeMutablePointer<T>
  /// `gruPackedCount` elements.
  public let packed: UnsafeMutablePointer<T>

  public init(
    dStates: UnsafePointer<T>?, dLastState: UnsafePointer<T>?, gates: UnsafePointer<T>, inner: UnsafePointer<T>,
    states: UnsafePointer<T>, recurrentKernel: UnsafePointer<T>, start: RecurrentStart<T>,
    dProjected: UnsafeMutablePointer<T>, dProduct: UnsafeMutablePointer<T>?, previous: UnsafeMutablePointer<T>,
    dState: UnsafeMutablePointer<T>, packed: UnsafeMutablePointer<T>
  ) {
    self.dStates = dStates
    self.dLastState = dLastState
    self.gates = gates
    self.inner = inner
    self.states = states
    self.recurrentKernel = recurrentKernel
    self.start = start
    self.dProjected = dProjected
    self.dProduct = dProduct
    self.previous = previous
    self.dState = dState
    self.packed = packed
  }

  /// What a step of one sample begins with: the old state is written to `previous`, the gradient of its output added.
  @inline(__always)
  fileprivate func enter(_ row: Int, _ step: Int, _ time: Int, _ shape: RecurrentShape) where T: KernelScalar {
    let units = shape.units
    let position = (row &* shape.steps &+ step) &* units
    if let dStates { forEachVector(Added(to: dState + row &* units, dStates + position), units) }
    let old = step > 0 ? states + (position &- units) : start.state.map { $0 + row &* units }
    copyRow(old, previous + (row &* shape.steps &+ time) &* units, units)
  }
}

/// The gradient of `gruForward` back through time. `dProduct` is given exactly when the reset gate comes after the
/// product.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func gruBackward<T: KernelScalar>(
  _ buffers: GRUGradientBuffers<T>, shape: RecurrentShape, activations: RecurrentActivations
) {
  T.requireSpecialization()
  let units = shape.units
  if let dProduct = buffers.dProduct {
    let weights = PackedMatrix(
      buffers.recurrentKernel, rowStride: 3 &* units, isTransposed: true, depth: 3 &* units, columns: units,
      into: buffers.packed)
    parallel(shape.blocks, (buffers, dProduct, weights, shape, activations)) { context, block in
      let (buffers, dProduct, weights, shape, activations) = context
      resetAfterBlock(buffers, dProduct, weights, shape, activations, shape.rows(ofBlock: block))
    }
    return
  }
  let gates = PackedMatrix(
    buffers.recurrentKernel, rowStride: 3 &* units, isTransposed: true, depth: 2 &* units, columns: units,
    into: buffers.packed)
  let candidate = PackedMatrix(
    buffers.recurrentKernel + 2 &* units, rowStride: 3 &* units, isTransposed: true, depth: units, columns: units,
    into: buffers.packed + PackedMatrix<T>.count(depth: 2 &* units, columns: units))
  let scratch = shape.scratch(units) &* MemoryLayout<T>.stride
  parallel(shape.blocks, scratchBytes: scratch, (buffers, gates, candidate, shape, activations)) {
    context, block, scratch in
    let (buffers, gates, candidate, shape, activations) = context
    resetBeforeBlock(
      buffers, gates, candidate, shape, activations, shape.rows(ofBlock: block),
      scratch.assumingMemoryBound(to: T.self))
  }
}

@inline(__always)
private func resetAfterBlock<T: KernelScalar>(
  _ b: GRUGradientBuffers<T>, _ dProduct: UnsafeMutablePointer<T>, _ weights: PackedMatrix<T>, _ shape: RecurrentShape,
  _ activations: RecurrentActivations, _ rows: Range<Int>
) {
  let (units, steps, first) = (shape.units, shape.steps, rows.lowerBound)
  let width = 3 &* units
  for row in rows { copyRow(b.dLastState.map { $0 + row &* units }, b.dState + row &* units, units) }
  for step in (0..<steps).reversed() {
    let time = shape.time(step)
    for row in rows {
      let position = row &* steps &+ time
      b.enter(row, step, time, shape)
      guard b.start.counts(row, time, shape) else {
        copyRow(nil, b.dProjected + position &* width, width)
        copyRow(nil, dProduct + position &* width, width)
        continue
      }
      let work = GatesAfter(
        gates: b.gates + position &* width, inner: b.inner + position &* units,
        previous: UnsafePointer(b.previous + position &* units), dState: b.dState + row &* units,
        dProjected: b.dProjected + position &* width, dProduct: dProduct + position &* width, units: units,
        activations: activations)
      forEachVector(work, units)
    }
    let dProducts = UnsafePointer(dProduct + (first &* steps &+ time) &* width)
    weights.multiply(
      rows: rows.count, dProducts, steps &* width, b.dState + first &* units, units, accumulates: true)
  }
}

@inline(__always)
private func resetBeforeBlock<T: KernelScalar>(
  _ b: GRUGradientBuffers<T>, _ gateWeights: PackedMatrix<T>, _ candidateWeights: PackedMatrix<T>,
  _ shape: RecurrentShape, _ activations: RecurrentActivations, _ rows: Range<Int>,
  _ dInner: UnsafeMutablePointer<T>
) {
  let (units, steps, first) = (shape.units, shape.steps, rows.lowerBound)
  let width = 3 &* units
  for row in rows { copyRow(b.dLastState.map { $0 + row &* units }, b.dState + row &* units, units) }
  for step in (0..<steps).reversed() {
    let time = shape.time(step)
    for row in rows {
      let position = row &* steps &+ time
      b.enter(row, step, time, shape)
      guard b.start.counts(row, time, shape) else {
        copyRow(nil, b.dProjected + position &* width, width)
        continue
      }
      let work = UpdateAndCandidate(
        gates: b.gates + position &* width, previous: UnsafePointer(b.previous + position &* units),
        dState: b.dState + row &* units, dProjected: b.dProjected + position &* width, units: units,
        activations: activations)
      forEachVector(work, units)
    }
    let dGates = b.dProjected + (first &* steps &+ time) &* width
    candidateWeights.multiply(
      rows: rows.count, UnsafePointer(dGates + 2 &* units), steps &* width, dInner, units, accumulates: false)
    for row in rows where b.start.counts(row, time, shape) {
      let position = row &* steps &+ time
      let work = ResetBefore(
        reset: b.gates + (position &* width &+ units), previous: UnsafePointer(b.previous + position &* units),
        dInner: UnsafePointer(dInner + (row &- first) &* units), dState: b.dState + row &* units,
        dReset: b.dProjected + (position &* width &+ units), gate: activations.gate)
      forEachVector(work, units)
    }
    gateWeights.multiply(
      rows: rows.count, UnsafePointer(dGates), steps &* width, b.dState + first &* units, units, accumulates: true)
  }
}

/// All gates' gradients where the reset gate multiplies the product; of h what goes straight to the old state.
private struct GatesAfter<Scalar: KernelScalar>: LaneWork {
  let gates, inner, previous: UnsafePointer<Scalar>
  let dState, dProjected, dProduct: UnsafeMutablePointer<Scalar>
  let units: Int
  let activations: RecurrentActivations

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    let (gate, output) = (activations.gate, activations.output)
    let z = gates.lanes(j, count)
    let r = gates.lanes(units &+ j, count)
    let g = gates.lanes(2 &* units &+ j, count)
    let dh = dState.lanes(j, count)
    let dz = gate.backward(Scalar.self, dh * (previous.lanes(j, count) - g), z)
    let dg = output.backward(Scalar.self, dh * (Scalar.constant(1) - z), g)
    let dr = gate.backward(Scalar.self, dg * inner.lanes(j, count), r)
    dProjected.storeLanes(dz, j, count)
    dProjected.storeLanes(dr, units &+ j, count)
    dProjected.storeLanes(dg, 2 &* units &+ j, count)
    dProduct.storeLanes(dz, j, count)
    dProduct.storeLanes(dr, units &+ j, count)
    dProduct.storeLanes(dg * r, 2 &* units &+ j, count)
    dState.storeLanes(dh * z, j, count)
  }
}

/// Gradients of the update gate and the candidate.
private struct UpdateAndCandidate<Scalar: KernelScalar>: LaneWork {
  let gates, previous: UnsafePointer<Scalar>
  let dState, dProjected: UnsafeMutablePointer<Scalar>
  let units: Int
  let activations: RecurrentActivations

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    let (z, g) = (gates.lanes(j, count), gates.lanes(2 &* units &+ j, count))
    let dh = dState.lanes(j, count)
    let dz = activations.gate.backward(Scalar.self, dh * (previous.lanes(j, count) - g), z)
    let dg = activations.output.backward(Scalar.self, dh * (Scalar.constant(1) - z), g)
    dProjected.storeLanes(dz, j, count)
    dProjected.storeLanes(dg, 2 &* units &+ j, count)
    dState.storeLanes(dh * z, j, count)
  }
}

/// From the gradient of r·h those of the reset gate and of the old state.
private struct ResetBefore<Scalar: KernelScalar>: LaneWork {
  let reset, previous, dInner: UnsafePointer<Scalar>
  let dState, dReset: UnsafeMutablePointer<Scalar>
  let gate: RecurrentActivation

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    let (r, d) = (reset.lanes(j, count), dInner.lanes(j, count))
    dState.storeLanes(Scalar.multiplyAdd(d, r, dState.lanes(j, count)), j, count)
    dReset.storeLanes(gate.backward(Scalar.self, d * previous.lanes(j, count), r), j, count)
  }
}
