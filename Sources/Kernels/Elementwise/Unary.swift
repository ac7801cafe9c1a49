import Parallel

/// Functions of one floating-point array. `round` rounds half to even.
public enum UnaryOperation: UInt8, CaseIterable, Sendable {
  case negative, abs, sign, square, sqrt, rsqrt, reciprocal, exp, expm1, log, log1p, tanh, sigmoid, relu, softplus, silu
  case mish, gelu, approximateGelu, erf, sin, cos, arctan, floor, ceil, round
}

/// `y[i] = op(x[i])` for `0 ≤ i < n`; y may equal x.
///
/// Edge values are NumPy's: NaN gives NaN (also in sign and relu), sqrt(-1) = NaN, log(0) = -inf, 1/±0 = ±inf.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func unary<T: KernelScalar>(
  _ op: UnaryOperation, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int
) {
  T.requireSpecialization()
  typealias F = UnaryFunctions
  switch op {
  case .negative: parallelMap(F.Negative<T>(), x, y, n)
  case .abs: parallelMap(F.Abs<T>(), x, y, n)
  case .sign: parallelMap(F.Sign<T>(), x, y, n)
  case .square: parallelMap(F.Square<T>(), x, y, n)
  case .sqrt: parallelMap(F.Sqrt<T>(), x, y, n)
  case .rsqrt: parallelMap(F.Rsqrt<T>(), x, y, n)
  case .reciprocal: parallelMap(F.Reciprocal<T>(), x, y, n)
  case .exp: parallelMap(F.Exp<T>(), x, y, n)
  case .expm1: parallelMap(F.Expm1<T>(), x, y, n)
  case .log: parallelMap(F.Log<T>(), x, y, n)
  case .log1p: parallelMap(F.Log1p<T>(), x, y, n)
  case .tanh: parallelMap(F.Tanh<T>(), x, y, n)
  case .sigmoid: parallelMap(F.Sigmoid<T>(), x, y, n)
  case .relu: parallelMap(F.Relu<T>(), x, y, n)
  case .softplus: softplus(x, y, n)
  case .silu: parallelMap(F.Silu<T>(), x, y, n)
  case .mish: parallelMap(F.Mish<T>(), x, y, n)
  case .gelu: parallelMap(F.Gelu<T>(), x, y, n)
  case .approximateGelu: parallelMap(F.ApproximateGelu<T>(), x, y, n)
  case .erf: parallelMap(F.Erf<T>(), x, y, n)
  case .sin: parallelMap(F.Sin<T>(), x, y, n)
  case .cos: parallelMap(F.Cos<T>(), x, y, n)
  case .arctan: parallelMap(F.Arctan<T>(), x, y, n)
  case .floor: parallelMap(F.Floor<T>(), x, y, n)
  case .ceil: parallelMap(F.Ceil<T>(), x, y, n)
  case .round: parallelMap(F.Round<T>(), x, y, n)
  }
}

/// `y = x > 0 ? x : slope · x`; y may equal x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func leakyRelu<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int, slope: T
) {
  T.requireSpecialization()
  parallelMap(UnaryFunctions.LeakyRelu(slope: slope), x, y, n)
}

/// `y = min(max(x, low), high)`; y may equal x. NaN stays NaN; `high` wins when `low > high`, as in NumPy.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func clip<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int, low: T, high: T
) {
  T.requireSpecialization()
  parallelMap(UnaryFunctions.Clip(low: low, high: high), x, y, n)
}

/// max(x, 0) + log(1 + exp(-|x|)): no overflow, and exact in both tails. Three passes over blocks that stay in the
/// first cache: exp and log1p in one loop are too much for the compiler, which then splits the vectors (measured: 3
/// times slower).
@inline(__always)
private func softplus<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int) {
  let block = 1024
  parallel(elementwiseChunks(n), scratchBytes: block &* MemoryLayout<T>.stride, (x, y, n)) { context, chunk, scratch in
    let (x, y, n) = context
    let block = 1024
    let e = scratch.assumingMemoryBound(to: T.self)
    var start = chunk &* elementwiseChunk
    let end = min(n, start &+ elementwiseChunk)
    while start < end {
      let count = min(block, end &- start)
      leafRun(UnaryFunctions.ExpOfMinusAbs<T>(), x + start, e, count)
      leafRun(UnaryFunctions.Log1p<T>(), UnsafePointer(e), e, count)
      leafRun(UnaryFunctions.PositivePlus<T>(), x + start, UnsafePointer(e), y + start, count)
      start &+= count
    }
  }
}
