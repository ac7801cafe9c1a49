import Parallel

/// h ← φ(x·W + b + h·U) over all steps: `projected`, `states` (N, T, units), `recurrentKernel` (units, units),
/// `lastState` (N, units), `packed` of `packedMatrixCount(depth: units, columns: units)` elements.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func simpleRNNForward<T: KernelScalar>(
  projected: UnsafePointer<T>, recurrentKernel: UnsafePointer<T>, start: RecurrentStart<T>,
  states: UnsafeMutablePointer<T>, lastState: UnsafeMutablePointer<T>, packed: UnsafeMutablePointer<T>,
  shape: RecurrentShape, activation: RecurrentActivation
) {
  T.requireSpecialization()
  let weights = PackedMatrix(
    recurrentKernel, rowStride: shape.units, isTransposed: false, depth: shape.units, columns: shape.units, into: packed
  )
  parallel(shape.blocks, (projected, start, states, lastState, weights, shape, activation)) { context, block in
    let (projected, start, states, lastState, weights, shape, activation) = context
    let (units, steps, rows) = (shape.units, shape.steps, shape.rows(ofBlock: block))
    let first = rows.lowerBound
    for step in 0..<steps {
      let time = shape.time(step)
      for row in rows {
        copyRow(
          projected + (row &* steps &+ time) &* units, states + (row &* steps &+ step) &* units, units)
      }
      let previous = StateRows(before: step, first, states, first: start.state, shape)
      if let previous {
        weights.multiply(
          rows: rows.count, previous.pointer, previous.stride, states + (first &* steps &+ step) &* units,
          steps &* units, accumulates: true)
      }
      for row in rows {
        let state = states + (row &* steps &+ step) &* units
        if start.counts(row, time, shape) {
          activation.apply(state, units)
        } else {
          copyRow(previous.map { $0.pointer + (row &- first) &* $0.stride }, state, units)
        }
      }
    }
    for row in rows {
      copyRow(states + (row &* steps &+ steps &- 1) &* units, lastState + row &* units, units)
    }
  }
}

/// The gradient of `simpleRNNForward` back through time. `dProjected` and `previous` (the state that each step began
/// with) are (N, T, units) in the order of the inputs, `dState` (N, units); gradients that are nil are zero.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func simpleRNNBackward<T: KernelScalar>(
  dStates: UnsafePointer<T>?, dLastState: UnsafePointer<T>?, states: UnsafePointer<T>,
  recurrentKernel: UnsafePointer<T>, start: RecurrentStart<T>, dProjected: UnsafeMutablePointer<T>,
  previous: UnsafeMutablePointer<T>, dState: UnsafeMutablePointer<T>, packed: UnsafeMutablePointer<T>,
  shape: RecurrentShape, activation: RecurrentActivation
) {
  T.requireSpecialization()
  let weights = PackedMatrix(
    recurrentKernel, rowStride: shape.units, isTransposed: true, depth: shape.units, columns: shape.units, into: packed)
  parallel(shape.blocks, (dStates, dLastState, states, start, dProjected, previous, dState, weights, shape, activation))
  { context, block in
    let (dStates, dLastState, states, start, dProjected, previous, dState, weights, shape, activation) = context
    let (units, steps, rows) = (shape.units, shape.steps, shape.rows(ofBlock: block))
    for row in rows { copyRow(dLastState.map { $0 + row &* units }, dState + row &* units, units) }
    for step in (0..<steps).reversed() {
      let time = shape.time(step)
      for row in rows {
        let (inputPosition, position) = ((row &* steps &+ time) &* units, (row &* steps &+ step) &* units)
        let dh = dState + row &* units
        if let dStates { forEachVector(Added(to: dh, dStates + position), units) }
        let old = start.state.map { $0 + row &* units }
        copyRow(step > 0 ? states + (position &- units) : old, previous + inputPosition, units)
        if start.counts(row, time, shape) {
          let work = ThroughActivation(
            dState: dh, state: states + position, dProjected: dProjected + inputPosition, activation: activation)
          forEachVector(work, units)
        } else {
          copyRow(nil, dProjected + inputPosition, units)
        }
      }
      // The gradient of samples that this step left alone stays; that of the others was set to 0.
      let first = rows.lowerBound
      weights.multiply(
        rows: rows.count, UnsafePointer(dProjected + (first &* steps &+ time) &* units), steps &* units,
        dState + first &* units, units, accumulates: true)
    }
  }
}

private struct ThroughActivation<Scalar: KernelScalar>: LaneWork {
  let dState: UnsafeMutablePointer<Scalar>
  let state: UnsafePointer<Scalar>
  let dProjected: UnsafeMutablePointer<Scalar>
  let activation: RecurrentActivation

  @inline(__always)
  func callAsFunction(_ j: Int, _ count: Int) {
    dProjected.storeLanes(
      activation.backward(Scalar.self, dState.lanes(j, count), state.lanes(j, count)), j, count)
    dState.storeLanes(Scalar.Vector(), j, count)
  }
}
