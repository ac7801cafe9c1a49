import Kernels
import Testing

/// A depthwise convolution, with its loops written out in Double.
private struct DepthwiseCase: CustomStringConvertible {
  let base: ConvolutionCase
  let multiplier: Int
  var shape: ConvolutionShape { base.shape }
  var description: String { "\(shape)" }
  var inputCount: Int { shape.n * shape.height * shape.width * shape.inChannels }
  var weightCount: Int { shape.kernelHeight * shape.kernelWidth * shape.outChannels }
  var outputCount: Int { base.outputCount }

  init(
    n: Int, _ height: Int, _ width: Int, _ channels: Int, _ multiplier: Int = 1, kernel: (Int, Int),
    stride: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1),
    pad: (top: Int, left: Int, bottom: Int, right: Int)? = nil
  ) {
    self.multiplier = multiplier
    base = ConvolutionCase(
      n: n, height, width, channels, kernel: kernel, channels * multiplier, stride: stride, dilation: dilation, pad: pad
    )
  }

  /// Calls `body` with the indices (x, w, y) of every product.
  func forEachProduct(_ body: (Int, Int, Int) -> Void) {
    let s = shape
    for image in 0..<s.n {
      for row in 0..<s.outHeight {
        for column in 0..<s.outWidth {
          for i in 0..<s.kernelHeight {
            let h = row * s.strideH + i * s.dilationH - s.padTop
            if h < 0 || h >= s.height { continue }
            for j in 0..<s.kernelWidth {
              let v = column * s.strideW + j * s.dilationW - s.padLeft
              if v < 0 || v >= s.width { continue }
              for o in 0..<s.outChannels {
                body(
                  ((image * s.height + h) * s.width + v) * s.inChannels + o / multiplier,
                  (i * s.kernelWidth + j) * s.outChannels + o,
                  ((image * s.outHeight + row) * s.outWidth + column) * s.outChannels + o)
              }
            }
          }
        }
      }
    }
  }

  /// Whole vectors of channels and not, multipliers, rows that tiles fit and do not, windows that no image holds.
  static let all: [DepthwiseCase] = [
    .init(n: 2, 9, 11, 16, kernel: (3, 3), pad: (1, 1, 1, 1)), .init(n: 1, 10, 7, 32, kernel: (3, 3)),
    .init(n: 9, 3, 3, 16, kernel: (3, 3), pad: (1, 1, 1, 1)), .init(n: 1, 17, 6, 48, kernel: (3, 3), pad: (2, 0, 1, 1)),
    .init(n: 2, 8, 8, 5, kernel: (3, 3), pad: (1, 1, 1, 1)), .init(n: 2, 5, 9, 17, kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 1, 1, 1, 16, kernel: (3, 3), pad: (1, 1, 1, 1)), .init(n: 1, 2, 2, 3, kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 2, 6, 7, 4, 3, kernel: (3, 3), pad: (1, 1, 1, 1)), .init(n: 2, 6, 7, 8, 2, kernel: (3, 3)),
    .init(n: 1, 6, 12, 1, 16, kernel: (2, 3)), .init(n: 1, 8, 9, 16, 2, kernel: (3, 3), stride: (2, 2)),
    .init(n: 2, 11, 13, 16, kernel: (3, 3), stride: (2, 2), pad: (0, 1, 1, 1)),
    .init(n: 2, 11, 13, 7, kernel: (3, 3), stride: (2, 1), pad: (1, 1, 1, 1)),
    .init(n: 1, 9, 9, 16, kernel: (2, 2), stride: (3, 3)), .init(n: 1, 12, 12, 16, kernel: (1, 1), stride: (2, 2)),
    .init(n: 1, 13, 14, 16, kernel: (5, 5), pad: (2, 2, 2, 2)),
    .init(n: 1, 9, 8, 33, kernel: (4, 2), pad: (1, 0, 2, 1)),
    .init(n: 2, 9, 12, 16, kernel: (3, 3), dilation: (2, 2), pad: (2, 2, 2, 2)),
    .init(n: 1, 12, 11, 6, 2, kernel: (3, 2), dilation: (3, 2), pad: (3, 1, 3, 1)),
    .init(n: 1, 12, 12, 16, kernel: (3, 3), stride: (2, 1), dilation: (1, 2), pad: (1, 2, 0, 2)),
    .init(n: 1, 3, 4, 16, kernel: (3, 3), pad: (4, 5, 3, 4)), .init(n: 0, 6, 6, 16, kernel: (3, 3)),
    .init(n: 2, 2, 6, 16, kernel: (3, 3)), .init(n: 2, 6, 6, 0, kernel: (3, 3)),
    .init(n: 1, 1, 30, 16, kernel: (1, 7), pad: (0, 6, 0, 0)), .init(n: 3, 20, 5, 64, kernel: (7, 1)),
  ]
}

