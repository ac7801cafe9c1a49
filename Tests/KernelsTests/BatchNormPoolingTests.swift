import Kernels
import Testing

/// Fused normalization and pooling against the kernels for each alone, which have references of their own.
struct BatchNormPoolingTests {
  private struct Case {
    var shape: PoolingShape
    var relu = false
    var rectifies = false
    var mean = 0.0

    var inputs: Int { shape.n * shape.height * shape.width * shape.channels }
    var outputs: Int { shape.n * shape.outHeight * shape.outWidth * shape.channels }
    var normalization: NormalizationShape {
      NormalizationShape(outer: shape.n * shape.height * shape.width, channels: shape.channels, inner: 1)
    }
  }

  private func shape(
    _ n: Int, _ h: Int, _ w: Int, _ c: Int, pool: (Int, Int), pad: (Int, Int) = (0, 0), out: (Int, Int)
  ) -> PoolingShape {
    PoolingShape(
      n: n, height: h, width: w, channels: c, poolHeight: pool.0, poolWidth: pool.1, strideH: pool.0,
      strideW: pool.1, padTop: pad.0, padLeft: pad.1, outHeight: out.0, outWidth: out.1)
  }

  /// Whole windows, rows and columns in no window, clipped windows, several chunks, windows in no image.
  private var cases: [Case] {
    var all: [Case] = []
    for c in [1, 3, 8, 16, 17, 35] {
      all += [
        Case(shape: shape(2, 6, 8, c, pool: (2, 2), out: (3, 4))),
        Case(shape: shape(3, 7, 5, c, pool: (2, 2), out: (3, 2)), rectifies: true, mean: 0.5),
        Case(shape: shape(2, 5, 7, c, pool: (2, 2), out: (3, 4)), relu: true, rectifies: true),
        Case(shape: shape(1, 7, 8, c, pool: (3, 2), pad: (1, 0), out: (3, 4)), relu: true, mean: 1e4),
        Case(shape: shape(2, 4, 4, c, pool: (1, 4), out: (4, 1)), rectifies: true),
        Case(shape: shape(2, 2, 2, c, pool: (3, 3), out: (0, 0)), rectifies: true),
      ]
    }
    all.append(Case(shape: shape(9, 26, 26, 32, pool: (2, 2), out: (13, 13)), rectifies: true, mean: 0.2))
    return all
  }

  private struct Result<T: KernelScalar> {
    var y, picked, mean, variance, inverse, dx, dgamma, dbeta, dbias: [T]
  }

  private struct Data<T: KernelScalar> {
    var x, gamma, beta, dy: [T]
    init(_ c: Case, seed: UInt64) {
      var random = Seeded(seed)
      let mean = c.mean
      x = random.array(c.inputs, in: mean - 1...mean + 1)
      gamma = random.array(c.shape.channels)
      if gamma.count > 2 { gamma[2] = 0 }
      beta = random.array(c.shape.channels)
      dy = random.array(c.outputs)
    }
  }

  private func fused<T: KernelScalar>(
    _ c: Case, _ d: Data<T>, inPlace: Bool = false, channelsFirst: Bool = false
  ) -> Result<T> {
    let channels = [T](repeating: 7, count: c.shape.channels)
    let pooled = [T](repeating: 7, count: c.outputs)
    var r = Result<T>(
      y: pooled, picked: pooled, mean: channels, variance: channels, inverse: channels, dx: inPlace ? d.x : d.x + [9],
      dgamma: channels, dbeta: channels, dbias: channels)
    var room = [T](repeating: 0, count: 3 * c.shape.channels)
    batchNormMaxPooling2D(
      x: d.x, gamma: d.gamma, beta: d.beta, y: &r.y, picked: &r.picked, mean: &r.mean, variance: &r.variance,
      inverseStd: &r.inverse, coefficients: &room, shape: c.shape, epsilon: 1e-3, relu: c.relu,
      channelsFirst: channelsFirst)
    r.dx.withUnsafeMutableBufferPointer { dx in
      d.x.withUnsafeBufferPointer { x in
        r.dbias.withUnsafeMutableBufferPointer { dbias in
          batchNormMaxPooling2DBackward(
            dy: d.dy, picked: r.picked, x: inPlace ? UnsafePointer(dx.baseAddress!) : x.baseAddress!, gamma: d.gamma,
            mean: r.mean, inverseStd: r.inverse, dx: dx.baseAddress!, dgamma: &r.dgamma, dbeta: &r.dbeta,
            dbias: c.rectifies ? dbias.baseAddress! : nil, coefficients: &room, shape: c.shape, relu: c.relu,
            channelsFirst: channelsFirst)
        }
      }
    }
    return r
  }

