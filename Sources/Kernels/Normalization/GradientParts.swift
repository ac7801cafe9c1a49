/// The parts of `batchNormBackward`, for batches that are worked on block by block.

/// Sums only.
private struct GradientSumsJob<T: KernelScalar, Mask: ReluMask>: NormalizationJob {
  typealias Term = GradientTerm<T, Mask>
  typealias Map = GradientMap<T, Mask>

  let dy, x, y, mean: UnsafePointer<T>
  let sums: UnsafeMutablePointer<Double>
  let channels: Int

  @inline(__always) static var hasSums: Bool { true }
  @inline(__always) static var tensors: Int { Mask.usesOutput ? 3 : 2 }
  @inline(__always) var hasMap: Bool { false }
  @inline(__always) static var sumRows: Int { 1 }
  @inline(__always) static var mapRows: Int { 0 }
  @inline(__always) func source(_ table: CoefficientTable<T>) -> GradientSource<T, Mask> {
    GradientSource(dy: dy, x: x, y: y, table: table)
  }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> GradientTerm<T, Mask> {
    GradientTerm(source: source(table))
  }
  /// Never called; there is no map.
  @inline(__always) func map(_ table: CoefficientTable<T>) -> GradientMap<T, Mask> {
    GradientMap(source: source(table), dx: UnsafeMutablePointer(mutating: dy))
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    for column in 0..<channels.count {
      table[CoefficientTable<T>.center][column] = mean[channels.lowerBound &+ column]
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool {
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      self.sums[channel] = sums.first[column]
      self.sums[self.channels &+ channel] = sums.second[column]
    }
    return false
  }
}

/// Σ g and Σ g (x - mean) of each channel: `sums` is [2][C]. g is dy, with `y` only where y > 0, else with `isPicked` only
/// where x, which a pooling behind a ReLU picked, is less than infinity.
///
/// `dy`, `x` and `y` are [outer][C][inner], `mean` [C].
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormGradientSums<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, y: UnsafePointer<T>?, mean: UnsafePointer<T>,
  sums: UnsafeMutablePointer<Double>, shape: NormalizationShape, isPicked: Bool = false
) {
  T.requireSpecialization()
  if let y {
    let job = GradientSumsJob<T, MaskFromOutput>(dy: dy, x: x, y: y, mean: mean, sums: sums, channels: shape.channels)
    runNormalization(job, shape)
  } else if isPicked {
    let job = GradientSumsJob<T, MaskFromPicked>(dy: dy, x: x, y: dy, mean: mean, sums: sums, channels: shape.channels)
    runNormalization(job, shape)
  } else {
    let job = GradientSumsJob<T, NoMask>(dy: dy, x: x, y: dy, mean: mean, sums: sums, channels: shape.channels)
    runNormalization(job, shape)
  }
}

/// The gradients of γ and β from the sums of `batchNormGradientSums`, and the coefficients of
/// dx = g * scale + (x - mean) * slope + constant. All results are [C].
///
/// `x`, of `shape`, is read where a mean is so large against its deviation that its rounding matters.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormGradientCoefficients<T: KernelScalar>(
  sums: UnsafePointer<Double>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?, mean: UnsafePointer<T>,
  inverseStd: UnsafePointer<T>, dgamma: UnsafeMutablePointer<T>, dbeta: UnsafeMutablePointer<T>,
  scale: UnsafeMutablePointer<T>, slope: UnsafeMutablePointer<T>, constant: UnsafeMutablePointer<T>,
  shape: NormalizationShape
) {
  T.requireSpecialization()
  let hasResiduals = findResiduals(x, mean, inverseStd, dgamma, shape)
  let share = 1 / Double(shape.channelCount)
  for c in 0..<shape.channels {
    // The true deviations are smaller by the residual.
    let residual = hasResiduals ? Double(dgamma[c]) : 0
    let (first, inverse) = (sums[c], Double(inverseStd[c]))
    let second = sums[shape.channels &+ c] - residual * first
    let factor = inverse * (gamma.map { Double($0[c]) } ?? 1)
    let exactSlope = -factor * share * inverse * inverse * second
    dbeta[c] = T(first)
    dgamma[c] = T(second * inverse)
    scale[c] = T(factor)
    slope[c] = T(exactSlope)
    constant[c] = T(-factor * share * first - exactSlope * residual)
  }
}

/// The input gradient by its coefficients: a map only.
private struct GradientMapJob<T: KernelScalar, Mask: ReluMask>: NormalizationJob {
  typealias Term = GradientTerm<T, Mask>
  typealias Map = GradientMap<T, Mask>

  let dy, x, y, mean, scale, slope, constant: UnsafePointer<T>
  let dx: UnsafeMutablePointer<T>

  @inline(__always) static var hasSums: Bool { false }
  @inline(__always) static var tensors: Int { Mask.usesOutput ? 4 : 3 }
  @inline(__always) var hasMap: Bool { true }
  @inline(__always) static var sumRows: Int { 0 }
  @inline(__always) static var mapRows: Int { 5 }
  @inline(__always) func source(_ table: CoefficientTable<T>) -> GradientSource<T, Mask> {
    GradientSource(dy: dy, x: x, y: y, table: table)
  }
  /// Never called; there are no sums.
  @inline(__always) func term(_ table: CoefficientTable<T>) -> GradientTerm<T, Mask> {
    GradientTerm(source: source(table))
  }
  @inline(__always) func map(_ table: CoefficientTable<T>) -> GradientMap<T, Mask> {
    GradientMap(source: source(table), dx: dx)
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      table[CoefficientTable<T>.center][column] = mean[channel]
      table[CoefficientTable<T>.scale][column] = scale[channel]
      table[CoefficientTable<T>.slope][column] = slope[channel]
      table[CoefficientTable<T>.constant][column] = constant[channel]
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool { false }
}

/// dx = g * scale + (x - mean) * slope + constant, where g is dy, with `y` only where y > 0.
///
/// `dy`, `x`, `y` and `dx` are [outer][C][inner], all others [C]. `dx` may equal `dy`, `x` or `y`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormGradientMap<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, y: UnsafePointer<T>?, mean: UnsafePointer<T>, scale: UnsafePointer<T>,
  slope: UnsafePointer<T>, constant: UnsafePointer<T>, dx: UnsafeMutablePointer<T>, shape: NormalizationShape
) {
  T.requireSpecialization()
  if let y {
    let job = GradientMapJob<T, MaskFromOutput>(
      dy: dy, x: x, y: y, mean: mean, scale: scale, slope: slope, constant: constant, dx: dx)
    runNormalization(job, shape)
  } else {
    let job = GradientMapJob<T, NoMask>(
      dy: dy, x: x, y: dy, mean: mean, scale: scale, slope: slope, constant: constant, dx: dx)
    runNormalization(job, shape)
  }
}
