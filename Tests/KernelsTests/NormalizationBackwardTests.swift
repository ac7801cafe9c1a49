import Kernels
import Testing

struct BatchNormBackwardResult<T: KernelScalar> {
  var dx, dgamma, dbeta: [T]
  var all: [T] { dx + dgamma + dbeta }
}

enum MaskChoice: CaseIterable { case none, fromOutput }
enum DxPlace: CaseIterable { case own, dy, x }

func runBackward<T: KernelScalar>(
  _ dy: [T], _ x: [T], _ gamma: [T]?, _ beta: [T]?, _ shape: NormalizationShape, mask: MaskChoice, dx place: DxPlace
) -> BatchNormBackwardResult<T> {
  let forward = runForward(x, gamma, beta, shape, relu: mask != .none)
  let (gradient, input) = (GuardedBuffer(dy), GuardedBuffer(x))
  let (mean, inverseStd) = (GuardedBuffer(forward.mean), GuardedBuffer(forward.inverseStd))
  let gamma = gamma.map { GuardedBuffer($0) }
  let dx =
    switch place {
    case .own: GuardedBuffer<T>(count: x.count)
    case .dy: gradient
    case .x: input
    }
  let dgamma = GuardedBuffer<T>(count: shape.channels)
  let dbeta = GuardedBuffer<T>(count: shape.channels)
  if mask == .none {
    batchNormBackward(
      dy: gradient.input, x: input.input, gamma: gamma?.input, mean: mean.input, inverseStd: inverseStd.input,
      dx: dx.pointer, dgamma: dgamma.pointer, dbeta: dbeta.pointer, shape: shape)
  } else {
    let y = GuardedBuffer(forward.y)
    batchNormReluBackward(
      dy: gradient.input, x: input.input, y: y.input, gamma: gamma?.input, mean: mean.input,
      inverseStd: inverseStd.input, dx: dx.pointer, dgamma: dgamma.pointer,
      dbeta: dbeta.pointer, shape: shape)
  }
  return BatchNormBackwardResult(dx: dx.values, dgamma: dgamma.values, dbeta: dbeta.values)
}

struct NormalizationBackwardTests {
  private func check<T: KernelScalar>(
    _ type: T.Type, _ shape: NormalizationShape, center: Double, mask: MaskChoice, affine: Bool, dx place: DxPlace
  ) {
    var random = Seeded(UInt64(shape.valueCount &+ shape.channels))
    let x: [T] = random.array(shape.valueCount, in: center - 2...center + 2)
    let dy: [T] = random.array(shape.valueCount)
    let gamma: [T]? = affine ? random.array(shape.channels, in: -2...2) : nil
    let beta: [T]? = affine ? random.array(shape.channels, in: -1...1) : nil
    let reference = BatchNormReference(x, shape, epsilon: 1e-3)
    let observed = runBackward(dy, x, gamma, beta, shape, mask: mask, dx: place)
    var g = dy
    if mask != .none {
      let y = runForward(x, gamma, beta, shape, relu: true).y
      for index in g.indices where !(y[index] > 0) { g[index] = 0 }
    }
    let expected = reference.backward(g, x, gamma)
    let what = "\(T.self) \(shape) at \(center) mask \(mask) dx in \(place)"
    // mean is rounded to T, which shifts x̂ by up to ulp(mean) / 2 * inverseStd; without ReLU that is made good where
    // it is more than 64 ulp.
    let scale = (reference.inverseStd.max() ?? 1) * 2
    let shift = zip(reference.mean, reference.inverseStd).map { abs($0) * $1 }.max() ?? 0
    let epsilon = Double(T.ulpOfOne) * (8 + (mask == .none ? min(shift, 64) : shift))
    let root = Double(shape.countPerChannel).squareRoot()
    expectClose(observed.dbeta, expected.dbeta, tolerance: 4 * Double(T.ulpOfOne) * root, "dbeta \(what)")
    expectClose(observed.dgamma, expected.dgamma, tolerance: epsilon * root, "dgamma \(what)")
    expectClose(observed.dx, expected.dx, tolerance: epsilon * scale, "dx \(what)")
  }

  @Test func smallShapes() {
    for (index, shape) in normalizationShapes.enumerated() {
      let place = DxPlace.allCases[index % 3]
      for mask in MaskChoice.allCases {
        check(Float.self, shape, center: 0.25, mask: mask, affine: index % 5 > 0, dx: place)
        check(Double.self, shape, center: 0.25, mask: mask, affine: index % 5 > 0, dx: place)
      }
    }
  }

  @Test func largeShapes() {
    for (index, shape) in largeNormalizationShapes.enumerated() {
      let mask = MaskChoice.allCases[index % 2]
      check(Float.self, shape, center: 0.25, mask: mask, affine: true, dx: .dy)
      check(Double.self, shape, center: 0.25, mask: .none, affine: true, dx: .own)
    }
  }