  private func separate<T: KernelScalar>(_ c: Case, _ d: Data<T>) -> Result<T> {
    let channels = [T](repeating: 7, count: c.shape.channels)
    var z = [T](repeating: 0, count: c.inputs)
    var r = Result<T>(
      y: [T](repeating: 7, count: c.outputs), picked: [], mean: channels, variance: channels, inverse: channels, dx: z,
      dgamma: channels, dbeta: channels, dbias: channels)
    batchNormForward(
      x: d.x, gamma: d.gamma, beta: d.beta, y: &z, mean: &r.mean, variance: &r.variance, inverseStd: &r.inverse,
      shape: c.normalization, epsilon: 1e-3, relu: c.relu)
    maxPooling2D(z, &r.y, c.shape)
    var dz = [T](repeating: 0, count: c.inputs)
    maxPooling2DBackward(d.dy, z, r.y, &dz, c.shape)
    if c.relu { for i in dz.indices where z[i] <= 0 { dz[i] = 0 } }
    batchNormBackward(
      dy: dz, x: d.x, gamma: d.gamma, mean: r.mean, inverseStd: r.inverse, dx: &r.dx, dgamma: &r.dgamma,
      dbeta: &r.dbeta, shape: c.normalization)
    if c.rectifies {
      let before = r.dx
      reluBackwardColumnSums(
        before, d.x, &r.dx, &r.dbias, rows: c.normalization.outer, n: c.shape.channels)
    }
    return r
  }

  private func check<T: KernelScalar>(_: T.Type) {
    for (index, c) in cases.enumerated() {
      let data = Data<T>(c, seed: UInt64(index))
      let (observed, expected) = (fused(c, data), separate(c, data))
      let what = "\(T.self) case \(index)"
      #expect(observed.y == expected.y, "\(what): y")
      #expect(observed.mean == expected.mean && observed.variance == expected.variance, "\(what): statistics")
      #expect(observed.inverse == expected.inverse, "\(what): 1/σ")
      let tolerance = (T.self == Float.self ? 2e-6 : 4e-15) * Double(max(1, c.shape.poolHeight * c.shape.width))
      func close(_ a: [T], _ b: [T], _ name: String) {
        expectClose(a, b.map { Double($0) }, tolerance: tolerance, "\(what): \(name)")
      }
      #expect(observed.dx.last == 9, "\(what): wrote behind dx")
      close(Array(observed.dx.dropLast()), expected.dx, "dx")
      close(observed.dgamma, expected.dgamma, "dgamma")
      close(observed.dbeta, expected.dbeta, "dbeta")
      close(observed.dbias, expected.dbias, "dbias")
      #expect(fused(c, data, inPlace: true).dx == Array(observed.dx.dropLast()), "\(what): dx over x")
      expectSameForAllThreadCounts(what) {
        let r = fused(c, data)
        return r.y + r.dx + r.dgamma + r.dbeta + r.dbias
      }
    }
  }

  @Test func float() { check(Float.self) }
  @Test func double() { check(Double.self) }

  /// Images [N, pixels, C] as [N, C, pixels].
  private func planes<T>(_ images: [T], _ n: Int, _ pixels: Int, _ channels: Int) -> [T] {
    (0..<n * channels * pixels).map {
      let (plane, pixel) = ($0 / pixels, $0 % pixels)
      return images[(plane / channels * pixels + pixel) * channels + plane % channels]
    }
  }

