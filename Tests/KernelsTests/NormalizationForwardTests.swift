import Kernels
import Parallel
import Testing

/// Memory that starts one element behind an aligned address, with guards on both sides.
final class GuardedBuffer<T: KernelScalar> {
  private static var guardValue: T { 12_345 }
  private let base: UnsafeMutablePointer<T>
  let count: Int
  var pointer: UnsafeMutablePointer<T> { base + 1 }
  var input: UnsafePointer<T> { UnsafePointer(pointer) }
  var values: [T] { Array(UnsafeBufferPointer(start: input, count: count)) }

  init(_ values: [T]) {
    count = values.count
    base = (UnsafeMutableRawPointer.allocate(byteCount: (count + 34) * MemoryLayout<T>.stride, alignment: 64))
      .assumingMemoryBound(to: T.self)
    base.initialize(repeating: Self.guardValue, count: count + 34)
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  convenience init(count: Int) { self.init([T](repeating: T(-777), count: count)) }

  deinit {
    let isIntact = base[0] == Self.guardValue && (count + 1..<count + 34).allSatisfy { base[$0] == Self.guardValue }
    if !isIntact { Issue.record("wrote outside of a buffer of \(count) elements") }
    base.deallocate()
  }
}

/// Straightforward statistics and results in Float80.
struct BatchNormReference {
  let shape: NormalizationShape
  var mean, variance, inverseStd: [Double]
  /// One element of each channel; how far the mean lies above it.
  private var origins, offsets, inverses: [Float80]

  init<T: KernelScalar>(_ x: [T], _ shape: NormalizationShape, epsilon: Double) {
    self.shape = shape
    let n = Float80(shape.outer * shape.inner)
    // Relative to one element: sums of large values would cost even Float80 the digits that tests of Double need.
    let origins: [Float80] = (0..<shape.channels).map { x.isEmpty ? 0 : Float80(x[$0 * shape.inner]) }
    var sums = [Float80](repeating: 0, count: shape.channels)
    for (index, value) in x.enumerated() {
      let c = Self.channel(index, shape)
      sums[c] += Float80(value) - origins[c]
    }
    let offsets = sums.map { $0 / n }
    var squares = [Float80](repeating: 0, count: shape.channels)
    for (index, value) in x.enumerated() {
      let c = Self.channel(index, shape)
      let d = Float80(value) - origins[c] - offsets[c]
      squares[c] += d * d
    }
    inverses = squares.map { 1 / ($0 / n + Float80(epsilon)).squareRoot() }
    (self.origins, self.offsets) = (origins, offsets)
    mean = zip(origins, offsets).map { Double($0 + $1) }
    variance = squares.map { Double($0 / n) }
    inverseStd = inverses.map { Double($0) }
  }

  static func channel(_ index: Int, _ shape: NormalizationShape) -> Int { index / shape.inner % shape.channels }

  func normalized<T: KernelScalar>(_ x: [T]) -> [Float80] {
    x.enumerated().map { index, value in
      let c = Self.channel(index, shape)
      return (Float80(value) - origins[c] - offsets[c]) * inverses[c]
    }
  }

  func forward<T: KernelScalar>(_ x: [T], _ gamma: [T]?, _ beta: [T]?, relu: Bool) -> [Double] {
    normalized(x).enumerated().map { index, value in
      let c = Self.channel(index, shape)
      let y = value * Float80(gamma?[c] ?? 1) + Float80(beta?[c] ?? 0)
      return Double(relu && y < 0 ? 0 : y)
    }
  }