struct DepthwiseTests {
  @Test func forwardMatchesReference() {
    checkForward(Float.self)
    checkForward(Double.self)
  }

  private func checkForward<T: KernelScalar>(_: T.Type) {
    var random = Seeded(41)
    for c in DepthwiseCase.all {
      let (x, w): ([T], [T]) = (random.array(c.inputCount), random.array(c.weightCount))
      let bias: [T] = random.array(c.shape.outChannels)
      for (hasBias, relu) in [(false, false), (true, true), (true, false)] {
        var expected = (0..<c.outputCount).map { hasBias ? Double(bias[$0 % c.shape.outChannels]) : 0 }
        c.forEachProduct { expected[$2] += Double(x[$0]) * Double(w[$1]) }
        if relu { expected = expected.map { max($0, 0) } }
        func run() -> [T] {
          runGuarded([x, w, bias], count: c.outputCount) {
            depthwiseConvolution2D($0[0], $0[1], $1, c.shape, bias: hasBias ? $0[2] : nil, relu: relu)
          }
        }
        let terms = Double(c.shape.kernelHeight * c.shape.kernelWidth + 2)
        expectClose(run(), expected, tolerance: roundoff(T.self) * terms, "\(T.self) \(c) bias \(hasBias)")
        expectSameForAllThreadCounts("\(c)", run)
      }
    }
  }

  @Test func inputGradientMatchesReference() {
    checkInputGradient(Float.self)
    checkInputGradient(Double.self)
  }

  private func checkInputGradient<T: KernelScalar>(_: T.Type) {
    var random = Seeded(42)
    for c in DepthwiseCase.all {
      let (dy, w): ([T], [T]) = (random.array(c.outputCount), random.array(c.weightCount))
      var expected = [Double](repeating: 0, count: c.inputCount)
      c.forEachProduct { expected[$0] += Double(dy[$2]) * Double(w[$1]) }
      func run() -> [T] {
        runGuarded([dy, w], count: c.inputCount) { depthwiseConvolution2DInputGradient($0[0], $0[1], $1, c.shape) }
      }
      let terms = Double(c.shape.kernelHeight * c.shape.kernelWidth * c.multiplier + 2)
      expectClose(run(), expected, tolerance: roundoff(T.self) * terms, "\(T.self) \(c)")
      expectSameForAllThreadCounts("\(c)", run)
    }
  }

  @Test func weightGradientMatchesReference() {
    checkWeightGradient(Float.self)
    checkWeightGradient(Double.self)
  }

  private func checkWeightGradient<T: KernelScalar>(_: T.Type) {
    var random = Seeded(43)
    for c in DepthwiseCase.all {
      let (x, dy): ([T], [T]) = (random.array(c.inputCount), random.array(c.outputCount))
      var expected = [Double](repeating: 0, count: c.weightCount)
      c.forEachProduct { expected[$1] += Double(x[$0]) * Double(dy[$2]) }
      func run() -> [T] {
        runGuarded([x, dy], count: c.weightCount) { depthwiseConvolution2DWeightGradient($0[0], $0[1], $1, c.shape) }
      }
      let terms = Double(c.shape.n * c.shape.outHeight * c.shape.outWidth + 2)
      expectClose(run(), expected, tolerance: roundoff(T.self) * terms, "\(T.self) \(c)")
      expectSameForAllThreadCounts("\(c)", run)
    }
  }

  /// A pixel that is NaN or infinite reaches its own channel of the windows that hold it, and nothing else.
  @Test func nonfinitePixelsStayInTheirChannelsAndWindows() {
    for c in [
      DepthwiseCase(n: 2, 9, 9, 16, kernel: (3, 3), pad: (1, 1, 1, 1)), DepthwiseCase(n: 1, 8, 9, 3, 2, kernel: (3, 3)),
      DepthwiseCase(n: 2, 8, 8, 5, kernel: (3, 3), stride: (2, 2), pad: (1, 1, 1, 1)),
    ] {
      for value in [Float.nan, .infinity] {
        var random = Seeded(44)
        var x: [Float] = random.array(c.inputCount, in: 0.5...1)
        let w: [Float] = random.array(c.weightCount, in: 0.5...1)
        let spoilt = (c.shape.width + 2) * c.shape.inChannels + 1
        x[spoilt] = value
        var isReached = [Bool](repeating: false, count: c.outputCount)
        c.forEachProduct { if $0 == spoilt { isReached[$2] = true } }
        let y = runGuarded([x, w], count: c.outputCount) {
          depthwiseConvolution2D($0[0], $0[1], $1, c.shape, bias: nil, relu: true)
        }
        for (index, element) in y.enumerated() {
          #expect(element.isFinite != isReached[index] && element.isNaN == (isReached[index] && value.isNaN), "\(c)")
        }
      }
    }
  }
}

