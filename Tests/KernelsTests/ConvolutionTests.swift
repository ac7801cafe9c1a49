import Kernels
import Testing

/// One convolution, with its loops written out in Double.
struct ConvolutionCase: CustomStringConvertible {
  var shape: ConvolutionShape

  init(
    n: Int, _ height: Int, _ width: Int, _ inChannels: Int, kernel: (Int, Int), _ outChannels: Int,
    stride: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1),
    pad: (top: Int, left: Int, bottom: Int, right: Int)? = nil
  ) {
    let pad = pad ?? (0, 0, 0, 0)
    func extent(_ size: Int, _ kernel: Int, _ stride: Int, _ dilation: Int) -> Int {
      max(0, (size - (kernel - 1) * dilation - 1) / stride + (size > (kernel - 1) * dilation ? 1 : 0))
    }
    shape = ConvolutionShape(
      n: n, height: height, width: width, inChannels: inChannels, kernelHeight: kernel.0, kernelWidth: kernel.1,
      outChannels: outChannels, strideH: stride.0, strideW: stride.1, dilationH: dilation.0, dilationW: dilation.1,
      padTop: pad.top, padLeft: pad.left,
      outHeight: extent(height + pad.top + pad.bottom, kernel.0, stride.0, dilation.0),
      outWidth: extent(width + pad.left + pad.right, kernel.1, stride.1, dilation.1))
  }

  var description: String { "\(shape)" }
  var inputCount: Int { shape.n * shape.inputCountForTests }
  var weightCount: Int { shape.kernelHeight * shape.kernelWidth * shape.inChannels * shape.outChannels }
  var outputCount: Int { shape.n * shape.outHeight * shape.outWidth * shape.outChannels }

  /// Calls `body` with the indices (x, w, y) of every product.
  func forEachProduct(_ body: (Int, Int, Int) -> Void) {
    let s = shape
    for image in 0..<s.n {
      for row in 0..<s.outHeight {
        for column in 0..<s.outWidth {
          let y = ((image * s.outHeight + row) * s.outWidth + column) * s.outChannels
          for i in 0..<s.kernelHeight {
            let h = row * s.strideH + i * s.dilationH - s.padTop
            if h < 0 || h >= s.height { continue }
            for j in 0..<s.kernelWidth {
              let v = column * s.strideW + j * s.dilationW - s.padLeft
              if v < 0 || v >= s.width { continue }
              for c in 0..<s.inChannels {
                let x = ((image * s.height + h) * s.width + v) * s.inChannels + c
                let w = ((i * s.kernelWidth + j) * s.inChannels + c) * s.outChannels
                for o in 0..<s.outChannels { body(x, w + o, y + o) }
              }
            }
          }
        }
      }
    }
  }

  /// Strides, paddings, dilations, channels around the widths of vectors and panels, small images, empty batches.
  static let all: [ConvolutionCase] = [
    .init(n: 2, 8, 8, 1, kernel: (3, 3), 32), .init(n: 3, 28, 28, 1, kernel: (3, 3), 5),
    .init(n: 1, 13, 13, 32, kernel: (3, 3), 64), .init(n: 9, 5, 6, 32, kernel: (3, 3), 64),
    .init(n: 1, 7, 9, 3, kernel: (3, 3), 31), .init(n: 5, 6, 5, 31, kernel: (3, 3), 33),
    .init(n: 2, 6, 6, 33, kernel: (3, 3), 3), .init(n: 1, 4, 40, 16, kernel: (3, 3), 17),
    .init(n: 2, 9, 9, 5, kernel: (3, 3), 6, stride: (2, 2)), .init(n: 2, 10, 11, 4, kernel: (3, 2), 7, stride: (3, 2)),
    .init(n: 1, 9, 9, 2, kernel: (2, 2), 3, stride: (3, 3)),
    .init(n: 1, 12, 12, 16, kernel: (1, 1), 24, stride: (2, 2)),
    .init(n: 2, 7, 7, 8, kernel: (3, 3), 9, pad: (1, 1, 1, 1)),
    .init(n: 2, 8, 7, 3, kernel: (3, 3), 4, stride: (2, 2), pad: (0, 1, 1, 1)),
    .init(n: 1, 5, 5, 2, kernel: (5, 5), 3, pad: (2, 2, 2, 2)),
    .init(n: 1, 2, 2, 3, kernel: (3, 3), 4, pad: (1, 1, 1, 1)),
    .init(n: 1, 1, 1, 3, kernel: (3, 3), 4, pad: (1, 1, 1, 1)), .init(n: 2, 3, 3, 4, kernel: (3, 3), 16),
    .init(n: 1, 9, 10, 3, kernel: (3, 3), 4, dilation: (2, 2)),
    .init(n: 1, 11, 9, 3, kernel: (3, 2), 5, dilation: (3, 2), pad: (3, 1, 3, 1)),
    .init(n: 1, 12, 12, 2, kernel: (3, 3), 3, stride: (2, 1), dilation: (1, 2), pad: (1, 2, 0, 2)),
    .init(n: 3, 6, 7, 20, kernel: (1, 1), 40), .init(n: 1, 6, 7, 20, kernel: (1, 3), 8, pad: (0, 1, 0, 1)),
    .init(n: 1, 15, 4, 1, kernel: (7, 1), 2),
    .init(n: 1, 20, 20, 3, kernel: (7, 7), 12, stride: (2, 2), pad: (3, 3, 3, 3)),
    .init(n: 2, 6, 5, 3, kernel: (3, 3), 5, pad: (3, 4, 0, 5)),
    .init(n: 1, 13, 17, 2, kernel: (4, 3), 18, stride: (2, 3), dilation: (3, 2), pad: (1, 4, 2, 0)),
    .init(n: 2, 11, 9, 4, kernel: (3, 3), 17, stride: (4, 2), dilation: (2, 4), pad: (4, 0, 4, 6)),
    .init(n: 9, 9, 30, 2, kernel: (3, 3), 16, pad: (1, 1, 1, 1)),
    .init(n: 2, 9, 11, 1, kernel: (5, 5), 20, stride: (1, 2), pad: (2, 2, 2, 2)),
    .init(n: 0, 6, 6, 3, kernel: (3, 3), 4), .init(n: 2, 2, 6, 3, kernel: (3, 3), 4),
    .init(n: 16, 13, 13, 32, kernel: (3, 3), 64), .init(n: 12, 28, 28, 1, kernel: (3, 3), 32),
    .init(n: 2, 6, 6, 0, kernel: (3, 3), 4), .init(n: 2, 6, 6, 3, kernel: (3, 3), 0),
  ]
}