  /// dx, dgamma, dbeta of the masked gradient `g`.
  func backward<T: KernelScalar>(_ g: [T], _ x: [T], _ gamma: [T]?) -> (dx: [Double], dgamma: [Double], dbeta: [Double])
  {
    let n = Float80(shape.outer * shape.inner)
    let xhat = normalized(x)
    var dgamma = [Float80](repeating: 0, count: shape.channels)
    var dbeta = dgamma
    for index in x.indices {
      let c = Self.channel(index, shape)
      dbeta[c] += Float80(g[index])
      dgamma[c] += Float80(g[index]) * xhat[index]
    }
    let dx = x.indices.map { index in
      let c = Self.channel(index, shape)
      let inner = Float80(g[index]) - dbeta[c] / n - xhat[index] * dgamma[c] / n
      return Double(Float80(gamma?[c] ?? 1) * inverses[c] * inner)
    }
    return (dx, dgamma.map { Double($0) }, dbeta.map { Double($0) })
  }
}

/// Shapes around the edges of vectors, tiles, blocks, strips and segments.
let normalizationShapes: [NormalizationShape] = {
  var shapes: [NormalizationShape] = []
  for channels in [1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 32, 33, 64, 65, 100, 129, 515] {
    for outer in [1, 2, 3, 8, 33, 131] {
      shapes.append(NormalizationShape(outer: outer, channels: channels, inner: 1))
    }
  }
  for inner in [2, 3, 16, 49, 63, 64, 65, 100, 127, 256, 676, 4_097] {
    for (outer, channels) in [(1, 1), (1, 3), (2, 5), (9, 2), (3, 16)] {
      shapes.append(NormalizationShape(outer: outer, channels: channels, inner: inner))
    }
  }
  return shapes
}()

/// Shapes that are shared among threads: rows, strips of columns, blocks of channels, segments of channels.
let largeNormalizationShapes = [
  NormalizationShape(outer: 4_001, channels: 64, inner: 1),
  NormalizationShape(outer: 70_001, channels: 3, inner: 1),
  NormalizationShape(outer: 261, channels: 1_003, inner: 1),
  NormalizationShape(outer: 50, channels: 5_003, inner: 1),
  NormalizationShape(outer: 150, channels: 130, inner: 7),
  NormalizationShape(outer: 12, channels: 24, inner: 676),
  NormalizationShape(outer: 2, channels: 3, inner: 40_001),
  NormalizationShape(outer: 1, channels: 1, inner: 300_000),
]

struct BatchNormForwardResult<T: KernelScalar> {
  var y, mean, variance, inverseStd: [T]
  var all: [T] { y + mean + variance + inverseStd }
}

func runForward<T: KernelScalar>(
  _ x: [T], _ gamma: [T]?, _ beta: [T]?, _ shape: NormalizationShape, epsilon: Double = 1e-3, relu: Bool = false,
  inPlace: Bool = false
) -> BatchNormForwardResult<T> {
  let input = GuardedBuffer(x)
  let y = inPlace ? input : GuardedBuffer<T>(count: x.count)
  let mean = GuardedBuffer<T>(count: shape.channels)
  let variance = GuardedBuffer<T>(count: shape.channels)
  let inverseStd = GuardedBuffer<T>(count: shape.channels)
  let (gamma, beta) = (gamma.map { GuardedBuffer($0) }, beta.map { GuardedBuffer($0) })
  batchNormForward(
    x: input.input, gamma: gamma?.input, beta: beta?.input, y: y.pointer, mean: mean.pointer,
    variance: variance.pointer, inverseStd: inverseStd.pointer, shape: shape, epsilon: epsilon, relu: relu)
  return BatchNormForwardResult(
    y: y.values, mean: mean.values, variance: variance.values, inverseStd: inverseStd.values)
}

struct NormalizationForwardTests {
  private func check<T: KernelScalar>(
    _ type: T.Type, _ shape: NormalizationShape, center: Double, relu: Bool, affine: Bool, inPlace: Bool
  ) {
    var random = Seeded(UInt64(shape.valueCount &+ shape.channels))
    let x: [T] = random.array(shape.valueCount, in: center - 2...center + 2)
    let gamma: [T]? = affine ? random.array(shape.channels, in: -2...2) : nil
    let beta: [T]? = affine ? random.array(shape.channels, in: -1...1) : nil
    let reference = BatchNormReference(x, shape, epsilon: 1e-3)
    let observed = runForward(x, gamma, beta, shape, relu: relu, inPlace: inPlace)
    let what = "\(T.self) \(shape) at \(center) relu \(relu)"
    let epsilon = Double(T.ulpOfOne)
    // The deviation is about 1; lanes of T add up to 32 values before they are flushed.
    expectClose(observed.mean, reference.mean, tolerance: 4 * epsilon, "mean \(what)")
    expectClose(observed.variance, reference.variance, tolerance: 8 * epsilon, "variance \(what)")
    // Few elements may lie close together: errors of x - mean count relative to their distance then.
    let amplification = (reference.inverseStd.max() ?? 1) * 2
    expectClose(
      observed.inverseStd, reference.inverseStd, tolerance: 8 * epsilon * amplification, "inverseStd \(what)")
    expectClose(
      observed.y, reference.forward(x, gamma, beta, relu: relu), tolerance: 8 * epsilon * amplification,
      "y \(what)")
  }

  @Test func smallShapes() {
    for (index, shape) in normalizationShapes.enumerated() {
      let (relu, affine, inPlace) = (index % 2 == 0, index % 3 != 0, index % 5 < 2)
      check(Float.self, shape, center: 0.5, relu: relu, affine: affine, inPlace: inPlace)
      check(Double.self, shape, center: 0.5, relu: relu, affine: affine, inPlace: inPlace)
    }
  }

  @Test func largeShapes() {
    for shape in largeNormalizationShapes {
      check(Float.self, shape, center: 0.5, relu: true, affine: true, inPlace: true)
      check(Double.self, shape, center: 0.5, relu: false, affine: true, inPlace: false)
    }
  }

  @Test func meanFarAboveDeviation() {
    for shape in [(700, 10, 1), (64, 128, 1), (20, 3, 676), (2, 3, 40_001), (90, 4, 9)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      for center in [1e4, -1e4, 1e6] {
        check(Float.self, shape, center: center, relu: false, affine: true, inPlace: false)
        check(Double.self, shape, center: center, relu: false, affine: true, inPlace: false)
      }
    }
  }

