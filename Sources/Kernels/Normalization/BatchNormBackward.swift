/// What rounding took from the means: the mean of x - mean of each channel.
private struct ResidualJob<T: KernelScalar>: NormalizationJob {
  typealias Term = MomentTerm<T>
  typealias Map = AffineMap<T, No>

  let x, mean: UnsafePointer<T>
  let residuals: UnsafeMutablePointer<T>
  let count: Double

  @inline(__always) static var hasSums: Bool { true }
  @inline(__always) static var tensors: Int { 1 }
  @inline(__always) var hasMap: Bool { false }
  @inline(__always) static var sumRows: Int { 1 }
  @inline(__always) static var mapRows: Int { 1 }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> MomentTerm<T> { MomentTerm(x: x, table: table) }
  @inline(__always) func map(_ table: CoefficientTable<T>) -> AffineMap<T, No> {
    AffineMap(x: x, y: residuals, table: table)
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    for column in 0..<channels.count {
      table[CoefficientTable<T>.center][column] = mean[channels.lowerBound &+ column]
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool {
    for column in 0..<channels.count { residuals[channels.lowerBound &+ column] = T(sums.first[column] / count) }
    return false
  }
}

/// Gradient of the normalization by the batch's own statistics.
private struct BackwardJob<T: KernelScalar, Mask: ReluMask>: NormalizationJob {
  typealias Term = GradientTerm<T, Mask>
  typealias Map = GradientMap<T, Mask>

  let dy, x: UnsafePointer<T>
  let y: UnsafePointer<T>?
  let gamma: UnsafePointer<T>?
  let mean, inverseStd: UnsafePointer<T>
  let dx, dgamma, dbeta: UnsafeMutablePointer<T>?
  let count: Double
  /// dgamma holds what `ResidualJob` found, until it is written.
  var hasResiduals = false
  /// dx = g * scale + (x - mean) * slope + constant, for who maps elsewhere.
  var scale, slope, constant: UnsafeMutablePointer<T>?

  @inline(__always) static var hasSums: Bool { true }
  @inline(__always) static var tensors: Int { Mask.usesOutput ? 4 : 3 }
  @inline(__always) var hasMap: Bool { dx != nil }
  @inline(__always) static var sumRows: Int { 1 }
  @inline(__always) static var mapRows: Int { 5 }
  @inline(__always) func source(_ table: CoefficientTable<T>) -> GradientSource<T, Mask> {
    GradientSource(dy: dy, x: x, y: y ?? dy, table: table)
  }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> GradientTerm<T, Mask> {
    GradientTerm(source: source(table))
  }
  @inline(__always) func map(_ table: CoefficientTable<T>) -> GradientMap<T, Mask> {
    GradientMap(source: source(table), dx: dx.unsafelyUnwrapped)
  }

  @inline(__always)
  func factor(_ channel: Int) -> Double {
    Double(inverseStd[channel]) * (gamma.map { Double($0[channel]) } ?? 1)
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      table[CoefficientTable<T>.center][column] = mean[channel]
      table[CoefficientTable<T>.scale][column] = T(factor(channel))
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool {
    let share = 1 / count
    let (slopes, constants) = (table[CoefficientTable<T>.slope], table[CoefficientTable<T>.constant])
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      // The true deviations are smaller by the residual.
      let residual = hasResiduals ? dgamma.map { Double($0[channel]) } ?? 0 : 0
      let first = sums.first[column]
      let second = sums.second[column] - residual * first
      let inverse = Double(inverseStd[channel])
      if let dbeta { dbeta[channel] = T(first) }
      if let dgamma { dgamma[channel] = T(second * inverse) }
      let part = factor(channel) * share
      let exactSlope = -part * inverse * inverse * second
      slopes[column] = T(exactSlope)
      constants[column] = T(-part * first - exactSlope * residual)
      if let scale { scale[channel] = T(factor(channel)) }
      if let slope { slope[channel] = slopes[column] }
      if let constant { constant[channel] = constants[column] }
    }
    return false
  }
}

/// For some channel, |mean| is more than 8 times the distance between samples of x; `inverseStd` tells where this need
/// not be looked at.
@inline(never)
private func someMeanDwarfsItsDeviations<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ mean: UnsafePointer<T>, _ inverseStd: UnsafePointer<T>, _ shape: NormalizationShape
) -> Bool {
  let count = Swift.min(8, shape.channelCount)
  for channel in 0..<shape.channels where abs(mean[channel]) * inverseStd[channel] > 4 {
    var (low, high) = (mean[channel], mean[channel])
    for sample in 0..<count {
      let index = shape.channelCount &* sample / count
      let outer = index / shape.inner
      let value = x[(outer &* shape.channels &+ channel) &* shape.inner &+ index &- outer &* shape.inner]
      low = Swift.min(low, value)
      high = Swift.max(high, value)
    }
    if abs(mean[channel]) > 8 * (high - low) { return true }
  }
  return false
}

/// Gradients of `batchNormForward` without ReLU, through the statistics as well.
///
///     dbeta = Σ dy, dgamma = Σ dy x̂ with x̂ = (x - mean) inverseStd
///     dx = gamma inverseStd (dy - dbeta / n - x̂ dgamma / n), n = outer * inner
///
/// `dy`, `x` and `dx` are [outer][C][inner], all others [C]; `mean` and `inverseStd` are those that the forward pass
/// wrote. `dx` may equal `dy` or `x`. Outputs that are nil are not computed. Without elements, dgamma and dbeta are 0.
///
/// Where a mean is so large against its deviation that its rounding matters, a first pass over x finds what rounding took
/// (if there is a dgamma, whose memory serves for it).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?, mean: UnsafePointer<T>,
  inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>?, dgamma: UnsafeMutablePointer<T>?,
  dbeta: UnsafeMutablePointer<T>?, shape: NormalizationShape
) {
  T.requireSpecialization()
  runBackward(
    BackwardJob<T, NoMask>(
      dy: dy, x: x, y: nil, gamma: gamma, mean: mean, inverseStd: inverseStd, dx: dx, dgamma: dgamma, dbeta: dbeta,
      count: Double(shape.channelCount)), shape)
}