extension ConvolutionShape {
  fileprivate var inputCountForTests: Int { height * width * inChannels }
}

struct ConvolutionTests {
  @Test func forwardMatchesReference() {
    checkForward(Float.self)
    checkForward(Double.self)
  }

  private func checkForward<T: KernelScalar>(_: T.Type) {
    var random = Seeded(21)
    for c in ConvolutionCase.all {
      let (x, w): ([T], [T]) = (random.array(c.inputCount), random.array(c.weightCount))
      let bias: [T] = random.array(c.shape.outChannels)
      for (hasBias, relu) in [(false, false), (true, true), (true, false)] {
        var expected = (0..<c.outputCount).map { hasBias ? Double(bias[$0 % c.shape.outChannels]) : 0 }
        c.forEachProduct { expected[$2] += Double(x[$0]) * Double(w[$1]) }
        if relu { expected = expected.map { max($0, 0) } }
        func run() -> [T] {
          runGuarded([x, w, bias], count: c.outputCount) {
            convolution2D($0[0], $0[1], $1, c.shape, bias: hasBias ? $0[2] : nil, relu: relu, algorithm: .direct)
          }
        }
        let terms = Double(c.shape.kernelHeight * c.shape.kernelWidth * c.shape.inChannels + 2)
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
    var random = Seeded(22)
    for c in ConvolutionCase.all {
      let (dy, w): ([T], [T]) = (random.array(c.outputCount), random.array(c.weightCount))
      var expected = [Double](repeating: 0, count: c.inputCount)
      c.forEachProduct { expected[$0] += Double(dy[$2]) * Double(w[$1]) }
      func run() -> [T] {
        runGuarded([dy, w], count: c.inputCount) {
          convolution2DInputGradient($0[0], $0[1], $1, c.shape, algorithm: .direct)
        }
      }
      let terms = Double(c.shape.kernelHeight * c.shape.kernelWidth * c.shape.outChannels + 2)
      expectClose(run(), expected, tolerance: roundoff(T.self) * terms, "\(T.self) \(c)")
      expectSameForAllThreadCounts("\(c)", run)
      checkStrided(c, dy, w, expected)
    }
  }

  /// By products, which are formed for the rows of several images, or for some rows of one.
  @Test func stridedInputGradientOfLargeImagesMatchesReference() {
    checkLargeStrided(Float.self)
    checkLargeStrided(Double.self)
  }

  private func checkLargeStrided<T: KernelScalar>(_: T.Type) {
    var random = Seeded(25)
    for c: ConvolutionCase in [
      .init(n: 2, 69, 66, 3, kernel: (7, 7), 2, stride: (2, 2), pad: (3, 3, 3, 3)),
      .init(n: 1, 130, 128, 1, kernel: (3, 3), 1, pad: (1, 1, 1, 1)),
      // Rows and columns that no window reaches.
      .init(n: 1, 332, 330, 3, kernel: (2, 2), 1, stride: (3, 3)),
      .init(n: 1, 80, 90, 2, kernel: (5, 5), 1, stride: (2, 1), dilation: (3, 1), pad: (4, 2, 4, 2)),
      .init(n: 1, 80, 90, 9, kernel: (3, 3), 1, dilation: (1, 2), pad: (2, 2, 2, 2)),
      .init(n: 40, 28, 28, 1, kernel: (3, 3), 1),
    ] {
      let (dy, w): ([T], [T]) = (random.array(c.outputCount), random.array(c.weightCount))
      var expected = [Double](repeating: 0, count: c.inputCount)
      c.forEachProduct { expected[$0] += Double(dy[$2]) * Double(w[$1]) }
      checkStrided(c, dy, w, expected)
    }
  }

  private func checkStrided<T: KernelScalar>(_ c: ConvolutionCase, _ dy: [T], _ w: [T], _ expected: [Double]) {
    var products = [T](repeating: .nan, count: stridedInputGradientRoom(c.shape))
    func run() -> [T] {
      runGuarded([dy, w], count: c.inputCount) { inputs, dx in
        products.withUnsafeMutableBufferPointer {
          // An empty array has no address.
          guard let room = $0.baseAddress ?? UnsafeMutablePointer(bitPattern: 64) else { return }
          convolution2DStridedInputGradient(inputs[0], inputs[1], dx, c.shape, products: room)
        }
      }
    }
    let terms = Double(c.shape.kernelHeight * c.shape.kernelWidth * c.shape.outChannels + 2)
    expectClose(run(), expected, tolerance: roundoff(T.self) * terms, "\(T.self) strided \(c)")
    expectSameForAllThreadCounts("strided \(c)", run)
  }

  @Test func weightGradientMatchesReference() {
    checkWeightGradient(Float.self)
    checkWeightGradient(Double.self)
  }

  private func checkWeightGradient<T: KernelScalar>(_: T.Type) {
    var random = Seeded(23)
    for c in ConvolutionCase.all {
      let (x, dy): ([T], [T]) = (random.array(c.inputCount), random.array(c.outputCount))
      var expected = [Double](repeating: 0, count: c.weightCount)
      c.forEachProduct { expected[$1] += Double(x[$0]) * Double(dy[$2]) }
      func run() -> [T] {
        runGuarded([x, dy], count: c.weightCount) {
          convolution2DWeightGradient($0[0], $0[1], $1, c.shape, algorithm: .direct)
        }
      }
      let terms = Double(c.shape.n * c.shape.outHeight * c.shape.outWidth + 2)
      expectClose(run(), expected, tolerance: roundoff(T.self) * terms, "\(T.self) \(c)")
      expectSameForAllThreadCounts("\(c)", run)
    }
  }

  /// A pixel that is NaN or infinite reaches the windows that hold it and no others; ReLU keeps NaN.
  @Test func nonfinitePixelsStayInTheirWindows() {
    for c in [
      ConvolutionCase(n: 2, 9, 9, 1, kernel: (3, 3), 32), ConvolutionCase(n: 1, 8, 9, 16, kernel: (3, 3), 20),
      ConvolutionCase(n: 2, 8, 8, 5, kernel: (3, 3), 6, stride: (2, 2), pad: (1, 1, 1, 1)),
      ConvolutionCase(n: 2, 5, 5, 7, kernel: (1, 1), 6),
    ] {
      for value in [Float.nan, .infinity] {
        var random = Seeded(24)
        var x: [Float] = random.array(c.inputCount, in: 0.5...1)
        let w: [Float] = random.array(c.weightCount, in: 0.5...1)
        let spoilt = (c.shape.width + 2) * c.shape.inChannels
        x[spoilt] = value
        var isReached = [Bool](repeating: false, count: c.outputCount)
        c.forEachProduct { if $0 == spoilt { isReached[$2] = true } }
        for relu in [false, true] {
          let y = runGuarded([x, w], count: c.outputCount) {
            convolution2D($0[0], $0[1], $1, c.shape, bias: nil, relu: relu, algorithm: .direct)
          }
          for (index, element) in y.enumerated() {
            #expect(element.isFinite != isReached[index] && element.isNaN == (isReached[index] && value.isNaN), "\(c)")
          }
        }
      }
    }
  }
}
