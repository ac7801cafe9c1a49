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
  T.requireSpecialization()
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

/// The adjoint of a sum: `out[kept, reduced] = scale · g[kept]` (scale = 1/reducedCount for a mean). g and out do not
/// overlap.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func broadcastTo<T: KernelScalar>(
  _ g: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>, _ plan: ReductionPlan, scale: T
) {
  T.requireSpecialization()
  withUnsafePointer(to: scale) {
    runBroadcast(VectorKernel(f: BinaryFunctions.Multiply<T>()), g, $0, out, plan.broadcast)
  }
}
