import Kernels
import Testing

struct NormalizationInferenceTests {
  private struct Case<T: KernelScalar> {
    let x, dy, gamma, beta, mean, variance: [T]
    init(_ shape: NormalizationShape, affine: Bool = true) {
      var random = Seeded(UInt64(shape.valueCount &+ 7))
      x = random.array(shape.valueCount, in: -2...2)
      dy = random.array(shape.valueCount)
      gamma = affine ? random.array(shape.channels, in: -2...2) : [T](repeating: 1, count: shape.channels)
      beta = affine ? random.array(shape.channels) : [T](repeating: 0, count: shape.channels)
      mean = random.array(shape.channels)
      variance = random.array(shape.channels, in: 0.5...2)
    }
  }

  private func infer<T: KernelScalar>(
    _ x: [T], _ c: Case<T>, _ shape: NormalizationShape, relu: Bool, affine: Bool = true, inPlace: Bool = false
  ) -> [T] {
    let input = GuardedBuffer(x)
    let y = inPlace ? input : GuardedBuffer<T>(count: x.count)
    let (gamma, beta) = (GuardedBuffer(c.gamma), GuardedBuffer(c.beta))
    let (mean, variance) = (GuardedBuffer(c.mean), GuardedBuffer(c.variance))
    batchNormInference(
      x: input.input, gamma: affine ? gamma.input : nil, beta: affine ? beta.input : nil, movingMean: mean.input,
      movingVariance: variance.input, y: y.pointer, shape: shape, epsilon: 1e-3, relu: relu)
    return y.values
  }

  private func backward<T: KernelScalar>(
    _ c: Case<T>, _ shape: NormalizationShape, dx place: DxPlace
  ) -> BatchNormBackwardResult<T> {
    let (x, dy) = (GuardedBuffer(c.x), GuardedBuffer(c.dy))
    let dx =
      switch place {
      case .own: GuardedBuffer<T>(count: c.x.count)
      case .dy: dy
      case .x: x
      }
    let (gamma, mean, variance) = (GuardedBuffer(c.gamma), GuardedBuffer(c.mean), GuardedBuffer(c.variance))
    let (dgamma, dbeta) = (GuardedBuffer<T>(count: shape.channels), GuardedBuffer<T>(count: shape.channels))
    batchNormInferenceBackward(
      dy: dy.input, x: x.input, gamma: gamma.input, movingMean: mean.input, movingVariance: variance.input,
      dx: dx.pointer, dgamma: dgamma.pointer, dbeta: dbeta.pointer, shape: shape, epsilon: 1e-3)
    return BatchNormBackwardResult(dx: dx.values, dgamma: dgamma.values, dbeta: dbeta.values)
  }

  private func check<T: KernelScalar>(_ type: T.Type, _ shape: NormalizationShape, _ index: Int) {
    let (relu, affine) = (index % 2 == 0, index % 3 > 0)
    let c = Case<T>(shape, affine: affine)
    let inverse = c.variance.map { 1 / (Double($0) + 1e-3).squareRoot() }
    let expected = c.x.enumerated().map { index, x in
      let k = BatchNormReference.channel(index, shape)
      let y = (Double(x) - Double(c.mean[k])) * inverse[k] * Double(c.gamma[k]) + Double(c.beta[k])
      return relu ? max(0, y) : y
    }
    let observed = infer(c.x, c, shape, relu: relu, affine: affine, inPlace: index % 5 < 2)
    // |x - mean| <= 3, scale <= 2.9: three roundings of at most 9 plus that of the result.
    expectClose(observed, expected, tolerance: 32 * Double(T.ulpOfOne), "y \(T.self) \(shape)")

    var dgamma = [Float80](repeating: 0, count: shape.channels)
    var dbeta = dgamma
    let dx = c.dy.enumerated().map { index, g in
      let k = BatchNormReference.channel(index, shape)
      dbeta[k] += Float80(g)
      dgamma[k] += Float80(g) * (Float80(c.x[index]) - Float80(c.mean[k])) * Float80(inverse[k])
      return Double(g) * inverse[k] * Double(c.gamma[k])
    }
    let gradient = backward(c, shape, dx: DxPlace.allCases[index % 3])
    let tolerance = Double(T.ulpOfOne) * (8 + 4 * Double(shape.countPerChannel).squareRoot())
    expectClose(gradient.dx, dx, tolerance: 8 * Double(T.ulpOfOne), "dx \(T.self) \(shape)")
    expectClose(gradient.dgamma, dgamma.map { Double($0) }, tolerance: tolerance, "dgamma \(T.self) \(shape)")
    expectClose(gradient.dbeta, dbeta.map { Double($0) }, tolerance: tolerance, "dbeta \(T.self) \(shape)")
  }

  @Test func allShapes() {
    for (index, shape) in (normalizationShapes + largeNormalizationShapes).enumerated() {
      check(Float.self, shape, index)
      check(Double.self, shape, index)
    }
  }

  @Test func nanPassesReluAndStaysAlone() {
    for shape in [(9, 7, 1), (3, 2, 100)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      let c = Case<Float>(shape)
      var x = c.x
      x[5] = .nan
      let observed = infer(x, c, shape, relu: true)
      #expect(observed.indices.allSatisfy { observed[$0].isNaN == ($0 == 5) }, "\(shape)")
    }
  }

  @Test func centralDifferences() {
    for shape in [(6, 3, 1), (2, 3, 70)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      let c = Case<Double>(shape)
      let observed = backward(c, shape, dx: .own)
      let numeric = c.x.indices.map { index in
        var (up, down) = (c.x, c.x)
        up[index] += 1e-4
        down[index] -= 1e-4
        let (high, low) = (infer(up, c, shape, relu: false), infer(down, c, shape, relu: false))
        return zip(zip(high, low), c.dy).reduce(0) { $0 + ($1.0.0 - $1.0.1) * $1.1 } / 2e-4
      }
      // The map is affine: only rounding, 1e-16 * |y| / 1e-4.
      expectClose(observed.dx, numeric, tolerance: 1e-10, "dx \(shape)")
    }
  }

  @Test func emptyInputs() {
    for shape in [(0, 3, 1), (0, 2, 100), (4, 3, 0)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      let c = Case<Float>(shape)
      #expect(infer(c.x, c, shape, relu: true).isEmpty)
      let gradient = backward(c, shape, dx: .own)
      #expect((gradient.dgamma + gradient.dbeta).allSatisfy { $0 == 0 })
    }
  }

  @Test func sameForAllThreadCounts() {
    for shape in largeNormalizationShapes {
      let c = Case<Float>(shape)
      expectSameForAllThreadCounts("inference \(shape)") {
        infer(c.x, c, shape, relu: true) + backward(c, shape, dx: .own).all
      }
    }
  }
}
