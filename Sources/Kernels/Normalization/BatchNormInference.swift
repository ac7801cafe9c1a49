/// Normalization by given statistics: a map only.
private struct InferenceJob<T: KernelScalar, Relu: Flag>: NormalizationJob {
  typealias Term = MomentTerm<T>
  typealias Map = AffineMap<T, Relu>

  let x: UnsafePointer<T>
  /// Nil mean: none is subtracted, no offset is added; the scale remains. That is the gradient.
  let gamma, beta, movingMean: UnsafePointer<T>?
  let movingVariance: UnsafePointer<T>
  let y: UnsafeMutablePointer<T>
  let epsilon: Double

  @inline(__always) static var hasSums: Bool { false }
  @inline(__always) static var tensors: Int { 2 }
  @inline(__always) var hasMap: Bool { true }
  @inline(__always) static var sumRows: Int { 0 }
  @inline(__always) static var mapRows: Int { 3 }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> MomentTerm<T> { MomentTerm(x: x, table: table) }
  @inline(__always) func map(_ table: CoefficientTable<T>) -> AffineMap<T, Relu> {
    AffineMap(x: x, y: y, table: table)
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    let first = channels.lowerBound
    let scales = table[CoefficientTable<T>.scale]
    formScales(movingVariance + first, gamma.map { $0 + first }, scales, channels.count, epsilon)
    let (centers, offsets) = (table[CoefficientTable<T>.center], table[CoefficientTable<T>.offset])
    for column in 0..<channels.count {
      centers[column] = movingMean.map { $0[first &+ column] } ?? 0
      offsets[column] = beta.map { $0[first &+ column] } ?? 0
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool { false }
}

/// gamma / sqrt(variance + epsilon), in plain loops, which the compiler turns into vectors.
@inline(never)
func formScales<T: KernelScalar>(
  _ variance: UnsafePointer<T>, _ gamma: UnsafePointer<T>?, _ scales: UnsafeMutablePointer<T>, _ count: Int,
  _ epsilon: Double
) {
  if let gamma {
    for i in 0..<count { scales[i] = T(Double(gamma[i]) / (Double(variance[i]) + epsilon).squareRoot()) }
  } else {
    for i in 0..<count { scales[i] = T(1 / (Double(variance[i]) + epsilon).squareRoot()) }
  }
}

/// Sums only: gradients of gamma and beta under given statistics.
private struct InferenceSumsJob<T: KernelScalar>: NormalizationJob {
  typealias Term = GradientTerm<T, NoMask>
  typealias Map = GradientMap<T, NoMask>

  let dy, x, movingMean, movingVariance: UnsafePointer<T>
  let dgamma, dbeta: UnsafeMutablePointer<T>?
  let epsilon: Double

  @inline(__always) static var hasSums: Bool { true }
  @inline(__always) static var tensors: Int { 2 }
  @inline(__always) var hasMap: Bool { false }
  @inline(__always) static var sumRows: Int { 1 }
  @inline(__always) static var mapRows: Int { 0 }
  @inline(__always) func term(_ table: CoefficientTable<T>) -> GradientTerm<T, NoMask> {
    GradientTerm(source: GradientSource(dy: dy, x: x, y: dy, table: table))
  }
  /// Never called; there is no map.
  @inline(__always) func map(_ table: CoefficientTable<T>) -> GradientMap<T, NoMask> {
    GradientMap(source: GradientSource(dy: dy, x: x, y: dy, table: table), dx: UnsafeMutablePointer(mutating: dy))
  }

  @inline(__always)
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>) {
    for column in 0..<channels.count {
      table[CoefficientTable<T>.center][column] = movingMean[channels.lowerBound &+ column]
    }
  }

  @inline(__always)
  func finish(_ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool) -> Bool {
    for column in 0..<channels.count {
      let channel = channels.lowerBound &+ column
      let inverse = 1 / (Double(movingVariance[channel]) + epsilon).squareRoot()
      if let dbeta { dbeta[channel] = T(sums.first[column]) }
      if let dgamma { dgamma[channel] = T(sums.second[column] * inverse) }
    }
    return false
  }
}

/// Batch normalization at inference: normalizes by moving statistics.
///
///     y = gamma * (x - movingMean) / sqrt(movingVariance + epsilon) + beta, then max(0, y) if `relu`
///
/// `x` and `y` are [outer][C][inner]; `gamma` (nil: 1), `beta` (nil: 0) and the statistics are [C]. `y` may equal `x`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormInference<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, movingMean: UnsafePointer<T>,
  movingVariance: UnsafePointer<T>, y: UnsafeMutablePointer<T>, shape: NormalizationShape, epsilon: Double, relu: Bool
) {
  T.requireSpecialization()
  if relu {
    let job = InferenceJob<T, Yes>(
      x: x, gamma: gamma, beta: beta, movingMean: movingMean, movingVariance: movingVariance, y: y, epsilon: epsilon)
    runNormalization(job, shape)
  } else {
    let job = InferenceJob<T, No>(
      x: x, gamma: gamma, beta: beta, movingMean: movingMean, movingVariance: movingVariance, y: y, epsilon: epsilon)
    runNormalization(job, shape)
  }
}

/// Gradients of `batchNormInference` without ReLU; the moving statistics are constants.
///
///     dbeta = Σ dy, dgamma = Σ dy (x - movingMean) / sqrt(movingVariance + epsilon)
///     dx = dy gamma / sqrt(movingVariance + epsilon)
///
/// `dy`, `x` and `dx` are [outer][C][inner], all others [C]. `dx` may equal `dy` or `x`. Outputs that are nil are not
/// computed. Without elements, dgamma and dbeta are 0.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormInferenceBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?, movingMean: UnsafePointer<T>,
  movingVariance: UnsafePointer<T>, dx: UnsafeMutablePointer<T>?, dgamma: UnsafeMutablePointer<T>?,
  dbeta: UnsafeMutablePointer<T>?, shape: NormalizationShape, epsilon: Double
) {
  T.requireSpecialization()
  if dgamma != nil || dbeta != nil {
    let job = InferenceSumsJob<T>(
      dy: dy, x: x, movingMean: movingMean, movingVariance: movingVariance, dgamma: dgamma, dbeta: dbeta,
      epsilon: epsilon)
    runNormalization(job, shape)
  }
  if let dx {
    let job = InferenceJob<T, No>(
      x: dy, gamma: gamma, beta: nil, movingMean: nil, movingVariance: movingVariance, y: dx, epsilon: epsilon)
    runNormalization(job, shape)
  }
}
