import Parallel

/// Functions of all elements along some axes.
public enum ReductionOperation: UInt8, CaseIterable, Sendable {
  case sum, mean, max, min, product
}

/// `y[kept] = op over the reduced axes of x[kept, reduced]`; y is dense and does not overlap x.
///
/// Sums add at most 2,048 elements in T before they go on in Double, so that the error does not grow with their number.
/// Over nothing, a sum is 0, a product 1 and a mean NaN; callers reject empty maxima and minima. A NaN among the
/// elements gives NaN.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reduce<T: KernelScalar>(
  _ op: ReductionOperation, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: ReductionPlan
) {
  typealias Output = FloatOutput<T>
  switch op {
  case .sum: runReduction(LaneReducer<Reductions.Sum, T>.self, Output.self, x, y, plan, divisor: 1)
  case .mean:
    runReduction(LaneReducer<Reductions.Sum, T>.self, Output.self, x, y, plan, divisor: Double(plan.reducedCount))
  case .max: runReduction(LaneReducer<Reductions.Max, T>.self, Output.self, x, y, plan, divisor: 1)
  case .min: runReduction(LaneReducer<Reductions.Min, T>.self, Output.self, x, y, plan, divisor: 1)
  case .product: runReduction(ProductReducer<T>.self, Output.self, x, y, plan, divisor: 1)
  }
}

/// `y[kept] = 1` if any of the elements is non-zero, else 0 (also over nothing).
public func reduceAny(_ x: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<UInt8>, _ plan: ReductionPlan) {
  runReduction(AnyReducer.self, TruthOutput.self, x, y, plan, divisor: 1)
}

/// `y[kept] = 1` if all of the elements are non-zero (also over nothing), else 0.
public func reduceAll(_ x: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<UInt8>, _ plan: ReductionPlan) {
  runReduction(AllReducer.self, TruthOutput.self, x, y, plan, divisor: 1)
}

/// `Σ x[i]²` over n elements, squared and added in Double: neither overflows nor loses small values.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func sumOfSquares<T: KernelScalar>(_ x: UnsafePointer<T>, _ n: Int) -> Double {
  let chunks = elementwiseChunks(n)
  let partial = sharedScratch(bytes: chunks &* MemoryLayout<Double>.stride).assumingMemoryBound(to: Double.self)
  parallel(chunks, (x, n, partial)) { context, chunk in
    let (x, n, partial) = context
    let start = chunk &* elementwiseChunk
    partial[chunk] = sumOfSquaresRun(x + start, min(elementwiseChunk, n &- start))
  }
  var total = 0.0
  for chunk in 0..<chunks { total += partial[chunk] }
  return total
}

@inline(__always)
private func sumOfSquaresRun<T: KernelScalar>(_ x: UnsafePointer<T>, _ n: Int) -> Double {
  let width = T.Vector.scalarCount
  var a = DoubleVector(repeating: 0)
  var b = a
  var i = 0
  if T.self == Double.self {
    while i &+ 2 &* width <= n {
      let (low, high) = (x.vector(at: i), x.vector(at: i &+ width))
      let (p, q) = (unsafeBitCast(low, to: DoubleVector.self), unsafeBitCast(high, to: DoubleVector.self))
      a = Double.multiplyAdd(p, p, a)
      b = Double.multiplyAdd(q, q, b)
      i &+= 2 &* width
    }
  } else {
    while i &+ width <= n {
      let (p, q) = widened(x.vector(at: i), T.self)
      a = Double.multiplyAdd(p, p, a)
      b = Double.multiplyAdd(q, q, b)
      i &+= width
    }
  }
  a += b
  var total = 0.0
  for lane in 0..<DoubleVector.scalarCount { total += a[lane] }
  while i < n {
    total += Double(x[i]) * Double(x[i])
    i &+= 1
  }
  return total
}

/// The adjoint of a sum: `out[kept, reduced] = scale · g[kept]` (scale = 1/reducedCount for a mean). g and out do not
/// overlap.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func broadcastTo<T: KernelScalar>(
  _ g: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>, _ plan: ReductionPlan, scale: T
) {
  withUnsafePointer(to: scale) {
    runBroadcast(VectorKernel(f: BinaryFunctions.Multiply<T>()), g, $0, out, plan.broadcast)
  }
}
