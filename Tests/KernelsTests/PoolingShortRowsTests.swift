import Kernels
import Testing

/// Fused normalization and 2 × 2 pooling of channels-first images whose rows are short, at each width, against plain
/// loops. All numbers are small multiples of powers of two, so that gradients have no rounding and must be equal.
struct PoolingShortRowsTests {
  private func shape(_ n: Int, _ height: Int, _ width: Int, _ channels: Int, same: Bool = false) -> PoolingShape {
    let rest = same ? 1 : 0
    return PoolingShape(
      n: n, height: height, width: width, channels: channels, poolHeight: 2, poolWidth: 2, strideH: 2, strideW: 2,
      padTop: 0, padLeft: 0, outHeight: (height + rest) / 2, outWidth: (width + rest) / 2)
  }

  /// Even and odd sizes, with windows that the edges clip and with pixels in no window, several groups of rows, several
  /// chunks of planes.
  private var shapes: [PoolingShape] {
    var all: [PoolingShape] = []
    for width in 1...33 {
      for height in [1, 2, 3, 4, 9, 12] {
        for same in [false, true] { all.append(shape(2, height, width, 3, same: same)) }
      }
    }
    return all + [
      shape(1, 10, 10, 1), shape(30, 10, 10, 40), shape(20, 13, 13, 33, same: true), shape(1, 65, 31, 1),
      shape(2, 67, 31, 2), shape(1, 1024, 2, 2), shape(1, 2048, 1, 1, same: true), shape(0, 10, 10, 3),
    ]
  }

  /// Pixels of each window, by planes, rows of windows, windows.
  private func windows(_ s: PoolingShape) -> [[Int]] {
    var all: [[Int]] = []
    for plane in 0..<s.n * s.channels {
      for i in 0..<s.outHeight {
        for j in 0..<s.outWidth {
          let rows = 2 * i..<min(2 * i + 2, s.height)
          all.append(
            rows.flatMap { h in (2 * j..<min(2 * j + 2, s.width)).map { (plane * s.height + h) * s.width + $0 } })
        }
      }
    }
    return all
  }

  /// With few different pixels most windows have several that equal what was picked, with many nearly none.
  private func checkGradient<T: KernelScalar>(
    _ s: PoolingShape, relu: Bool, rectifies: Bool, pixels: ClosedRange<Int>, seed: UInt64, _: T.Type
  ) {
    var random = Seeded(seed)
    func numbers(_ count: Int, _ range: ClosedRange<Int>) -> [T] {
      (0..<count).map { _ in T(Int.random(in: range, using: &random)) / 2 }
    }
    let windows = windows(s)
    var x = numbers(s.n * s.channels * s.height * s.width, pixels)
    if let first = windows.first { x[first.last!] = .nan }
    let dy = numbers(windows.count, -9...9)
    let picked: [T] = windows.enumerated().map { index, pixels in
      // Some have nothing that let the gradient through.
      if relu && index % 5 == 3 { return .infinity }
      return pixels.map { x[$0] }.reduce(-.infinity) { $0 > $1 || $0.isNaN ? $0 : $1 }
    }
    let (mean, scale) = (numbers(s.channels, -4...4), numbers(s.channels, -4...4))
    let (slope, constant) = (numbers(s.channels, -4...4), numbers(s.channels, -4...4))

    var gradient = [T](repeating: 0, count: x.count)
    for (index, pixels) in windows.enumerated() where !relu || picked[index] < .infinity {
      let found = pixels.first { !(x[$0] < picked[index] || x[$0] > picked[index]) }
      if let found { gradient[found] = dy[index] }
    }
    var bias = [Double](repeating: 0, count: s.channels)
    let expected: [T] = x.indices.map { i in
      let c = i / max(1, s.height * s.width) % s.channels
      let d = gradient[i] * scale[c] + ((x[i] - mean[c]) * slope[c] + constant[c])
      let kept = rectifies && !(x[i] > 0) ? 0 : d
      bias[c] += Double(kept)
      return kept
    }

    let what = "\(T.self) \(s) relu \(relu) rectifies \(rectifies) pixels \(pixels)"
    func run(inPlace: Bool) -> [T] {
      let memory = GuardedMemory()
      let (source, dx, dbias) = (memory(x), inPlace ? memory(x) : memory(x.count) as GuardedArray<T>, memory(mean))
      batchNormMaxPooling2DGradientMap(
        dy: dy, picked: picked, x: inPlace ? dx.p : source.p, mean: mean, scale: scale, slope: slope,
        constant: constant, dx: dx.p, dbias: rectifies ? dbias.p : nil, shape: s, relu: relu, channelsFirst: true)
      return dx.values + (rectifies ? dbias.values : bias.map { T($0) })
    }
    for inPlace in [false, true] {
      let observed = run(inPlace: inPlace)
      let same = zip(observed, expected + bias.map { T($0) }).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
      #expect(same, "\(what) in place \(inPlace)")
    }
    if x.count > 10_000 { expectSameForAllThreadCounts(what) { run(inPlace: false) } }
  }

