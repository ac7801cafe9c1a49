import Kernels
import Testing

/// Batch normalization in parts, and statistics that are put together from those of blocks.
struct BlockStatisticsTests {
  /// Moments of blocks of `blockRows` of `outer`, merged.
  private func moments<T: KernelScalar>(_ x: [T], _ shape: NormalizationShape, blockRows: Int) -> [Double] {
    let input = GuardedBuffer(x)
    let blocks = (shape.outer - 1) / blockRows + 1
    let size = 2 * shape.channels
    let (parts, merged) = (GuardedBuffer<Double>(count: blocks * size), GuardedBuffer<Double>(count: size))
    let perRow = shape.channels * shape.inner
    var last = 0
    for block in 0..<blocks {
      last = min(blockRows, shape.outer - block * blockRows)
      channelMoments(
        input.input + block * blockRows * perRow, moments: parts.pointer + block * size,
        shape: NormalizationShape(outer: last, channels: shape.channels, inner: shape.inner))
    }
    mergeMoments(
      parts.input, count: blocks, blockCount: blockRows * shape.inner, lastCount: last * shape.inner,
      moments: merged.pointer, channels: shape.channels)
    return merged.values
  }

  /// mean, variance, 1/σ, scale and offset.
  private func coefficients<T: KernelScalar>(
    _ moments: [Double], _ shape: NormalizationShape, _ gamma: [T]?, _ beta: [T]?
  ) -> [[T]] {
    let (input, results) = (GuardedBuffer(moments), (0..<5).map { _ in GuardedBuffer<T>(count: shape.channels) })
    let (gamma, beta) = (gamma.map { GuardedBuffer($0) }, beta.map { GuardedBuffer($0) })
    normalizationCoefficients(
      moments: input.input, count: shape.outer * shape.inner, gamma: gamma?.input, beta: beta?.input,
      mean: results[0].pointer, variance: results[1].pointer, inverseStd: results[2].pointer,
      scale: results[3].pointer, offset: results[4].pointer, channels: shape.channels, epsilon: 1e-3)
    return results.map(\.values)
  }

  private func check<T: KernelScalar>(_ type: T.Type, _ shape: NormalizationShape, _ center: Double, blockRows: Int) {
    var random = Seeded(UInt64(shape.outer * 31 + shape.channels))
    let x: [T] = random.array(shape.outer * shape.channels * shape.inner, in: center - 2...center + 2)
    let (gamma, beta): ([T], [T]) = (random.array(shape.channels), random.array(shape.channels))
    let reference = BatchNormReference(x, shape, epsilon: 1e-3)
    let what = "\(T.self) \(shape) at \(center) by \(blockRows)"
    let all = coefficients(moments(x, shape, blockRows: blockRows), shape, gamma, beta)
    let ulp = Double(T.ulpOfOne)
    // Moments are Doubles: they keep what rounding takes from the mean of floats, but not from that of Doubles.
    let lost = T.self == Double.self ? abs(center) * ulp : 0
    expectClose(all[0], reference.mean, tolerance: ulp, "mean \(what)")
    expectClose(all[1], reference.variance, tolerance: 64 * ulp + lost, "variance \(what)")
    expectClose(all[2], reference.inverseStd, tolerance: 64 * ulp + lost, "1/σ \(what)")
    for relu in [false, true] {
      let (input, y) = (GuardedBuffer(x), GuardedBuffer<T>(count: x.count))
      let (mean, scale, offset) = (GuardedBuffer(all[0]), GuardedBuffer(all[3]), GuardedBuffer(all[4]))
      normalize(
        input.input, mean: mean.input, scale: scale.input, offset: offset.input, y.pointer, shape: shape, relu: relu)
      expectClose(y.values, reference.forward(x, gamma, beta, relu: relu), tolerance: 256 * ulp + lost, "y \(what)")
    }
  }

  @Test(arguments: [1, 3, 8, 16, 17, 33, 64, 65], [1, 5, 64, 100])
  func blocksGiveTheBatchsStatistics(channels: Int, inner: Int) {
    for (outer, blockRows) in [(1, 1), (8, 8), (9, 4), (16, 4), (131, 32)] {
      let shape = NormalizationShape(outer: outer, channels: channels, inner: inner)
      for center in [0, 1e4] { check(Float.self, shape, center, blockRows: blockRows) }
      check(Double.self, shape, 1e6, blockRows: blockRows)
    }
  }

