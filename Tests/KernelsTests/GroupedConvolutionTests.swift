import Kernels
import Testing

/// A convolution by groups, with its loops written out in Double.
private struct GroupedCase: CustomStringConvertible {
  let base: ConvolutionCase
  let groups: Int
  var grouped: GroupedShape { GroupedShape(base.shape, groups: groups) }
  var description: String { "\(groups) groups of \(base)" }
  private var inputs: Int { base.shape.inChannels / groups }
  private var outputs: Int { base.shape.outChannels / groups }
  var weightCount: Int { base.weightCount / groups }
  /// Products that a sum has: in the output, the input's and the weight's gradient.
  var terms: (y: Double, dx: Double, dw: Double) {
    let taps = Double(base.shape.kernelHeight * base.shape.kernelWidth)
    let points = Double(base.shape.n * base.shape.outHeight * base.shape.outWidth)
    return (taps * Double(inputs) + 2, taps * Double(outputs) + 2, points + 2)
  }

  /// - Parameter channels: inputs and outputs of one group.
  init(
    n: Int, _ height: Int, _ width: Int, groups: Int, _ channels: (Int, Int), kernel: (Int, Int),
    stride: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1),
    pad: (top: Int, left: Int, bottom: Int, right: Int)? = nil
  ) {
    self.groups = groups
    base = ConvolutionCase(
      n: n, height, width, groups * channels.0, kernel: kernel, groups * channels.1, stride: stride,
      dilation: dilation, pad: pad)
  }

  /// Calls `body` with the indices (x, w, y) of every product.
  func forEachProduct(_ body: (Int, Int, Int) -> Void) {
    let (all, columns) = (base.shape.inChannels, base.shape.outChannels)
    base.forEachProduct { x, w, y in
      let (channel, column) = (x % all, y % columns)
      guard channel / inputs == column / outputs else { return }
      let tap = w / (all * columns)
      body(x, (tap * inputs + channel % inputs) * columns + column, y)
    }
  }

  /// Channels that fill vectors together, alone and not at all; rows of any length; taps that see no pixel; several bands
  /// of rows; strides, dilations and paddings of all kinds.
  static let all: [GroupedCase] = [
    .init(n: 2, 9, 11, groups: 4, (4, 4), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 2, 17, 19, groups: 8, (4, 4), kernel: (3, 3)), .init(n: 3, 7, 7, groups: 5, (8, 8), kernel: (3, 3)),
    .init(n: 1, 16, 16, groups: 2, (16, 16), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 9, 5, 4, groups: 2, (32, 32), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 1, 12, 12, groups: 3, (3, 5), kernel: (3, 2), stride: (2, 1), pad: (0, 1, 1, 0)),
    .init(n: 3, 7, 7, groups: 3, (8, 8), kernel: (3, 3), stride: (2, 2), pad: (0, 0, 1, 1)),
    .init(n: 1, 13, 17, groups: 5, (2, 6), kernel: (4, 3), stride: (2, 3), dilation: (3, 2), pad: (1, 4, 2, 0)),
    .init(n: 2, 11, 9, groups: 2, (4, 17), kernel: (3, 3), stride: (4, 2), dilation: (2, 4), pad: (4, 0, 4, 6)),
    .init(n: 2, 6, 5, groups: 2, (3, 5), kernel: (3, 3), pad: (3, 4, 0, 5)),
    .init(n: 1, 5, 6, groups: 2, (16, 16), kernel: (1, 1)),
    .init(n: 1, 5, 6, groups: 2, (16, 24), kernel: (1, 1), stride: (2, 2)),
    .init(n: 1, 9, 9, groups: 2, (2, 3), kernel: (2, 2), stride: (3, 3)),
    .init(n: 1, 130, 70, groups: 3, (20, 4), kernel: (3, 3), dilation: (2, 2), pad: (2, 2, 2, 2)),
    .init(n: 1, 90, 130, groups: 9, (6, 7), kernel: (3, 3), stride: (2, 1), pad: (0, 1, 1, 1)),
    .init(n: 1, 2, 2, groups: 2, (3, 4), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 1, 1, 1, groups: 4, (4, 4), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 3, 1, 40, groups: 33, (4, 2), kernel: (1, 5), stride: (1, 2), pad: (0, 2, 0, 2)),
    .init(n: 0, 6, 6, groups: 2, (4, 4), kernel: (3, 3)), .init(n: 2, 2, 6, groups: 2, (4, 4), kernel: (3, 3)),
    .init(n: 1, 3, 3, groups: 2, (2, 2), kernel: (3, 3), pad: (5, 6, 4, 3)),
    // Channels that fill vectors: bundles of groups with one left over, several vectors, bands, edges of all kinds.
    .init(n: 3, 14, 14, groups: 5, (16, 16), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 1, 21, 131, groups: 4, (16, 16), kernel: (3, 3), pad: (2, 1, 0, 1)),
    .init(n: 2, 9, 8, groups: 3, (16, 32), kernel: (3, 3), stride: (2, 2), pad: (0, 0, 1, 1)),
    .init(n: 1, 130, 66, groups: 4, (16, 16), kernel: (3, 3), stride: (3, 2), pad: (1, 2, 3, 0)),
    .init(n: 2, 7, 9, groups: 2, (32, 16), kernel: (3, 2), dilation: (2, 3), pad: (2, 1, 1, 3)),
    .init(n: 2, 4, 3, groups: 2, (48, 16), kernel: (3, 3), pad: (4, 5, 3, 6)),
    .init(n: 1, 2, 1, groups: 3, (16, 16), kernel: (3, 3), pad: (1, 1, 1, 1)),
    .init(n: 4, 6, 5, groups: 2, (16, 16), kernel: (1, 1)),
  ]
}