  private func checkForward<T: KernelScalar>(_ s: PoolingShape, relu: Bool, seed: UInt64, _: T.Type) {
    if s.n == 0 || s.outHeight * s.outWidth == 0 { return }
    var random = Seeded(seed)
    let x: [T] = (0..<s.n * s.channels * s.height * s.width).map { _ in T(Int.random(in: -3...3, using: &random)) }
    // Largest, smallest and first pixels are picked.
    let gamma = (0..<s.channels).map { T([1, -1, 0][$0 % 3]) }
    let beta = [T](repeating: 0.25, count: s.channels)
    let windows = windows(s)
    let what = "\(T.self) \(s) relu \(relu)"
    func run(keep: Bool) -> [T] {
      let memory = GuardedMemory()
      let (y, picked) = (memory(windows.count) as GuardedArray<T>, memory(windows.count) as GuardedArray<T>)
      let (mean, inverse) = (memory(gamma), memory(gamma))
      var room = [T](repeating: 0, count: 2 * s.channels)
      batchNormMaxPooling2D(
        x: x, gamma: gamma, beta: beta, y: y.p, picked: keep ? picked.p : nil, mean: mean.p, variance: nil,
        inverseStd: inverse.p, coefficients: &room, shape: s, epsilon: 1e-3, relu: relu, channelsFirst: true)
      return y.values + (keep ? picked.values : []) + mean.values + inverse.values
    }
    let observed = run(keep: true)
    let (count, c) = (windows.count, s.channels)
    let (mean, inverse) = (observed[2 * count..<2 * count + c], observed[(2 * count + c)...])
    var (y, kept): ([Double], [Double]) = ([], [])
    for (index, pixels) in windows.enumerated() {
      let channel = index / (s.outHeight * s.outWidth) % c
      let values = pixels.map { Double(x[$0]) }
      let pick = [values.max()!, values.min()!, values[0]][channel % 3]
      let deviation = pick - Double(mean[mean.startIndex + channel])
      let z = deviation * Double(inverse[inverse.startIndex + channel]) * Double(gamma[channel]) + 0.25
      y.append(relu ? max(0, z) : z)
      kept.append(relu && z <= 0 ? .infinity : pick)
    }
    expectClose(Array(observed[..<count]), y, tolerance: T.self == Float.self ? 4e-6 : 1e-14, "\(what): y")
    expectClose(Array(observed[count..<2 * count]), kept, tolerance: 0, "\(what): picked")
    #expect(run(keep: false).prefix(count) == observed.prefix(count), "\(what): y without picked")
    if x.count > 10_000 { expectSameForAllThreadCounts(what) { run(keep: true) } }
  }

  @Test func gradients() {
    for (index, s) in shapes.enumerated() {
      for (relu, rectifies) in [(false, false), (false, true), (true, false), (true, true)] {
        for pixels in [-3...3, -1_000...1_000] {
          checkGradient(s, relu: relu, rectifies: rectifies, pixels: pixels, seed: UInt64(index), Float.self)
          checkGradient(s, relu: relu, rectifies: rectifies, pixels: pixels, seed: UInt64(index), Double.self)
        }
      }
    }
  }

  @Test(arguments: [false, true]) func results(relu: Bool) {
    for (index, s) in shapes.enumerated() {
      checkForward(s, relu: relu, seed: UInt64(index), Float.self)
      checkForward(s, relu: relu, seed: UInt64(index), Double.self)
    }
  }
}