@inline(__always)
private func runBackward<T: KernelScalar, Mask: ReluMask>(
  _ job: BackwardJob<T, Mask>, _ shape: NormalizationShape
) {
  var job = job
  if let dgamma = job.dgamma { job.hasResiduals = findResiduals(job.x, job.mean, job.inverseStd, dgamma, shape) }
  runNormalization(job, shape)
}

/// Writes what rounding took from the means to `residuals` if it matters for some channel; says whether.
@inline(__always)
func findResiduals<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ mean: UnsafePointer<T>, _ inverseStd: UnsafePointer<T>,
  _ residuals: UnsafeMutablePointer<T>, _ shape: NormalizationShape
) -> Bool {
  guard shape.channelCount > 0, someMeanDwarfsItsDeviations(x, mean, inverseStd, shape) else { return false }
  runNormalization(ResidualJob(x: x, mean: mean, residuals: residuals, count: Double(shape.channelCount)), shape)
  return true
}

/// The sums of `batchNormBackward` over the few elements that have a gradient, and what its dx is made of:
/// g * scale + (x - mean) * slope + constant. With `relu`, g = 0 where `picked` is infinite.
///
/// `dy` and `picked` (their x) are of `pickedShape`, `x` is of `shape` and looked at for its residuals only.
@inline(__always)
func batchNormBackwardSums<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, picked: UnsafePointer<T>, gamma: UnsafePointer<T>?,
  mean: UnsafePointer<T>, inverseStd: UnsafePointer<T>, dgamma: UnsafeMutablePointer<T>, dbeta: UnsafeMutablePointer<T>,
  scale: UnsafeMutablePointer<T>, slope: UnsafeMutablePointer<T>, constant: UnsafeMutablePointer<T>,
  shape: NormalizationShape, pickedShape: NormalizationShape, relu: Bool
) {
  let count = Double(shape.channelCount)
  let hasResiduals = findResiduals(x, mean, inverseStd, dgamma, shape)
  if relu {
    let job = BackwardJob<T, MaskFromPicked>(
      dy: dy, x: picked, y: nil, gamma: gamma, mean: mean, inverseStd: inverseStd, dx: nil, dgamma: dgamma,
      dbeta: dbeta, count: count, hasResiduals: hasResiduals, scale: scale, slope: slope, constant: constant)
    runNormalization(job, pickedShape)
  } else {
    let job = BackwardJob<T, NoMask>(
      dy: dy, x: picked, y: nil, gamma: gamma, mean: mean, inverseStd: inverseStd, dx: nil, dgamma: dgamma,
      dbeta: dbeta, count: count, hasResiduals: hasResiduals, scale: scale, slope: slope, constant: constant)
    runNormalization(job, pickedShape)
  }
}

/// Gradients of `batchNormForward` with ReLU: `batchNormBackward` of dy where y > 0, and 0 elsewhere; `y` is the forward
/// pass's result. `dx` may equal `dy`, `x` or `y`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormReluBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, y: UnsafePointer<T>, gamma: UnsafePointer<T>?, mean: UnsafePointer<T>,
  inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>?, dgamma: UnsafeMutablePointer<T>?,
  dbeta: UnsafeMutablePointer<T>?, shape: NormalizationShape
) {
  T.requireSpecialization()
  runBackward(
    BackwardJob<T, MaskFromOutput>(
      dy: dy, x: x, y: y, gamma: gamma, mean: mean, inverseStd: inverseStd, dx: dx, dgamma: dgamma, dbeta: dbeta,
      count: Double(shape.channelCount)), shape)
}