  @Test func meanFarAboveDeviation() {
    for shape in [(700, 10, 1), (20, 3, 676), (90, 4, 9)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      check(Float.self, shape, center: 1e4, mask: .none, affine: true, dx: .own)
      check(Double.self, shape, center: 1e4, mask: .fromOutput, affine: true, dx: .own)
    }
  }

  /// Central differences of Σ w y, where y is the forward kernel's result in Double.
  @Test func centralDifferences() {
    for shape in [(6, 3, 1), (17, 5, 1), (4, 2, 3), (2, 3, 70)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      for mask in MaskChoice.allCases {
        var random = Seeded(11)
        let x: [Double] = random.array(shape.valueCount, in: -2...2)
        let w: [Double] = random.array(shape.valueCount)
        let gamma: [Double] = random.array(shape.channels, in: 0.5...1.5)
        let beta: [Double] = random.array(shape.channels)
        let relu = mask != .none
        let smallest = runForward(x, gamma, beta, shape).y.map { abs($0) }.min()!
        #expect(smallest > 1e-4, "a ReLU's kink is too near for differences")
        func loss(_ x: [Double], _ gamma: [Double], _ beta: [Double]) -> Double {
          zip(runForward(x, gamma, beta, shape, relu: relu).y, w).reduce(0) { $0 + $1.0 * $1.1 }
        }
        func difference(_ values: [Double], _ loss: ([Double]) -> Double) -> [Double] {
          values.indices.map { index in
            var (up, down) = (values, values)
            up[index] += 1e-5
            down[index] -= 1e-5
            return (loss(up) - loss(down)) / 2e-5
          }
        }
        let observed = runBackward(w, x, gamma, beta, shape, mask: mask, dx: .own)
        // Differences: rounding 1e-16 * loss / 1e-5, truncation 1e-10 * third derivative.
        let tolerance = 1e-8
        expectClose(observed.dx, difference(x) { loss($0, gamma, beta) }, tolerance: tolerance, "dx \(shape) \(mask)")
        expectClose(
          observed.dgamma, difference(gamma) { loss(x, $0, beta) }, tolerance: tolerance, "dgamma \(shape) \(mask)")
        expectClose(
          observed.dbeta, difference(beta) { loss(x, gamma, $0) }, tolerance: tolerance, "dbeta \(shape) \(mask)")
      }
    }
  }

  @Test func nilOutputsAreSkipped() {
    for shape in [(40, 10, 1), (2, 3, 200)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      var random = Seeded(31)
      let x: [Float] = random.array(shape.valueCount)
      let dy: [Float] = random.array(shape.valueCount)
      let expected = runBackward(dy, x, nil, nil, shape, mask: .none, dx: .own)
      let forward = runForward(x, nil, nil, shape)
      let dx = GuardedBuffer<Float>(count: x.count)
      let (gradient, input) = (GuardedBuffer(dy), GuardedBuffer(x))
      let (mean, inverseStd) = (GuardedBuffer(forward.mean), GuardedBuffer(forward.inverseStd))
      batchNormBackward(
        dy: gradient.input, x: input.input, gamma: nil, mean: mean.input, inverseStd: inverseStd.input,
        dx: dx.pointer, dgamma: nil, dbeta: nil, shape: shape)
      #expect(dx.values == expected.dx)
    }
  }

  @Test func emptyInputs() {
    for shape in [(0, 3, 1), (0, 2, 100), (4, 3, 0)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      let dgamma = GuardedBuffer<Float>(count: shape.channels)
      let dbeta = GuardedBuffer<Float>(count: shape.channels)
      let none = GuardedBuffer<Float>([])
      let ones = GuardedBuffer<Float>([1, 1, 1])
      batchNormBackward(
        dy: none.input, x: none.input, gamma: nil, mean: ones.input, inverseStd: ones.input, dx: none.pointer,
        dgamma: dgamma.pointer, dbeta: dbeta.pointer, shape: shape)
      #expect((dgamma.values + dbeta.values).allSatisfy { $0 == 0 }, "\(shape)")
    }
  }

  @Test func sameForAllThreadCounts() {
    for shape in largeNormalizationShapes {
      var random = Seeded(1)
      let x: [Float] = random.array(shape.valueCount, in: 2...3)
      let dy: [Float] = random.array(shape.valueCount)
      for mask in MaskChoice.allCases {
        expectSameForAllThreadCounts("backward \(shape) \(mask)") {
          runBackward(dy, x, nil, nil, shape, mask: mask, dx: .own).all
        }
      }
    }
  }
}
