import Parallel

/// Batch normalization in training with max pooling behind, in one pass over x after that for the statistics.
///
///     z = gamma * (x - mean) / sqrt(variance + epsilon) + beta, then max(0, z) if `relu`; y = max z of each window
///
/// A window's largest z is that of its largest x, or of its smallest where gamma < 0; so `picked`, if given, gets that
/// x, which is all that `batchNormMaxPooling2DBackward` needs of z. NaN in a window gives NaN.
///
/// `x` [N, H, W, C]; `y` and `picked` [N, outHeight, outWidth, C]; `gamma` (nil: 1), `beta` (nil: 0) and the statistics
/// [C], as `batchNormForward` gives them; `coefficients` is scratch for 2·C numbers. Every window must hold a pixel.
/// Nothing may overlap.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormMaxPooling2D<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, y: UnsafeMutablePointer<T>,
  picked: UnsafeMutablePointer<T>?, mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>?,
  inverseStd: UnsafeMutablePointer<T>, coefficients: UnsafeMutablePointer<T>, shape: PoolingShape, epsilon: Double,
  relu: Bool
) {
  T.requireSpecialization()
  let (scale, offset) = (coefficients, coefficients + shape.channels)
  batchNormStatistics(
    x: x, gamma: gamma, beta: beta, mean: mean, variance: variance, inverseStd: inverseStd, scale: scale,
    offset: offset, shape: shape.normalization, epsilon: epsilon)
  let work = PickedWindows(
    x: x, mean: UnsafePointer(mean), scale: UnsafePointer(scale), offset: UnsafePointer(offset), y: y,
    picked: picked ?? y, shape: shape)
  switch (relu, picked != nil) {
  case (false, false): pickRows(work, No.self, No.self)
  case (false, true): pickRows(work, No.self, Yes.self)
  case (true, false): pickRows(work, Yes.self, No.self)
  case (true, true): pickRows(work, Yes.self, Yes.self)
  }
}

/// Batch normalization at inference with max pooling behind, in one pass.
///
///     z = gamma * (x - movingMean) / sqrt(movingVariance + epsilon) + beta, then max(0, z) if `relu`
///     y = max z of each window
///
/// Arguments as those of `batchNormMaxPooling2D` and `batchNormInference`. Windows may overlap.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormInferenceMaxPooling2D<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, movingMean: UnsafePointer<T>,
  movingVariance: UnsafePointer<T>, y: UnsafeMutablePointer<T>, coefficients: UnsafeMutablePointer<T>,
  shape: PoolingShape, epsilon: Double, relu: Bool
) {
  T.requireSpecialization()
  let (scale, offset) = (coefficients, coefficients + shape.channels)
  formScales(movingVariance, gamma, scale, shape.channels, epsilon)
  for c in 0..<shape.channels { offset[c] = beta.map { $0[c] } ?? 0 }
  let work = PickedWindows(
    x: x, mean: movingMean, scale: UnsafePointer(scale), offset: UnsafePointer(offset), y: y, picked: y, shape: shape)
  if relu { pickRows(work, Yes.self, No.self) } else { pickRows(work, No.self, No.self) }
}

extension PoolingShape {
  /// The input as normalization sees it.
  var normalization: NormalizationShape {
    NormalizationShape(outer: n &* height &* width, channels: channels, inner: 1)
  }

  /// Rows of windows that one chunk of work takes.
  var rowsPerChunk: Int { max(1, 32_768 / max(1, poolHeight &* width &* channels)) }
}

private struct PickedWindows<T: KernelScalar> {
  let x, mean, scale, offset: UnsafePointer<T>
  let y, picked: UnsafeMutablePointer<T>
  let shape: PoolingShape
}

@inline(__always)
private func pickRows<T: KernelScalar, Relu: Flag, Keeps: Flag>(
  _ work: PickedWindows<T>, _ relu: Relu.Type, _ keeps: Keeps.Type
) {
  let shape = work.shape
  if shape.outputCount == 0 { return }
  let rows = shape.n &* shape.outHeight
  let perChunk = shape.rowsPerChunk
  parallel((rows &+ perChunk &- 1) / perChunk, (work, perChunk)) { context, chunk in
    let (work, perChunk) = context
    let lanes = T.Vector.scalarCount
    let channels = work.shape.channels
    for row in chunk &* perChunk..<min((chunk &+ 1) &* perChunk, work.shape.n &* work.shape.outHeight) {
      var c = 0
      while c &+ lanes <= channels {
        pickRow(work, row, c, WholeVector(), Relu.self, Keeps.self)
        c &+= lanes
      }
      if c < channels { pickRow(work, row, c, PartVector(count: channels &- c), Relu.self, Keeps.self) }
    }
  }
}

/// One row of windows for one vector of channels, whose coefficients stay in registers.
@inline(never)
private func pickRow<T: KernelScalar, R: VectorReach, Relu: Flag, Keeps: Flag>(
  _ work: PickedWindows<T>, _ row: Int, _ c: Int, _ reach: R, _ relu: Relu.Type, _ keeps: Keeps.Type
) {
  let shape = work.shape
  let (channels, line) = (shape.channels, shape.width &* shape.channels)
  let zero = T.Vector.zero
  let center = reach.load(work.mean, c, else: zero)
  let (scale, offset) = (reach.load(work.scale, c, else: zero), reach.load(work.offset, c, else: zero))
  // The smallest of numbers is the largest of their negatives.
  let sign = T.select(zero, greaterThan: scale, T.Vector(repeating: -1), else: T.Vector(repeating: 1))
  let size = scale * sign
  let (top, bottom) = shape.rows(row % shape.outHeight)
  let start = (row / shape.outHeight &* shape.height &+ top) &* line &+ c
  var out = row &* shape.outWidth &* channels &+ c
  for j in 0..<shape.outWidth {
    let (left, right) = shape.columns(j)
    let corner = start &+ left &* channels
    var best: T.Vector
    if bottom &- top == 2 && right &- left == 2 {
      let upper = T.largerLanes(
        reach.load(work.x, corner, else: zero) * sign, reach.load(work.x, corner &+ channels, else: zero) * sign)
      let lower = T.largerLanes(
        reach.load(work.x, corner &+ line, else: zero) * sign,
        reach.load(work.x, corner &+ line &+ channels, else: zero) * sign)
      best = T.largerLanes(upper, lower)
    } else {
      best = reach.load(work.x, corner, else: zero) * sign
      for h in 0..<bottom &- top {
        for w in 0..<right &- left {
          best = T.largerLanes(best, reach.load(work.x, corner &+ h &* line &+ w &* channels, else: zero) * sign)
        }
      }
    }
    // Among equal z the first pixel counts; NaN stays.
    let first = reach.load(work.x, corner, else: zero)
    best = T.select(size, greaterThan: zero, best * sign, else: first + (best - best))
    if Keeps.isSet { reach.store(best, work.picked, out) }
    let value = T.multiplyAdd(best - center, scale, offset)
    reach.store(Relu.isSet ? T.maximum(zero, value) : value, work.y, out)
    out &+= channels
  }
}
