import Kernels
import Testing

/// Straightforward pooling in Double; the reference for all tests here.
private struct Reference {
  let shape: PoolingShape

  func windows(_ visit: (_ out: Int, _ inputs: [Int]) -> Void) {
    let s = shape
    for n in 0..<s.n {
      for i in 0..<s.outHeight {
        for j in 0..<s.outWidth {
          for c in 0..<s.channels {
            var inputs: [Int] = []
            for p in 0..<s.poolHeight {
              for q in 0..<s.poolWidth {
                let (h, w) = (i * s.strideH - s.padTop + p, j * s.strideW - s.padLeft + q)
                guard h >= 0, h < s.height, w >= 0, w < s.width else { continue }
                inputs.append(((n * s.height + h) * s.width + w) * s.channels + c)
              }
            }
            visit(((n * s.outHeight + i) * s.outWidth + j) * s.channels + c, inputs)
          }
        }
      }
    }
  }

  var inputCount: Int { shape.n * shape.height * shape.width * shape.channels }
  var outputCount: Int { shape.n * shape.outHeight * shape.outWidth * shape.channels }

  /// Position of each window's first maximum or first NaN, nil when all is padding.
  func firstMaxima(_ x: [Double]) -> [Int?] {
    var result = [Int?](repeating: nil, count: outputCount)
    windows { out, inputs in
      result[out] = inputs.first { x[$0].isNaN } ?? inputs.reduce(nil as Int?) { $0 == nil || x[$1] > x[$0!] ? $1 : $0 }
    }
    return result
  }

  func max(_ x: [Double]) -> [Double] { firstMaxima(x).map { $0.map { x[$0] } ?? -.infinity } }

  func maxBackward(_ dy: [Double], _ x: [Double]) -> [Double] {
    var dx = [Double](repeating: 0, count: inputCount)
    for (out, position) in firstMaxima(x).enumerated() { if let position { dx[position] += dy[out] } }
    return dx
  }

  func average(_ x: [Double]) -> [Double] {
    var y = [Double](repeating: 0, count: outputCount)
    windows { out, inputs in
      if !inputs.isEmpty { y[out] = inputs.reduce(0) { $0 + x[$1] } / Double(inputs.count) }
    }
    return y
  }

  func averageBackward(_ dy: [Double]) -> [Double] {
    var dx = [Double](repeating: 0, count: inputCount)
    windows { out, inputs in for i in inputs { dx[i] += dy[out] / Double(inputs.count) } }
    return dx
  }
}

private func shape(
  _ n: Int, _ h: Int, _ w: Int, _ c: Int, pool: (Int, Int), stride: (Int, Int), pad: (Int, Int) = (0, 0),
  out: (Int, Int)
) -> PoolingShape {
  PoolingShape(
    n: n, height: h, width: w, channels: c, poolHeight: pool.0, poolWidth: pool.1, strideH: stride.0,
    strideW: stride.1, padTop: pad.0, padLeft: pad.1, outHeight: out.0, outWidth: out.1)
}

/// Every combination of path: windows apart, side by side, overlapping in one or both directions, padded, all padding.
private func geometries(_ c: Int) -> [PoolingShape] {
  [
    shape(2, 6, 8, c, pool: (2, 2), stride: (2, 2), out: (3, 4)),
    shape(2, 5, 7, c, pool: (2, 2), stride: (2, 2), out: (2, 3)),
    shape(1, 5, 7, c, pool: (2, 2), stride: (2, 2), out: (3, 4)),
    shape(2, 7, 6, c, pool: (3, 3), stride: (2, 2), pad: (1, 0), out: (4, 3)),
    shape(2, 5, 6, c, pool: (3, 2), stride: (1, 1), out: (3, 5)),
    shape(1, 5, 6, c, pool: (3, 3), stride: (1, 1), pad: (1, 1), out: (5, 6)),
    shape(2, 9, 8, c, pool: (2, 1), stride: (3, 3), out: (3, 3)),
    shape(1, 8, 7, c, pool: (2, 3), stride: (2, 1), pad: (0, 1), out: (4, 7)),
    shape(1, 8, 7, c, pool: (3, 2), stride: (1, 2), pad: (1, 0), out: (8, 4)),
    shape(1, 4, 4, c, pool: (4, 4), stride: (4, 4), out: (1, 1)),
    shape(1, 3, 3, c, pool: (2, 2), stride: (2, 2), pad: (2, 2), out: (4, 4)),
    shape(1, 3, 2, c, pool: (1, 9), stride: (1, 1), pad: (0, 4), out: (3, 2)),
    shape(0, 4, 4, c, pool: (2, 2), stride: (2, 2), out: (2, 2)),
    shape(2, 1, 4, c, pool: (2, 2), stride: (2, 2), out: (0, 2)),
  ]
}

private let channelCounts = [1, 2, 3, 7, 8, 9, 15, 16, 17, 20, 33]

/// Runs a kernel on copies that start one element past the allocation, with NaN where it must write.
private func run<T: KernelScalar>(
  _ count: Int, _ inputs: [[T]], _ body: ([UnsafePointer<T>], UnsafeMutablePointer<T>) -> Void
) -> [T] {
  let memory = inputs.map { input in
    let copy = UnsafeMutablePointer<T>.allocate(capacity: input.count + 1)
    (copy + 1).initialize(from: input, count: input.count)
    return copy
  }
  let output = UnsafeMutablePointer<T>.allocate(capacity: count + 2)
  output.initialize(repeating: .nan, count: count + 2)
  defer {
    memory.forEach { $0.deallocate() }
    output.deallocate()
  }
  body(memory.map { UnsafePointer($0 + 1) }, output + 1)
  #expect(output[0].isNaN && output[count + 1].isNaN, "wrote outside")
  return (1..<count + 1).map { output[$0] }
}

