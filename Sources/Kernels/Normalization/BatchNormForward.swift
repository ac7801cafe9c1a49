/// Statistics of batches, and the normalization by them.
///
/// Sums are taken of d = x - K with K near the mean, so that Σd² - (Σd)²/n does not cancel; if K turns out to be
/// far from the mean, they are taken again with K = mean.
private struct ForwardJob<T: KernelScalar, Relu: Flag>: NormalizationJob {
  typealias Term = MomentTerm<T>
  typealias Map = AffineMap<T, Relu>

  let x: UnsafePointer<T>
  let gamma, beta: UnsafePointer<T>?
  /// Nil: statistics only.
  let y: UnsafeMutablePointer<T>?
  let mean: UnsafeMutablePointer<T>
  let variance, inverseStd: UnsafeMutablePointer<T>?
  let count: Double
  let epsilon: Double
  /// y = (x - mean) * scale + offset, for who maps elsewhere.
  var scale, offset: UnsafeMutablePointer<T>?

  @inline(__always) static var hasSums: Bool { true }
  @inline(__always) static var tensors: Int { 2 }
  @inline(__always) var hasMap: Bool { y != nil }
  @inline(__always) static var sumRows: Int { 1 }
  @inline(__always) static var mapRows: Int { 3 }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> MomentTerm<T> { MomentTerm(x: x, table: table) }
  @inline(__always) func map(_ table: CoefficientTable<T>) -> AffineMap<T, Relu> {
    AffineMap(x: x, y: y.unsafelyUnwrapped, table: table)
  }

  /// The shift: x0 plus the mean of samples' differences from x0, which makes it exact for constants.
  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    sampleShift(x, channels, shape, table[CoefficientTable<T>.center], table[CoefficientTable<T>.scale])
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool {
    let columns = channels.count
    let center = table[CoefficientTable<T>.center]
    if convertToMoments(sums, columns, count, epsilon) && !isLast {
      for column in 0..<columns { center[column] = T(Double(center[column]) + sums.first[column]) }
      return true
    }
    let (scales, offsets) = (table[CoefficientTable<T>.scale], table[CoefficientTable<T>.offset])
    for column in 0..<columns {
      let channel = channels.lowerBound &+ column
      let (shift, delta) = (Double(center[column]), sums.first[column])
      let (spread, inverse) = (sums.second[column], sums.scratch[column])
      // Infinity in x: the deviations from an infinite mean are NaN, and so is all that follows.
      let rounded = T(spread.isNaN ? .nan : shift + delta)
      mean[channel] = rounded
      if let variance { variance[channel] = T(spread) }
      if let inverseStd { inverseStd[channel] = T(inverse) }
      if !hasMap && self.scale == nil { continue }
      // What rounding took from the mean goes into the offset; it matters where mean / std is large.
      let residual = (shift - Double(rounded)) + delta
      let scale = inverse * (gamma.map { Double($0[channel]) } ?? 1)
      center[column] = rounded
      scales[column] = T(scale)
      offsets[column] = T((beta.map { Double($0[channel]) } ?? 0) - residual * scale)
      if let target = self.scale { target[channel] = scales[column] }
      if let target = offset { target[channel] = offsets[column] }
    }
    return false
  }
}

/// Turns Σd and Σd² into the mean of d, the variance and, in the scratch, 1 / sqrt(variance + epsilon).
///
/// True: for some channel the mean of d is so large that Σd² - (Σd)²/n cancels. Plain loops, which the compiler turns
/// into vectors.
@inline(never)
func convertToMoments(_ sums: ChannelSums, _ columns: Int, _ count: Double, _ epsilon: Double) -> Bool {
  let (first, second, inverses) = (sums.first, sums.second, sums.scratch)
  let share = 1 / count
  var poor = 0
  for column in 0..<columns {
    let delta = first[column] * share
    let squares = second[column] - first[column] * delta
    poor |= second[column] > 8 * squares && second[column] < .infinity ? 1 : 0
    first[column] = delta
    second[column] = (squares < 0 ? 0 : squares) * share
  }
  for column in 0..<columns { inverses[column] = 1 / (second[column] + epsilon).squareRoot() }
  return poor != 0
}