struct GroupedConvolutionTests {
  @Test func forwardMatchesReference() {
    func check<T: KernelScalar>(_: T.Type) {
      var random = Seeded(61)
      for c in GroupedCase.all {
        let (x, w): ([T], [T]) = (random.array(c.base.inputCount), random.array(c.weightCount))
        let bias: [T] = random.array(c.base.shape.outChannels)
        for (hasBias, relu) in [(false, false), (true, true), (true, false)] {
          var expected = (0..<c.base.outputCount).map { hasBias ? Double(bias[$0 % bias.count]) : 0 }
          c.forEachProduct { expected[$2] += Double(x[$0]) * Double(w[$1]) }
          if relu { expected = expected.map { max($0, 0) } }
          func run() -> [T] {
            runGuarded([x, w, bias], count: c.base.outputCount) {
              groupedConvolution2D($0[0], $0[1], $1, c.grouped, bias: hasBias ? $0[2] : nil, relu: relu)
            }
          }
          expectClose(run(), expected, tolerance: roundoff(T.self) * c.terms.y, "\(T.self) \(c) bias \(hasBias)")
          expectSameForAllThreadCounts("\(c)", run)
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func inputGradientMatchesReference() {
    func check<T: KernelScalar>(_: T.Type) {
      var random = Seeded(62)
      for c in GroupedCase.all {
        let (dy, w): ([T], [T]) = (random.array(c.base.outputCount), random.array(c.weightCount))
        var expected = [Double](repeating: 0, count: c.base.inputCount)
        c.forEachProduct { expected[$0] += Double(dy[$2]) * Double(w[$1]) }
        func run() -> [T] {
          runGuarded([dy, w], count: c.base.inputCount) {
            groupedConvolution2DInputGradient($0[0], $0[1], $1, c.grouped)
          }
        }
        expectClose(run(), expected, tolerance: roundoff(T.self) * c.terms.dx, "\(T.self) \(c)")
        expectSameForAllThreadCounts("\(c)", run)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func weightGradientMatchesReference() {
    func check<T: KernelScalar>(_: T.Type) {
      var random = Seeded(63)
      for c in GroupedCase.all {
        let (x, dy): ([T], [T]) = (random.array(c.base.inputCount), random.array(c.base.outputCount))
        var expected = [Double](repeating: 0, count: c.weightCount)
        c.forEachProduct { expected[$1] += Double(x[$0]) * Double(dy[$2]) }
        func run() -> [T] {
          runGuarded([x, dy], count: c.weightCount) {
            groupedConvolution2DWeightGradient($0[0], $0[1], $1, c.grouped)
          }
        }
        expectClose(run(), expected, tolerance: roundoff(T.self) * c.terms.dw, "\(T.self) \(c)")
        expectSameForAllThreadCounts("\(c)", run)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// Pixels around tiles, blocks and chunks; outputs around panels; one group.
  @Test func pointwiseMatchesReference() {
    func check<T: KernelScalar>(_: T.Type) {
      var random = Seeded(65)
      let cases: [GroupedCase] = [
        .init(n: 1, 5, 5, groups: 3, (80, 80), kernel: (1, 1)), .init(n: 2, 13, 1, groups: 2, (33, 47), kernel: (1, 1)),
        .init(n: 1, 27, 1, groups: 4, (40, 1), kernel: (1, 1)), .init(n: 3, 4, 13, groups: 2, (3, 100), kernel: (1, 1)),
        .init(n: 1, 12, 13, groups: 3, (32, 16), kernel: (1, 1)),
        .init(n: 1, 1, 157, groups: 5, (17, 8), kernel: (1, 1)),
        .init(n: 1, 2, 160, groups: 1, (48, 33), kernel: (1, 1)),
        .init(n: 1, 1, 1, groups: 2, (300, 64), kernel: (1, 1)),
        .init(n: 0, 6, 6, groups: 2, (32, 32), kernel: (1, 1)),
      ]
      for c in cases {
        let (s, groups) = (c.base.shape, c.groups)
        let (x, w, dy): ([T], [T], [T]) = (
          random.array(c.base.inputCount), random.array(c.weightCount), random.array(c.base.outputCount)
        )
        let bias: [T] = random.array(s.outChannels)
        for (hasBias, relu) in [(false, false), (true, true), (true, false)] {
          var expected = (0..<c.base.outputCount).map { hasBias ? Double(bias[$0 % bias.count]) : 0 }
          c.forEachProduct { expected[$2] += Double(x[$0]) * Double(w[$1]) }
          if relu { expected = expected.map { max($0, 0) } }
          func run() -> [T] {
            runGuarded([x, w, bias], count: c.base.outputCount) {
              groupedPointwiseConvolution(
                $0[0], $0[1], $1, pixels: s.n * s.height * s.width, groups: groups, inputs: s.inChannels / groups,
                outputs: s.outChannels / groups, transposed: false, bias: hasBias ? $0[2] : nil, relu: relu)
            }
          }
          expectClose(run(), expected, tolerance: roundoff(T.self) * c.terms.y, "\(T.self) \(c) bias \(hasBias)")
          expectSameForAllThreadCounts("\(c)", run)
        }
        var expected = [Double](repeating: 0, count: c.base.inputCount)
        c.forEachProduct { expected[$0] += Double(dy[$2]) * Double(w[$1]) }
        func gradient() -> [T] {
          runGuarded([dy, w], count: c.base.inputCount) {
            groupedPointwiseConvolution(
              $0[0], $0[1], $1, pixels: s.n * s.height * s.width, groups: groups, inputs: s.outChannels / groups,
              outputs: s.inChannels / groups, transposed: true, bias: nil, relu: false)
          }
        }
        expectClose(gradient(), expected, tolerance: roundoff(T.self) * c.terms.dx, "\(T.self) \(c) gradient")
        expectSameForAllThreadCounts("\(c) gradient", gradient)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// A pixel that is NaN or infinite reaches the windows that hold it, of its group, and no others; ReLU keeps NaN.
  @Test func nonfinitePixelsStayInTheirWindows() {
    for c in [
      GroupedCase(n: 2, 9, 9, groups: 4, (4, 4), kernel: (3, 3), pad: (1, 1, 1, 1)),
      GroupedCase(n: 2, 8, 8, groups: 2, (5, 6), kernel: (3, 3), stride: (2, 2), pad: (1, 1, 1, 1)),
      GroupedCase(n: 2, 9, 9, groups: 3, (16, 16), kernel: (3, 3), pad: (1, 1, 1, 1)),
    ] {
      for value in [Float.nan, .infinity] {
        var random = Seeded(64)
        var x: [Float] = random.array(c.base.inputCount, in: 0.5...1)
        let w: [Float] = random.array(c.weightCount, in: 0.5...1)
        let spoilt = (c.base.shape.width + 2) * c.base.shape.inChannels
        x[spoilt] = value
        var isReached = [Bool](repeating: false, count: c.base.outputCount)
        c.forEachProduct { if $0 == spoilt { isReached[$2] = true } }
        for relu in [false, true] {
          let y = runGuarded([x, w], count: c.base.outputCount) {
            groupedConvolution2D($0[0], $0[1], $1, c.grouped, bias: nil, relu: relu)
          }
          for (index, element) in y.enumerated() {
            #expect(element.isFinite != isReached[index] && element.isNaN == (isReached[index] && value.isNaN), "\(c)")
          }
        }
      }
    }
  }
}