private func forwardMax<T: KernelScalar>(_ x: [T], _ s: PoolingShape) -> [T] {
  run(Reference(shape: s).outputCount, [x]) { maxPooling2D($0[0], $1, s) }
}
private func backwardMax<T: KernelScalar>(_ dy: [T], _ x: [T], _ y: [T], _ s: PoolingShape) -> [T] {
  run(Reference(shape: s).inputCount, [dy, x, y]) { maxPooling2DBackward($0[0], $0[1], $0[2], $1, s) }
}
private func forwardAverage<T: KernelScalar>(_ x: [T], _ s: PoolingShape) -> [T] {
  run(Reference(shape: s).outputCount, [x]) { averagePooling2D($0[0], $1, s) }
}
private func backwardAverage<T: KernelScalar>(_ dy: [T], _ s: PoolingShape) -> [T] {
  run(Reference(shape: s).inputCount, [dy]) { averagePooling2DBackward($0[0], $1, s) }
}

struct PoolingTests {
  @Test(arguments: channelCounts)
  func allGeometries(channels: Int) {
    func check<T: KernelScalar>(_ type: T.Type) {
      var random = Seeded(UInt64(channels))
      for s in geometries(channels) {
        let reference = Reference(shape: s)
        // Few distinct values: most windows hold several equal maxima, and the first one must win.
        let coarse = (0..<reference.inputCount).map { _ in T(Int.random(in: -2...2, using: &random)) }
        let fine: [T] = random.array(reference.inputCount)
        let dy: [T] = random.array(reference.outputCount)
        let tolerance = 16 * Double(T.ulpOfOne)
        for x in [coarse, fine] {
          let xd = x.map(Double.init)
          let y = forwardMax(x, s)
          expectClose(y, reference.max(xd), tolerance: 0, "max \(s)")
          let dx = backwardMax(dy, x, y, s)
          expectClose(dx, reference.maxBackward(dy.map(Double.init), xd), tolerance: tolerance, "max backward \(s)")
          expectClose(forwardAverage(x, s), reference.average(xd), tolerance: tolerance, "average \(s)")
        }
        let dx = backwardAverage(dy, s)
        expectClose(dx, reference.averageBackward(dy.map(Double.init)), tolerance: tolerance, "average backward \(s)")
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test(arguments: [1, 16, 21])
  func notANumberWinsAndGetsTheGradient(channels: Int) {
    func check<T: KernelScalar>(_ type: T.Type) {
      var random = Seeded(3)
      for s in geometries(channels) {
        let reference = Reference(shape: s)
        var x: [T] = random.array(reference.inputCount)
        for i in x.indices where Int.random(in: 0..<5, using: &random) == 0 { x[i] = .nan }
        for i in x.indices where Int.random(in: 0..<9, using: &random) == 0 { x[i] = -.infinity }
        let dy: [T] = random.array(reference.outputCount)
        let xd = x.map(Double.init)
        let y = forwardMax(x, s)
        expectClose(y, reference.max(xd), tolerance: 0, "\(s)")
        let expected = reference.maxBackward(dy.map(Double.init), xd)
        expectClose(backwardMax(dy, x, y, s), expected, tolerance: 16 * Double(T.ulpOfOne), "\(s)")
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// Central differences of Σ dy · forward; distinct inputs keep each maximum where it is.
  @Test(arguments: [2, 9])
  func gradientsMatchDifferences(channels: Int) {
    var random = Seeded(11)
    for s in geometries(channels) {
      let reference = Reference(shape: s)
      let x = (0..<reference.inputCount).map { Double($0) * 0.125 }.shuffled(using: &random)
      let dy: [Double] = random.array(reference.outputCount)
      func difference(_ forward: ([Double], PoolingShape) -> [Double], _ i: Int) -> Double {
        let step = 1.0 / 64
        var (above, below) = (x, x)
        above[i] += step
        below[i] -= step
        let change = zip(forward(above, s), forward(below, s)).map { $0 == $1 ? 0 : $0 - $1 }
        return zip(dy, change).reduce(0) { $0 + $1.0 * $1.1 } / (2 * step)
      }
      let maximum = backwardMax(dy, x, forwardMax(x, s), s)
      let average = backwardAverage(dy, s)
      for i in stride(from: 0, to: x.count, by: 5) {
        expectClose([maximum[i]], [difference(forwardMax, i)], tolerance: 1e-9, "max \(s)")
        expectClose([average[i]], [difference(forwardAverage, i)], tolerance: 1e-9, "average \(s)")
      }
    }
  }

  @Test func sameForAllThreadCounts() {
    var random = Seeded(5)
    for s in [
      shape(16, 26, 26, 32, pool: (2, 2), stride: (2, 2), out: (13, 13)),
      shape(64, 28, 28, 3, pool: (3, 3), stride: (2, 2), pad: (1, 1), out: (14, 14)),
    ] {
      let x: [Float] = random.array(Reference(shape: s).inputCount)
      let dy: [Float] = random.array(Reference(shape: s).outputCount)
      expectSameForAllThreadCounts("max") { forwardMax(x, s) }
      expectSameForAllThreadCounts("average") { forwardAverage(x, s) }
      expectSameForAllThreadCounts("max backward") { backwardMax(dy, x, forwardMax(x, s), s) }
      expectSameForAllThreadCounts("average backward") { backwardAverage(dy, s) }
    }
  }
}
