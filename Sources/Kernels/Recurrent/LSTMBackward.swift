import Parallel

/// What the gradient of an LSTM reads and writes; names as in `LSTMBuffers`. Gradients that are nil are zero.
public struct LSTMGradientBuffers<T> {
  public let dStates, dLastState, dLastCell: UnsafePointer<T>?
  public let gates, cells, states, recurrentKernel: UnsafePointer<T>
  public let start: RecurrentStart<T>
  /// May be the memory of `gates`.
  public let dProjected: UnsafeMutablePointer<T>
  /// (N, T, units) in the order of the inputs: the state that each step began with, for the gradient of the kernel.
  public let previous: UnsafeMutablePointer<T>
  /// (N, units)
  public let dState, dCell: UnsafeMutablePointer<T>
  /// `packedMatrixCount(depth: 4·units, columns: units)` elements.
  public let packed: UnsafeMutablePointer<T>

  public init(
    dStates: UnsafePointer<T>?, dLastState: UnsafePointer<T>?, dLastCell: UnsafePointer<T>?, gates: UnsafePointer<T>,
    cells: UnsafePointer<T>, states: UnsafePointer<T>, recurrentKernel: UnsafePointer<T>, start: RecurrentStart<T>,
    dProjected: UnsafeMutablePointer<T>, previous: UnsafeMutablePointer<T>, dState: UnsafeMutablePointer<T>,
    dCell: UnsafeMutablePointer<T>, packed: UnsafeMutablePointer<T>
  ) {
    self.dStates = dStates
    self.dLastState = dLastState
    self.dLastCell = dLastCell
    self.gates = gates
    self.cells = cells
    self.states = states
    self.recurrentKernel = recurrentKernel
    self.start = start
    self.dProjected = dProjected
    self.previous = previous
    self.dState = dState
    self.dCell = dCell
    self.packed = packed
  }
}

/// The gradient of `lstmForward` back through time.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func lstmBackward<T: KernelScalar>(
  _ buffers: LSTMGradientBuffers<T>, shape: RecurrentShape, activations: RecurrentActivations
) {
  T.requireSpecialization()
  let units = shape.units
  let weights = PackedMatrix(
    buffers.recurrentKernel, rowStride: 4 &* units, isTransposed: true, depth: 4 &* units, columns: units,
    into: buffers.packed)
  parallel(shape.blocks, scratchBytes: units &* MemoryLayout<T>.stride, (buffers, weights, shape, activations)) {
    context, block, scratch in
    let (buffers, weights, shape, activations) = context
    lstmBackwardBlock(
      buffers, weights, shape, activations, shape.rows(ofBlock: block), scratch.assumingMemoryBound(to: T.self))
  }
}

@inline(__always)
private func lstmBackwardBlock<T: KernelScalar>(
  _ b: LSTMGradientBuffers<T>, _ weights: PackedMatrix<T>, _ shape: RecurrentShape,
  _ activations: RecurrentActivations, _ rows: Range<Int>, _ activated: UnsafeMutablePointer<T>
) {
  let (units, steps, first) = (shape.units, shape.steps, rows.lowerBound)
  let width = 4 &* units
  for row in rows {
    copyRow(b.dLastState.map { $0 + row &* units }, b.dState + row &* units, units)
    copyRow(b.dLastCell.map { $0 + row &* units }, b.dCell + row &* units, units)
  }
  for step in (0..<steps).reversed() {
    let time = shape.time(step)
    for row in rows {
      let (inputPosition, position) = (row &* steps &+ time, (row &* steps &+ step) &* units)
      let (dState, dCell) = (b.dState + row &* units, b.dCell + row &* units)
      if let dStates = b.dStates { forEachVector(Added(to: dState, dStates + position), units) }
      let old = b.start.state.map { $0 + row &* units }
      copyRow(step > 0 ? b.states + (position &- units) : old, b.previous + inputPosition &* units, units)
      let dGates = b.dProjected + inputPosition &* width
      guard b.start.counts(row, time, shape) else {
        copyRow(nil, dGates, width)
        continue
      }
      copyRow(b.cells + position, activated, units)
      activations.output.apply(activated, units)
      let oldCell = step > 0 ? b.cells + (position &- units) : b.start.cell.map { $0 + row &* units }
      let work = LSTMGates(
        gates: b.gates + inputPosition &* width, activated: UnsafePointer(activated), oldCell: oldCell, dState: dState,
        dCell: dCell, dGates: dGates, units: units, activations: activations)
      forEachVector(work, units)
    }
    // The gradient of samples that this step left alone stays; that of the others was set to 0.
    let dGates = b.dProjected + (first &* steps &+ time) &* width
    weights.multiply(
      rows: rows.count, UnsafePointer(dGates), steps &* width, b.dState + first &* units, units, accumulates: true)
  }
}

struct Added<Scalar: KernelScalar>: LaneWork {
  let sum: UnsafeMutablePointer<Scalar>
  let term: UnsafePointer<Scalar>

  @inline(__always)
  init(to sum: UnsafeMutablePointer<Scalar>, _ term: UnsafePointer<Scalar>) { (self.sum, self.term) = (sum, term) }

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    sum.storeLanes(sum.lanes(j, count) + term.lanes(j, count), j, count)
  }
}

/// From the gradients of h and c those of the gates before activation and of the old c; that of h is used up.
private struct LSTMGates<Scalar: KernelScalar>: LaneWork {
  let gates, activated: UnsafePointer<Scalar>
  let oldCell: UnsafePointer<Scalar>?
  let dState, dCell, dGates: UnsafeMutablePointer<Scalar>
  let units: Int
  let activations: RecurrentActivations

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    let (gate, output) = (activations.gate, activations.output)
    let i = gates.lanes(j, count)
    let f = gates.lanes(units &+ j, count)
    let g = gates.lanes(2 &* units &+ j, count)
    let o = gates.lanes(3 &* units &+ j, count)
    let (dh, a) = (dState.lanes(j, count), activated.lanes(j, count))
    let dc = dCell.lanes(j, count) + output.backward(Scalar.self, dh * o, a)
    let old = oldCell.map { $0.lanes(j, count) } ?? Scalar.Vector()
    dGates.storeLanes(gate.backward(Scalar.self, dc * g, i), j, count)
    dGates.storeLanes(gate.backward(Scalar.self, dc * old, f), units &+ j, count)
    dGates.storeLanes(output.backward(Scalar.self, dc * i, g), 2 &* units &+ j, count)
    dGates.storeLanes(gate.backward(Scalar.self, dh * a, o), 3 &* units &+ j, count)
    dCell.storeLanes(dc * f, j, count)
    dState.storeLanes(Scalar.Vector(), j, count)
  }
}
