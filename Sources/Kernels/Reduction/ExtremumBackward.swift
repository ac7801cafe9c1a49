import Parallel

/// The adjoint of a maximum or minimum `y = reduce(.max or .min, x)`: `dx = x == y ? dy / ties : 0`, where ties is how
/// many elements of the group equal y, as JAX divides it. Where y is NaN the group's NaNs share the gradient.
/// dx may equal x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reduceMaxBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>,
  _ plan: ReductionPlan
) {
  guard plan.keptCount > 0, plan.reducedCount > 0 else { return }
  let length = plan.innerIsReduced ? 1 : plan.innerExtent
  let perChunk = max(1, elementwiseChunk / (plan.reducedCount &* length))
  let chunks = (plan.kept.count &+ perChunk &- 1) / perChunk
  let scratchBytes = length &* MemoryLayout<T>.stride
  parallel(chunks, scratchBytes: scratchBytes, (dy, x, y, dx, plan, perChunk)) { context, chunk, scratch in
    let (dy, x, y, dx, plan, perChunk) = context
    let shares = scratch.assumingMemoryBound(to: T.self)
    for outer in chunk &* perChunk..<min(plan.kept.count, (chunk &+ 1) &* perChunk) {
      let offset = plan.kept.offset(outer)
      if plan.innerIsReduced {
        shareRuns(dy[outer], x + offset, y[outer], dx + offset, plan)
      } else {
        let first = outer &* plan.innerExtent
        shareColumns(dy + first, x + offset, y + first, dx + offset, shares, plan)
      }
    }
  }
}

@inline(__always)
private func isTie<T: KernelScalar>(_ x: T, _ y: T) -> Bool { x == y || (x != x && y != y) }

/// One output whose elements lie in runs.
@inline(__always)
private func shareRuns<T: KernelScalar>(
  _ dy: T, _ x: UnsafePointer<T>, _ y: T, _ dx: UnsafeMutablePointer<T>, _ plan: ReductionPlan
) {
  var ties = 0
  for index in 0..<plan.reduced.count {
    let run = x + plan.reduced.offset(index)
    for i in 0..<plan.innerExtent { ties &+= isTie(run[i], y) ? 1 : 0 }
  }
  let share = dy / T(ties)
  for index in 0..<plan.reduced.count {
    let offset = plan.reduced.offset(index)
    let (run, out) = (x + offset, dx + offset)
    for i in 0..<plan.innerExtent { out[i] = isTie(run[i], y) ? share : 0 }
  }
}

/// A row of outputs; `shares` first counts the ties of each column.
@inline(__always)
private func shareColumns<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>,
  _ shares: UnsafeMutablePointer<T>, _ plan: ReductionPlan
) {
  let length = plan.innerExtent
  for i in 0..<length { shares[i] = 0 }
  for index in 0..<plan.reduced.count {
    let row = x + plan.reduced.offset(index)
    for i in 0..<length { shares[i] += isTie(row[i], y[i]) ? 1 : 0 }
  }
  for i in 0..<length { shares[i] = dy[i] / shares[i] }
  for index in 0..<plan.reduced.count {
    let offset = plan.reduced.offset(index)
    let (row, out) = (x + offset, dx + offset)
    for i in 0..<length { out[i] = isTie(row[i], y[i]) ? shares[i] : 0 }
  }
}