/// Packing and its transposed map, against the definition.
struct DepthWindowsTests {
  private static let shapes: [DepthWindowsShape] = [
    (2, 5, 6, 3, 2, 1, 1, 0, 0, 3), (1, 7, 4, 5, 3, 2, 1, 1, 2, 2), (2, 6, 3, 20, 2, 1, 2, 2, 1, 17),
    (1, 1, 3_000, 4, 1, 1, 1, 0, 1, 2), (0, 4, 4, 2, 2, 1, 1, 0, 0, 2), (1, 2, 5, 2, 3, 3, 1, 4, 0, 1),
  ].map { n, depth, pixels, channels, kernel, stride, dilation, pad, first, count in
    let padded = depth + 2 * pad - (kernel - 1) * dilation - 1
    return DepthWindowsShape(
      n: n, depth: depth, pixels: pixels, channels: channels, outDepth: max(0, padded / stride + 1),
      kernelDepth: kernel,
      stride: stride, dilation: dilation, padFront: pad, firstChannel: first, channelCount: count)
  }

  private func windowCount(_ s: DepthWindowsShape) -> Int {
    s.n * s.outDepth * s.pixels * s.kernelDepth * s.channelCount
  }

  /// Calls `body` with the indices of every window element and the element of x it shows.
  private func forEachElement(_ s: DepthWindowsShape, _ body: (Int, Int) -> Void) {
    for index in 0..<windowCount(s) {
      let (c, rest) = (index % s.channelCount, index / s.channelCount)
      let (i, place) = (rest % s.kernelDepth, rest / s.kernelDepth)
      let (p, plane) = (place % s.pixels, place / s.pixels)
      let d = plane % s.outDepth * s.stride + i * s.dilation - s.padFront
      if d < 0 || d >= s.depth { continue }
      body(index, ((plane / s.outDepth * s.depth + d) * s.pixels + p) * s.channels + s.firstChannel + c)
    }
  }

  @Test func gatherAndItsTransposeMatchTheDefinition() {
    var random = Seeded(45)
    for s in Self.shapes {
      let count = s.n * s.depth * s.pixels * s.channels
      let x: [Float] = random.array(count)
      let windows: [Float] = random.array(windowCount(s))
      var (shown, summed) = ([Double](repeating: 0, count: windows.count), [Double](repeating: 0, count: count))
      forEachElement(s) {
        shown[$0] = Double(x[$1])
        summed[$1] += Double(windows[$0])
      }
      func gather() -> [Float] { runGuarded([x], count: windows.count) { gatherDepthWindows($0[0], $1, s) } }
      func add() -> [Float] {
        runGuarded([windows], count: count) {
          // What lies in other channels stays.
          for i in 0..<count { $1[i] = 0 }
          addDepthWindows($0[0], $1, s)
        }
      }
      expectClose(gather(), shown, tolerance: 0, "\(s)")
      expectClose(add(), summed, tolerance: 4 * roundoff(Float.self), "\(s)")
      expectSameForAllThreadCounts("\(s)", gather)
      expectSameForAllThreadCounts("\(s)", add)
    }
  }

  @Test func kernelsGoThereAndBack() {
    let s = DepthKernelShape(kernelDepth: 3, taps: 4, channels: 2, outChannels: 6, firstColumn: 2, columns: 3)
    let w = (0..<144).map(Double.init)
    let packed = runGuarded([w], count: 72) { gatherDepthKernel($0[0], $1, s) }
    // Row (tap 1, plane 2, channel 1) of what is packed is row (plane 2, tap 1, channel 1) of w.
    #expect(Array(packed[((1 * 3 + 2) * 2 + 1) * 3..<((1 * 3 + 2) * 2 + 2) * 3]) == Array(w[116..<119]))
    let back = runGuarded([packed], count: 144) {
      for i in 0..<144 { $1[i] = -1 }
      scatterDepthKernel($0[0], $1, s)
    }
    #expect(back == w.map { (2..<5).contains(Int($0) % 6) ? $0 : -1 })
  }
}
