/// The parts of batch normalization, for batches whose statistics are gathered block by block: while each block of
/// samples is still in the cache of the thread that made it.

/// Moments of one block.
private struct BlockMomentsJob<T: KernelScalar>: NormalizationJob {
  typealias Term = MomentTerm<T>
  typealias Map = AffineMap<T, No>

  let x: UnsafePointer<T>
  let moments: UnsafeMutablePointer<Double>
  let shape: NormalizationShape

  @inline(__always) static var hasSums: Bool { true }
  @inline(__always) static var tensors: Int { 1 }
  @inline(__always) var hasMap: Bool { false }
  @inline(__always) static var sumRows: Int { 1 }
  @inline(__always) static var mapRows: Int { 0 }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> MomentTerm<T> { MomentTerm(x: x, table: table) }
  /// Never called; there is no map.
  @inline(__always) func map(_ table: CoefficientTable<T>) -> AffineMap<T, No> {
    AffineMap(x: x, y: UnsafeMutablePointer(mutating: x), table: table)
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    sampleShift(x, channels, shape, table[CoefficientTable<T>.center], table[CoefficientTable<T>.scale])
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool {
    let count = Double(shape.channelCount)
    let center = table[CoefficientTable<T>.center]
    if convertToMoments(sums, channels.count, count, 1) && !isLast {
      for column in 0..<channels.count { center[column] = T(Double(center[column]) + sums.first[column]) }
      return true
    }
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      moments[channel] = Double(center[column]) + sums.first[column]
      moments[shape.channels &+ channel] = sums.second[column] * count
    }
    return false
  }
}

/// Mean and sum of squared deviations from it of each channel of x, [outer][C][inner]: `moments` is [2][C].
///
/// A channel with NaN or infinity has a NaN sum. Every channel must have an element.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func channelMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, moments: UnsafeMutablePointer<Double>, shape: NormalizationShape
) {
  T.requireSpecialization()
  runNormalization(BlockMomentsJob(x: x, moments: moments, shape: shape), shape)
}

/// The moments of all blocks together, as `channelMoments` gives them: those of the blocks are [blocks][2][C], each over
/// `blockCount` elements, the last one over `lastCount`. Chan, Golub and LeVeque 1983, equation 1.5, in the form that
/// takes the mean first.
public func mergeMoments(
  _ blocks: UnsafePointer<Double>, count: Int, blockCount: Int, lastCount: Int,
  moments: UnsafeMutablePointer<Double>, channels: Int
) {
  let (full, last) = (Double(blockCount), Double(lastCount))
  let total = full * Double(count &- 1) + last
  for c in 0..<channels {
    // Differences from the first mean keep a constant's mean exact.
    let first = blocks[c]
    var sum = 0.0
    for block in 1..<Swift.max(count, 1) {
      sum += (blocks[block &* 2 &* channels &+ c] - first) * (block == count &- 1 ? last : full)
    }
    let mean = first + sum / total
    var spread = 0.0
    for block in 0..<count {
      let part = blocks + block &* 2 &* channels
      let difference = part[c] - mean
      spread += part[channels &+ c] + difference * difference * (block == count &- 1 ? last : full)
    }
    moments[c] = mean
    moments[channels &+ c] = spread
  }
}

/// What normalization needs of moments over `count` elements per channel: the statistics as `batchNormForward` gives them,
/// and the coefficients of y = (x - mean) * scale + offset. All results are [C]; `gamma` nil: 1, `beta` nil: 0.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func normalizationCoefficients<T: KernelScalar>(
  moments: UnsafePointer<Double>, count: Int, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?,
  mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>, inverseStd: UnsafeMutablePointer<T>,
  scale: UnsafeMutablePointer<T>, offset: UnsafeMutablePointer<T>, channels: Int, epsilon: Double
) {
  T.requireSpecialization()
  let share = 1 / Double(count)
  for c in 0..<channels {
    let spread = moments[channels &+ c] * share
    let inverse = 1 / (spread + epsilon).squareRoot()
    let exact = spread.isNaN ? Double.nan : moments[c]
    let factor = inverse * (gamma.map { Double($0[c]) } ?? 1)
    mean[c] = T(exact)
    variance[c] = T(spread)
    inverseStd[c] = T(inverse)
    scale[c] = T(factor)
    // What rounding took from the mean goes into the offset; it matters where mean / std is large.
    offset[c] = T((beta.map { Double($0[c]) } ?? 0) - (exact - Double(mean[c])) * factor)
  }
}

/// Normalization by coefficients: a map only.
private struct NormalizeJob<T: KernelScalar, Relu: Flag>: NormalizationJob {
  typealias Term = MomentTerm<T>
  typealias Map = AffineMap<T, Relu>

  let x, mean, scale, offset: UnsafePointer<T>
  let y: UnsafeMutablePointer<T>

  @inline(__always) static var hasSums: Bool { false }
  @inline(__always) static var tensors: Int { 2 }
  @inline(__always) var hasMap: Bool { true }
  @inline(__always) static var sumRows: Int { 0 }
  @inline(__always) static var mapRows: Int { 3 }
  /// Never called; there are no sums.
  @inline(__always) func term(_ table: CoefficientTable<T>) -> MomentTerm<T> { MomentTerm(x: x, table: table) }
  @inline(__always) func map(_ table: CoefficientTable<T>) -> AffineMap<T, Relu> {
    AffineMap(x: x, y: y, table: table)
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      table[CoefficientTable<T>.center][column] = mean[channel]
      table[CoefficientTable<T>.scale][column] = scale[channel]
      table[CoefficientTable<T>.offset][column] = offset[channel]
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool { false }
}

/// y = (x - mean) * scale + offset, then max(0, y) if `relu`. `x` and `y` are [outer][C][inner], all others [C]; `y` may
/// equal `x`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func normalize<T: KernelScalar>(
  _ x: UnsafePointer<T>, mean: UnsafePointer<T>, scale: UnsafePointer<T>, offset: UnsafePointer<T>,
  _ y: UnsafeMutablePointer<T>, shape: NormalizationShape, relu: Bool
) {
  T.requireSpecialization()
  if relu {
    runNormalization(NormalizeJob<T, Yes>(x: x, mean: mean, scale: scale, offset: offset, y: y), shape)
  } else {
    runNormalization(NormalizeJob<T, No>(x: x, mean: mean, scale: scale, offset: offset, y: y), shape)
  }
}