  /// Outliers sit exactly where the shift is sampled; without a second turn the variance would be off by 1e-4.
  @Test func sumsAreFormedAgainAfterAPoorShift() {
    for (outer, inner) in [(100_000, 1), (1, 20_000), (2, 200_000)] {
      let shape = NormalizationShape(outer: outer, channels: 1, inner: inner)
      var random = Seeded(5)
      var x: [Float] = random.array(shape.valueCount)
      for i in 0..<16 { x[x.count * i / 16] = 1e4 }
      let reference = BatchNormReference(x, shape, epsilon: 1e-3)
      let observed = runForward(x, nil, nil, shape)
      let epsilon = Double(Float.ulpOfOne)
      expectClose(observed.mean, reference.mean, tolerance: epsilon, "mean \(shape)")
      expectClose(observed.variance, reference.variance, tolerance: 4 * epsilon, "variance \(shape)")
    }
  }

  private func checkConstants<T: KernelScalar>(_ type: T.Type) {
    for shape in [(1, 3, 1), (7, 3, 1), (777, 5, 1), (3, 2, 5), (5, 3, 677), (1, 1, 70_000)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      let levels: [T] = [0.1, -1e10, 3.3e-5, 7, 1e4 / 3].map { T($0) }
      let x = (0..<shape.valueCount).map { levels[BatchNormReference.channel($0, shape)] }
      let beta = (0..<shape.channels).map { T(0.3) + T($0) }
      let observed = runForward(x, levels, beta, shape)
      #expect(observed.variance.allSatisfy { $0 == 0 && $0.sign == .plus }, "\(shape)")
      #expect(observed.mean == Array(levels.prefix(shape.channels)), "\(shape)")
      #expect(observed.y.indices.allSatisfy { observed.y[$0] == beta[BatchNormReference.channel($0, shape)] })
    }
  }

  @Test func constantChannels() {
    checkConstants(Float.self)
    checkConstants(Double.self)
  }

  private func checkNonFinite<T: KernelScalar>(_ type: T.Type, _ shape: NormalizationShape) {
    var random = Seeded(3)
    let clean: [T] = random.array(shape.valueCount)
    // The last element of channel 1 and of channel 3, the first of channel 4.
    for position in [0, shape.countPerChannel - 1] {
      var x = clean
      for (channel, value) in [(1, T.nan), (3, T.infinity), (4, -T.infinity)] {
        x[(position / shape.inner * shape.channels + channel) * shape.inner + position % shape.inner] = value
      }
      for relu in [false, true] {
        let expected = runForward(clean, nil, nil, shape, relu: relu)
        let observed = runForward(x, nil, nil, shape, relu: relu)
        for channel in 0..<shape.channels {
          let isBad = [1, 3, 4].contains(channel)
          #expect(observed.mean[channel].isNaN == isBad && observed.variance[channel].isNaN == isBad)
          if !isBad { #expect(observed.variance[channel] == expected.variance[channel]) }
        }
        for index in x.indices {
          let isBad = [1, 3, 4].contains(BatchNormReference.channel(index, shape))
          if isBad ? !observed.y[index].isNaN : observed.y[index] != expected.y[index] {
            Issue.record("\(shape) relu \(relu): y[\(index)] = \(observed.y[index])")
            break
          }
        }
      }
    }
  }

  @Test func nonFiniteValuesStayInTheirChannel() {
    for shape in [(9, 7, 1), (200, 16, 1), (20, 5, 3), (3, 6, 700), (2, 5, 70_000)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      checkNonFinite(Float.self, shape)
      checkNonFinite(Double.self, shape)
    }
  }

  @Test func emptyInputs() {
    for shape in [(0, 3, 1), (0, 2, 100), (4, 3, 0)] {
      let shape = NormalizationShape(outer: shape.0, channels: shape.1, inner: shape.2)
      let observed = runForward([Float](), nil, nil, shape)
      #expect(observed.mean.allSatisfy(\.isNaN) && observed.variance.allSatisfy(\.isNaN))
    }
    #expect(runForward([Double](), nil, nil, NormalizationShape(outer: 4, channels: 0, inner: 1)).all.isEmpty)
  }

  @Test func momentsAreThoseOfTheForwardPass() {
    for shape in normalizationShapes + largeNormalizationShapes {
      var random = Seeded(9)
      let x: [Float] = random.array(shape.valueCount, in: 2...3)
      let expected = runForward(x, nil, nil, shape)
      let input = GuardedBuffer(x)
      let mean = GuardedBuffer<Float>(count: shape.channels)
      let variance = GuardedBuffer<Float>(count: shape.channels)
      batchMoments(x: input.input, mean: mean.pointer, variance: variance.pointer, shape: shape)
      #expect(mean.values == expected.mean && variance.values == expected.variance, "\(shape)")
    }
  }

  @Test func sameForAllThreadCounts() {
    for shape in largeNormalizationShapes {
      var random = Seeded(1)
      let x: [Float] = random.array(shape.valueCount, in: 2...3)
      expectSameForAllThreadCounts("forward \(shape)") { runForward(x, nil, nil, shape, relu: true).all }
      let doubles = x.map { Double($0) }
      expectSameForAllThreadCounts("forward \(shape)") { runForward(doubles, nil, nil, shape).all }
    }
  }
}

extension NormalizationShape {
  var valueCount: Int { outer * channels * inner }
  var countPerChannel: Int { outer * inner }
}