/// Writes a value near the mean of each channel to `shift`, from up to 16 elements spread over it.
@inline(never)
func sampleShift<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ channels: Range<Int>, _ shape: NormalizationShape, _ shift: UnsafeMutablePointer<T>,
  _ difference: UnsafeMutablePointer<T>
) {
  guard shape.channelCount > 0 else { return shift.update(repeating: 0, count: channels.count) }
  let source = x + channels.lowerBound &* shape.inner
  let sample = shape.channels &* shape.inner
  let columns = channels.count
  for column in 0..<columns {
    shift[column] = source[column &* shape.inner]
    difference[column] = 0
  }
  let outerSamples = min(shape.outer, shape.inner == 1 ? 8 : 4)
  let innerSamples = min(shape.inner, outerSamples < 4 ? 16 : 4)
  for i in 0..<outerSamples {
    let row = source + (shape.outer &* i / outerSamples) &* sample
    for j in 0..<innerSamples {
      let start = row + shape.inner &* j / innerSamples
      if shape.inner == 1 {
        for column in 0..<columns { difference[column] += start[column] - shift[column] }
      } else {
        for column in 0..<columns { difference[column] += start[column &* shape.inner] - shift[column] }
      }
    }
  }
  let share = 1 / T(outerSamples &* innerSamples)
  for column in 0..<columns { shift[column] += difference[column] * share }
}

/// Batch normalization in training: normalizes each channel by its own mean and variance.
///
///     y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, then max(0, y) if `relu`
///
/// `x` and `y` are [outer][C][inner]; `gamma` (nil: 1), `beta` (nil: 0) and the statistics are [C]. `y` may equal `x`.
/// `variance` (biased) may be nil. Statistics are accurate also where the mean is far larger than the deviation.
/// A constant channel has variance 0 and gives beta exactly; a channel with NaN or infinity has NaN statistics, others
/// are not affected. Without any element per channel the statistics are NaN.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormForward<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, y: UnsafeMutablePointer<T>,
  mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>?, inverseStd: UnsafeMutablePointer<T>,
  shape: NormalizationShape, epsilon: Double, relu: Bool
) {
  T.requireSpecialization()
  let count = Double(shape.channelCount)
  if relu {
    let job = ForwardJob<T, Yes>(
      x: x, gamma: gamma, beta: beta, y: y, mean: mean, variance: variance, inverseStd: inverseStd, count: count,
      epsilon: epsilon)
    runNormalization(job, shape)
  } else {
    let job = ForwardJob<T, No>(
      x: x, gamma: gamma, beta: beta, y: y, mean: mean, variance: variance, inverseStd: inverseStd, count: count,
      epsilon: epsilon)
    runNormalization(job, shape)
  }
}

/// The statistics of `batchNormForward` without its result, which is (x - mean) * scale + offset.
@inline(__always)
func batchNormStatistics<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, mean: UnsafeMutablePointer<T>,
  variance: UnsafeMutablePointer<T>?, inverseStd: UnsafeMutablePointer<T>, scale: UnsafeMutablePointer<T>,
  offset: UnsafeMutablePointer<T>, shape: NormalizationShape, epsilon: Double
) {
  let job = ForwardJob<T, No>(
    x: x, gamma: gamma, beta: beta, y: nil, mean: mean, variance: variance, inverseStd: inverseStd,
    count: Double(shape.channelCount), epsilon: epsilon, scale: scale, offset: offset)
  runNormalization(job, shape)
}

/// Mean and biased variance of each channel of `x`, [outer][C][inner], as `batchNormForward` takes them.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchMoments<T: KernelScalar>(
  x: UnsafePointer<T>, mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>, shape: NormalizationShape
) {
  T.requireSpecialization()
  let job = ForwardJob<T, No>(
    x: x, gamma: nil, beta: nil, y: nil, mean: mean, variance: variance, inverseStd: nil,
    count: Double(shape.channelCount), epsilon: 0)
  runNormalization(job, shape)
}
