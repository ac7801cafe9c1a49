import Parallel

/// Reductions other than sums.
public enum ReductionOperation: UInt8, CaseIterable, Sendable {
  case max, min, product
}

/// y = max, min or product of x over the reduced extents. NaN wins over every number; an empty product is 1, and the
/// caller sees to it that extrema are not empty.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reduce<T: KernelScalar>(
  _ operation: ReductionOperation, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: ReductionPlan
) {
  switch operation {
  case .max: fold(x, y, plan, -T.infinity) { $1 > $0 || $1 != $1 ? $1 : $0 }
  case .min: fold(x, y, plan, T.infinity) { $1 < $0 || $1 != $1 ? $1 : $0 }
  case .product: fold(x, y, plan, 1) { $0 * $1 }
  }
}

@inline(__always)
private func fold<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: ReductionPlan, _ start: T, _ combine: (T, T) -> T
) {
  for k in 0..<plan.outerKept {
    let out = y + k &* plan.innerKept
    for c in 0..<plan.innerKept { out[c] = start }
    for r in 0..<plan.outerReduced {
      let block = x + (k &* plan.outerReduced &+ r) &* plan.innerKept &* plan.innerReduced
      for c in 0..<plan.innerKept {
        let run = block + c &* plan.innerReduced
        var result = out[c]
        for s in 0..<plan.innerReduced { result = combine(result, run[s]) }
        out[c] = result
      }
    }
  }
}

/// out = any (or all) of bytes where nonzero is true; empty: false (true).
public func reduceLogical(
  isAll: Bool, _ x: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<UInt8>, _ plan: ReductionPlan
) {
  for output in 0..<plan.outputCount {
    let (k, c) = (output / plan.innerKept, output % plan.innerKept)
    var result = isAll
    for r in 0..<plan.outerReduced {
      let run = x + ((k &* plan.outerReduced &+ r) &* plan.innerKept &+ c) &* plan.innerReduced
      for s in 0..<plan.innerReduced { result = isAll ? result && run[s] != 0 : result || run[s] != 0 }
    }
    y[output] = result ? 1 : 0
  }
}

/// Index of the first largest (or smallest) element of x (outer, n, inner) along n; NaN counts as the extremum.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func argExtremum<T: KernelScalar>(
  isMaximum: Bool, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, outer: Int, n: Int, inner: Int
) {
  for o in 0..<outer {
    for i in 0..<inner {
      let run = x + (o &* n &* inner &+ i)
      var (best, position) = (run[0], 0)
      var index = 1
      while index < n && best == best {
        let value = run[index &* inner]
        if value != value || (isMaximum ? value > best : value < best) { (best, position) = (value, index) }
        index &+= 1
      }
      y[o &* inner &+ i] = Int64(position)
    }
  }
}

/// The adjoint of a sum: x (K, R, C, S) gets scale · y (K, C) in every reduced place.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func expand<T: KernelScalar>(
  _ y: UnsafePointer<T>, _ x: UnsafeMutablePointer<T>, _ plan: ReductionPlan, scale: T
) {
  for k in 0..<plan.outerKept {
    let from = y + k &* plan.innerKept
    for r in 0..<plan.outerReduced {
      let block = x + (k &* plan.outerReduced &+ r) &* plan.innerKept &* plan.innerReduced
      if plan.innerReduced == 1 {
        for c in 0..<plan.innerKept { block[c] = from[c] * scale }
      } else {
        for c in 0..<plan.innerKept {
          let value = from[c] * scale
          let run = block + c &* plan.innerReduced
          for s in 0..<plan.innerReduced { run[s] = value }
        }
      }
    }
  }
}
