import Parallel

/// Batch normalization of a training step: y = γ·(x - μ)/√(σ² + ε) + β with the mean μ and the biased variance σ² of
/// each channel of x, then max(0, ·) if `relu`.
///
/// Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithm 1. γ defaults to 1, β to 0. Writes mean, variance (if wanted) and
/// 1/√(σ² + ε), each (C,). y may be equal to x. A constant channel has variance exactly 0 and y = β. NaN or infinity in
/// a channel gives NaN statistics of that channel only. Without values the statistics are 0 and 1/√ε.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormForward<T: KernelScalar>(
  _ x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, _ y: UnsafeMutablePointer<T>,
  mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>?, inverseStd: UnsafeMutablePointer<T>,
  _ shape: NormalizationShape, epsilon: Double, relu: Bool
) {
  if shape.channels == 0 { return }
  let layout = Scratch(shape, T.self)
  let scratch = sharedScratch(bytes: layout.bytes)
  let statistics = scratch.assumingMemoryBound(to: Double.self)
  let k = layout.coefficients(scratch, T.self)
  if shape.count > 0 {
    channelMoments(x, statistics, shape, scratch: scratch + layout.partialOffset)
  } else {
    for c in 0..<(2 &* shape.channels) { statistics[c] = 0 }
  }
  for c in 0..<shape.channels {
    let (mu, sigma2) = (statistics[c], statistics[shape.channels &+ c])
    let inverse = 1 / (sigma2 + epsilon).squareRoot()
    mean[c] = T(mu)
    variance?[c] = T(sigma2)
    inverseStd[c] = T(inverse)
    let scale = inverse * (gamma.map { Double($0[c]) } ?? 1)
    k.m[c] = T(mu)
    k.a[c] = T(scale)
    k.b[c] = T((beta.map { Double($0[c]) } ?? 0) - (mu - Double(k.m[c])) * scale)
  }
  affine(x, y, shape, k, relu: relu)
}

/// Mean and biased variance of each channel, (C,) each.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>, _ shape: NormalizationShape
) {
  if shape.channels == 0 { return }
  let layout = Scratch(shape, T.self)
  let scratch = sharedScratch(bytes: layout.bytes)
  let statistics = scratch.assumingMemoryBound(to: Double.self)
  for c in 0..<(2 &* shape.channels) { statistics[c] = 0 }
  if shape.count > 0 { channelMoments(x, statistics, shape, scratch: scratch + layout.partialOffset) }
  for c in 0..<shape.channels {
    mean[c] = T(statistics[c])
    variance[c] = T(statistics[shape.channels &+ c])
  }
}

/// y = γ·(x - moving mean)/√(moving variance + ε) + β, then max(0, ·) if `relu`. y may be equal to x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormInference<T: KernelScalar>(
  _ x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, movingMean: UnsafePointer<T>,
  movingVariance: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: NormalizationShape, epsilon: Double,
  relu: Bool
) {
  if shape.channels == 0 { return }
  let layout = Scratch(shape, T.self)
  let k = layout.coefficients(sharedScratch(bytes: layout.bytes), T.self)
  for c in 0..<shape.channels {
    k.m[c] = movingMean[c]
    k.a[c] = T((gamma.map { Double($0[c]) } ?? 1) / (Double(movingVariance[c]) + epsilon).squareRoot())
    k.b[c] = beta.map { $0[c] } ?? 0
  }
  affine(x, y, shape, k, relu: relu)
}

/// Rows of coefficients, one value per channel, repeated up to the width of a wide row (`ColumnTiling`).
struct Coefficients<T> {
  let m, a, b, p: UnsafeMutablePointer<T>
  let width: Int

  /// Repeats the first `channels` values of every row.
  @inline(__always)
  func spread(channels: Int) {
    for position in channels..<Swift.max(width, channels) {
      m[position] = m[position &- channels]
      a[position] = a[position &- channels]
      b[position] = b[position &- channels]
      p[position] = p[position &- channels]
    }
  }
}

/// How scratch is laid out: statistics (Doubles), coefficients (one wide row each), partial sums.
struct Scratch {
  let partialOffset: Int
  let bytes: Int
  private let coefficientOffset: Int
  private let width: Int

  init<T: KernelScalar>(_ shape: NormalizationShape, _: T.Type, partialSums: Int = 2) {
    let tiling = ColumnTiling(
      rows: shape.outer, channels: Swift.max(shape.channels, 1), lanes: T.Vector.scalarCount)
    width = shape.inner == 1 ? Swift.max(tiling.width, shape.channels) : shape.channels
    coefficientOffset = (partialSums &* shape.channels &* 8 &+ 63) & ~63
    partialOffset = (coefficientOffset &+ 4 &* width &* MemoryLayout<T>.stride &+ 63) & ~63
    let partials = shape.inner == 1 ? tiling.chunks &* tiling.width &* 8 &* partialSums &+ 64 : 0
    bytes = partialOffset &+ partials &+ width &* MemoryLayout<T>.stride
  }

  @inline(__always)
  func coefficients<T: KernelScalar>(_ scratch: UnsafeMutableRawPointer, _: T.Type) -> Coefficients<T> {
    let first = (scratch + coefficientOffset).assumingMemoryBound(to: T.self)
    return Coefficients(m: first, a: first + width, b: first + 2 &* width, p: first + 3 &* width, width: width)
  }
}