  /// Blocks whose means differ by far more than the deviations inside.
  @Test func blocksFarFromEachOther() {
    let shape = NormalizationShape(outer: 40, channels: 5, inner: 1)
    var random = Seeded(3)
    let x: [Float] = (0..<200).map { Float($0 / 40) * 1e4 + Float.random(in: -1...1, using: &random) }
    let all = coefficients(moments(x, shape, blockRows: 8), shape, nil, [Float]?.none)
    let reference = BatchNormReference(x, shape, epsilon: 1e-3)
    expectClose(all[0], reference.mean, tolerance: 1e-7, "mean")
    expectClose(all[1], reference.variance, tolerance: 1e-6, "variance")
  }

  @Test func constantsHaveNoVariance() {
    let shape = NormalizationShape(outer: 50, channels: 3, inner: 7)
    let merged = moments([Float](repeating: 0.1, count: 1_050), shape, blockRows: 16)
    #expect(merged == [Double](repeating: Double(Float(0.1)), count: 3) + [0, 0, 0])
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func oneSampleSpoilsItsChannelOnly(value: Float) {
    let shape = NormalizationShape(outer: 33, channels: 4, inner: 9)
    var random = Seeded(1)
    var x: [Float] = random.array(33 * 36)
    x[20 * 36 + 2 * 9 + 4] = value
    for blockRows in [33, 8] {
      let all = coefficients(moments(x, shape, blockRows: blockRows), shape, nil, [Float]?.none)
      for result in all { #expect((0..<4).allSatisfy { result[$0].isNaN == ($0 == 2) }, "\(result)") }
    }
  }

  private func gradientParts<T: KernelScalar>(
    _ dy: [T], _ x: [T], _ y: [T]?, _ gamma: [T]?, _ mean: [T], _ inverseStd: [T], _ shape: NormalizationShape
  ) -> BatchNormBackwardResult<T> {
    let (gradient, input, y) = (GuardedBuffer(dy), GuardedBuffer(x), y.map { GuardedBuffer($0) })
    let (mean, inverse, gamma) = (GuardedBuffer(mean), GuardedBuffer(inverseStd), gamma.map { GuardedBuffer($0) })
    let sums = GuardedBuffer<Double>(count: 2 * shape.channels)
    let results = (0..<5).map { _ in GuardedBuffer<T>(count: shape.channels) }
    let dx = GuardedBuffer<T>(count: x.count)
    batchNormGradientSums(
      dy: gradient.input, x: input.input, y: y?.input, mean: mean.input, sums: sums.pointer, shape: shape)
    batchNormGradientCoefficients(
      sums: sums.input, x: input.input, gamma: gamma?.input, mean: mean.input, inverseStd: inverse.input,
      dgamma: results[0].pointer, dbeta: results[1].pointer, scale: results[2].pointer, slope: results[3].pointer,
      constant: results[4].pointer, shape: shape)
    batchNormGradientMap(
      dy: gradient.input, x: input.input, y: y?.input, mean: mean.input, scale: results[2].input,
      slope: results[3].input, constant: results[4].input, dx: dx.pointer, shape: shape)
    return BatchNormBackwardResult(dx: dx.values, dgamma: results[0].values, dbeta: results[1].values)
  }

  /// The parts are the whole to the bit, also where means need residuals.
  @Test(arguments: [1, 5, 16, 33, 64], [1, 70])
  func gradientInPartsIsTheGradient(channels: Int, inner: Int) {
    for (outer, center) in [(1, 0.0), (9, 0), (40, 3e4), (70, 0)] {
      let shape = NormalizationShape(outer: outer, channels: channels, inner: inner)
      var random = Seeded(UInt64(channels + outer))
      let count = outer * channels * inner
      let x: [Float] = random.array(count, in: center - 0.5...center + 0.5)
      let (dy, gamma): ([Float], [Float]) = (random.array(count), random.array(channels))
      for mask in MaskChoice.allCases {
        let forward = runForward(x, gamma, nil, shape, relu: mask != .none)
        let whole = runBackward(dy, x, gamma, nil, shape, mask: mask, dx: .own)
        let parts = gradientParts(
          dy, x, mask == .none ? nil : forward.y, gamma, forward.mean, forward.inverseStd, shape)
        #expect(parts.all == whole.all, "\(shape) at \(center) mask \(mask)")
      }
    }
  }
}
