import Parallel

/// What an LSTM reads and writes, (N, T, …): `projected` x·W + b of 4·units in the order input, forget, candidate, output;
/// `gates` their activated values (may be the memory of `projected`); `cells`, `states` of units.
public struct LSTMBuffers<T> {
  public let projected: UnsafePointer<T>
  /// (units, 4·units)
  public let recurrentKernel: UnsafePointer<T>
  public let start: RecurrentStart<T>
  public let gates, cells, states: UnsafeMutablePointer<T>
  /// (N, units), after the last step.
  public let lastState, lastCell: UnsafeMutablePointer<T>
  /// `packedMatrixCount(depth: units, columns: 4·units)` elements.
  public let packed: UnsafeMutablePointer<T>

  public init(
    projected: UnsafePointer<T>, recurrentKernel: UnsafePointer<T>, start: RecurrentStart<T>,
    gates: UnsafeMutablePointer<T>, cells: UnsafeMutablePointer<T>, states: UnsafeMutablePointer<T>,
    lastState: UnsafeMutablePointer<T>, lastCell: UnsafeMutablePointer<T>, packed: UnsafeMutablePointer<T>
  ) {
    self.projected = projected
    self.recurrentKernel = recurrentKernel
    self.start = start
    self.gates = gates
    self.cells = cells
    self.states = states
    self.lastState = lastState
    self.lastCell = lastCell
    self.packed = packed
  }
}

/// [i, f, g, o] = [σ, σ, φ, σ](x·W + b + h·U), c ← f·c + i·g, h ← o·φ(c) over all steps.
///
/// Hochreiter & Schmidhuber 1997, with forget gates (Gers et al. 2000).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func lstmForward<T: KernelScalar>(
  _ buffers: LSTMBuffers<T>, shape: RecurrentShape, activations: RecurrentActivations
) {
  T.requireSpecialization()
  let width = 4 &* shape.units
  let weights = PackedMatrix(
    buffers.recurrentKernel, rowStride: width, isTransposed: false, depth: shape.units, columns: width,
    into: buffers.packed)
  parallel(shape.blocks, (buffers, weights, shape, activations)) { context, block in
    let (buffers, weights, shape, activations) = context
    lstmForwardBlock(buffers, weights, shape, activations, shape.rows(ofBlock: block))
  }
}

@inline(__always)
private func lstmForwardBlock<T: KernelScalar>(
  _ b: LSTMBuffers<T>, _ weights: PackedMatrix<T>, _ shape: RecurrentShape, _ activations: RecurrentActivations,
  _ rows: Range<Int>
) {
  let (units, steps, first) = (shape.units, shape.steps, rows.lowerBound)
  let width = 4 &* units
  for step in 0..<steps {
    let time = shape.time(step)
    let gates = b.gates + (first &* steps &+ time) &* width
    if UnsafePointer(b.gates) != b.projected {
      for row in rows {
        let position = (row &* steps &+ time) &* width
        copyRow(b.projected + position, b.gates + position, width)
      }
    }
    let previous = StateRows(before: step, first, b.states, first: b.start.state, shape)
    if let previous {
      weights.multiply(
        rows: rows.count, previous.pointer, previous.stride, gates, steps &* width, accumulates: true)
    }
    let previousCells = StateRows(before: step, first, b.cells, first: b.start.cell, shape)
    for row in rows {
      let index = row &- first
      let gates = gates + index &* steps &* width
      let position = (row &* steps &+ step) &* units
      let (cell, state) = (b.cells + position, b.states + position)
      let oldCell = previousCells.map { $0.pointer + index &* $0.stride }
      guard b.start.counts(row, time, shape) else {
        copyRow(oldCell, cell, units)
        copyRow(previous.map { $0.pointer + index &* $0.stride }, state, units)
        continue
      }
      activations.gate.apply(gates, 2 &* units)
      activations.output.apply(gates + 2 &* units, units)
      activations.gate.apply(gates + 3 &* units, units)
      forEachVector(NewCell(gates: gates, old: oldCell, cell: cell, state: state, units: units), units)
      activations.output.apply(state, units)
      forEachVector(Multiplied(factor: gates + 3 &* units, state: state), units)
    }
  }
  for row in rows {
    let position = (row &* steps &+ steps &- 1) &* units
    copyRow(b.states + position, b.lastState + row &* units, units)
    copyRow(b.cells + position, b.lastCell + row &* units, units)
  }
}

/// c = f·c + i·g, also written where φ(c) will be.
private struct NewCell<Scalar: KernelScalar>: LaneWork {
  let gates: UnsafeMutablePointer<Scalar>
  let old: UnsafePointer<Scalar>?
  let cell, state: UnsafeMutablePointer<Scalar>
  let units: Int

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    var c = gates.lanes(j, count) * gates.lanes(2 &* units &+ j, count)
    if let old { c = Scalar.multiplyAdd(gates.lanes(units &+ j, count), old.lanes(j, count), c) }
    cell.storeLanes(c, j, count)
    state.storeLanes(c, j, count)
  }
}

private struct Multiplied<Scalar: KernelScalar>: LaneWork {
  let factor, state: UnsafeMutablePointer<Scalar>

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    state.storeLanes(state.lanes(j, count) * factor.lanes(j, count), j, count)
  }
}