  private func checkPlanes<T: KernelScalar>(_: T.Type) {
    // Besides rows of more windows than vectors have lanes, with and without a rest.
    let wide = [
      Case(shape: shape(2, 5, 70, 3, pool: (2, 2), out: (2, 35)), relu: true, rectifies: true),
      Case(shape: shape(2, 6, 64, 2, pool: (2, 2), out: (3, 32)), rectifies: true, mean: 0.5),
      Case(shape: shape(1, 7, 67, 3, pool: (2, 2), pad: (1, 1), out: (4, 34)), relu: true, mean: 1e3),
      Case(shape: shape(3, 4, 33, 2, pool: (2, 2), pad: (0, 1), out: (2, 17))),
    ]
    for (index, c) in (cases + wide).enumerated() {
      let s = c.shape
      let (pixels, pooled) = (s.height * s.width, s.outHeight * s.outWidth)
      let data = Data<T>(c, seed: UInt64(index))
      let expected = fused(c, data)
      var turned = data
      turned.x = planes(data.x, s.n, pixels, s.channels)
      turned.dy = planes(data.dy, s.n, pooled, s.channels)
      let observed = fused(c, turned, channelsFirst: true)
      let what = "\(T.self) planes \(index)"
      let tolerance = (T.self == Float.self ? 4e-6 : 8e-15) * Double(max(1, s.poolHeight * s.width))
      func close(_ a: [T], _ b: [T], _ name: String) {
        expectClose(a, b.map { Double($0) }, tolerance: tolerance, "\(what): \(name)")
      }
      close(observed.y, planes(expected.y, s.n, pooled, s.channels), "y")
      #expect(observed.dx.last == 9, "\(what): wrote behind dx")
      close(Array(observed.dx.dropLast()), planes(expected.dx, s.n, pixels, s.channels), "dx")
      close(observed.dgamma, expected.dgamma, "dgamma")
      close(observed.dbeta, expected.dbeta, "dbeta")
      close(observed.dbias, expected.dbias, "dbias")
      let inPlace = fused(c, turned, inPlace: true, channelsFirst: true)
      #expect(inPlace.dx == Array(observed.dx.dropLast()), "\(what): dx over x")
      expectSameForAllThreadCounts(what) {
        let r = fused(c, turned, channelsFirst: true)
        return r.y + r.dx + r.dgamma + r.dbeta + r.dbias
      }
    }
  }

  @Test func floatPlanes() { checkPlanes(Float.self) }
  @Test func doublePlanes() { checkPlanes(Double.self) }

  /// Gradients of 12 MB and more are stored past the caches if all their vectors are aligned.
  @Test(arguments: [false, true]) func streamedGradientsAreTheSame(channelsFirst: Bool) {
    let s = shape(5, 160, 160, 32, pool: (2, 2), out: (80, 80))
    let count = s.n * s.height * s.width * s.channels
    var random = Seeded(3)
    let pattern: [Float] = random.array(10_007)
    let x = (0..<count).map { pattern[$0 % 10_007] }
    let (dy, picked) = (Array(x.prefix(count / 4)), (0..<count / 4).map { x[4 * $0] })
    let ones = [Float](repeating: 1, count: 32)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * count + 128, alignment: 64)
    defer { memory.deallocate() }
    let results = [0, 1].map { lead in
      let dx = memory.assumingMemoryBound(to: Float.self) + lead
      dx.initialize(repeating: -1, count: count + 16)
      var (dgamma, dbeta, dbias, room) = (ones, ones, ones, [Float](repeating: 0, count: 96))
      batchNormMaxPooling2DBackward(
        dy: dy, picked: picked, x: x, gamma: ones, mean: ones, inverseStd: ones, dx: dx, dgamma: &dgamma,
        dbeta: &dbeta, dbias: &dbias, coefficients: &room, shape: s, relu: false, channelsFirst: channelsFirst)
      #expect((count..<count + 16).allSatisfy { dx[$0] == -1 })
      return Array(UnsafeBufferPointer(start: dx, count: count)) + dbias
    }
    #expect(results[0] == results[1])
  }

  /// NaN in a window makes its maximum NaN; where γ < 0 the smallest x is picked.
  @Test func pickedPixels() {
    let s = shape(1, 2, 4, 2, pool: (2, 2), out: (1, 2))
    // Pixels of two channels.
    let x: [Double] = [1, 1, 2, 2, 5, .nan, 6, 6, 3, 3, 4, 4, 8, 8, 7, 7]
    var (y, picked) = ([Double](repeating: 0, count: 4), [Double](repeating: 0, count: 4))
    var (mean, inverse, room) = ([0.0, 0], [0.0, 0], [0.0, 0, 0, 0])
    batchNormMaxPooling2D(
      x: x, gamma: [-1, 1], beta: nil, y: &y, picked: &picked, mean: &mean, variance: nil, inverseStd: &inverse,
      coefficients: &room, shape: s, epsilon: 1e-3, relu: false)
    #expect(picked[0] == 1 && picked[2] == 5)
    #expect(y[1].isNaN && y[3].isNaN && !y[0].isNaN)
    #expect(mean[0] == 4.5 && mean[1].isNaN)
  }
}
