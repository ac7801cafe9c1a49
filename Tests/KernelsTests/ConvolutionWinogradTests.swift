import Kernels
import Testing

/// Winograd's algorithm, asked for explicitly, so that small and odd shapes take it too.
struct ConvolutionWinogradTests {
  /// Error relative to Σ|x|·|w| that the documentation promises.
  static let tolerance = 1e-5

  /// 3×3, stride 1: edges of tiles, of vectors and panels, of blocks; paddings up to more than the kernel; one pixel.
  static let cases: [ConvolutionCase] = [
    .init(n: 1, 3, 3, 1, kernel: (3, 3), 1), .init(n: 1, 6, 6, 16, kernel: (3, 3), 16),
    .init(n: 2, 7, 6, 16, kernel: (3, 3), 17), .init(n: 9, 13, 13, 32, kernel: (3, 3), 64),
    .init(n: 5, 9, 14, 15, kernel: (3, 3), 33), .init(n: 1, 5, 30, 33, kernel: (3, 3), 31),
    .init(n: 1, 40, 43, 8, kernel: (3, 3), 9), .init(n: 3, 4, 4, 65, kernel: (3, 3), 128),
    .init(n: 2, 8, 8, 130, kernel: (3, 3), 80), .init(n: 1, 12, 12, 64, kernel: (3, 3), 64, pad: (1, 1, 1, 1)),
    .init(n: 2, 13, 11, 20, kernel: (3, 3), 24, pad: (1, 1, 1, 1)),
    .init(n: 1, 1, 1, 16, kernel: (3, 3), 16, pad: (1, 1, 1, 1)),
    .init(n: 2, 2, 3, 18, kernel: (3, 3), 5, pad: (0, 1, 2, 0)),
    .init(n: 4, 6, 5, 16, kernel: (3, 3), 16, pad: (3, 4, 0, 5)),
    .init(n: 0, 8, 8, 16, kernel: (3, 3), 16), .init(n: 2, 2, 8, 16, kernel: (3, 3), 16),
    .init(n: 2, 6, 6, 0, kernel: (3, 3), 4), .init(n: 2, 6, 6, 3, kernel: (3, 3), 0),
    .init(n: 40, 5, 5, 16, kernel: (3, 3), 16), .init(n: 24, 11, 12, 17, kernel: (3, 3), 18),
  ]

  enum Operation: CaseIterable { case forward, inputGradient, weightGradient }

  private func run(_ operation: Operation, _ c: ConvolutionCase, _ first: [Float], _ second: [Float]) -> [Float] {
    runGuarded([first, second], count: count(operation, c)) {
      switch operation {
      case .forward: convolution2D($0[0], $0[1], $1, c.shape, bias: nil, relu: false, algorithm: .winograd)
      case .inputGradient: convolution2DInputGradient($0[0], $0[1], $1, c.shape, algorithm: .winograd)
      case .weightGradient: convolution2DWeightGradient($0[0], $0[1], $1, c.shape, algorithm: .winograd)
      }
    }
  }

  private func count(_ operation: Operation, _ c: ConvolutionCase) -> Int {
    switch operation {
    case .forward: c.outputCount
    case .inputGradient: c.inputCount
    case .weightGradient: c.weightCount
    }
  }

  private func inputs(_ operation: Operation, _ c: ConvolutionCase) -> (Int, Int) {
    switch operation {
    case .forward: (c.inputCount, c.weightCount)
    case .inputGradient: (c.outputCount, c.weightCount)
    case .weightGradient: (c.inputCount, c.outputCount)
    }
  }

  /// The sums in Double, and those of magnitudes.
  private func reference(
    _ operation: Operation, _ c: ConvolutionCase, _ first: [Float], _ second: [Float]
  ) -> (sums: [Double], magnitudes: [Double]) {
    var sums = [Double](repeating: 0, count: count(operation, c))
    var magnitudes = sums
    c.forEachProduct { x, w, y in
      let (a, b, to) =
        switch operation {
        case .forward: (x, w, y)
        case .inputGradient: (y, w, x)
        case .weightGradient: (x, y, w)
        }
      let product = Double(first[a]) * Double(second[b])
      sums[to] += product
      magnitudes[to] += abs(product)
    }
    return (sums, magnitudes)
  }

  /// Largest error relative to the magnitudes. A tile's errors come from all of its patch: sums with few terms, at the
  /// edges, are measured against a ninth of the largest, as if one tap of it were left.
  private func error(_ observed: [Float], _ expected: (sums: [Double], magnitudes: [Double])) -> Double {
    guard observed.count == expected.sums.count else { return .infinity }
    let least = (expected.magnitudes.max() ?? 0) / 9
    var worst = 0.0
    for (index, value) in observed.enumerated() where Double(value) != expected.sums[index] {
      let error = abs(Double(value) - expected.sums[index]) / max(expected.magnitudes[index], least)
      worst = error.isNaN ? .infinity : max(worst, error)
    }
    return worst
  }

  @Test(arguments: Operation.allCases) func matchesReference(_ operation: Operation) {
    var random = Seeded(31)
    for c in Self.cases {
      let counts = inputs(operation, c)
      let (first, second): ([Float], [Float]) = (random.array(counts.0), random.array(counts.1))
      let error = error(run(operation, c, first, second), reference(operation, c, first, second))
      #expect(error < Self.tolerance / 2, "\(operation) \(c)")
      expectSameForAllThreadCounts("\(operation) \(c)") { run(operation, c, first, second) }
    }
  }

  /// Sums without cancellation, of many terms: every rounding error in the transforms counts.
  @Test(arguments: Operation.allCases) func positiveValuesMatchReference(_ operation: Operation) {
    var random = Seeded(32)
    let c = ConvolutionCase(n: 8, 13, 13, 64, kernel: (3, 3), 48)
    let counts = inputs(operation, c)
    let first: [Float] = random.array(counts.0, in: 0...1)
    let second: [Float] = random.array(counts.1, in: 0...1)
    let error = error(run(operation, c, first, second), reference(operation, c, first, second))
    #expect(error < Self.tolerance, "\(operation)")
  }

  @Test func biasAndRectifierFollowTheOutputTransform() {
    var random = Seeded(33)
    for c in [Self.cases[2], Self.cases[3], Self.cases[4], Self.cases[7], Self.cases[12]] {
      let (x, w): ([Float], [Float]) = (random.array(c.inputCount), random.array(c.weightCount))
      let bias: [Float] = random.array(c.shape.outChannels)
      let plain = run(.forward, c, x, w)
      for relu in [false, true] {
        let y = runGuarded([x, w, bias], count: c.outputCount) {
          convolution2D($0[0], $0[1], $1, c.shape, bias: $0[2], relu: relu, algorithm: .winograd)
        }
        let expected = plain.enumerated().map { index, value in
          let sum = value + bias[index % bias.count]
          return relu ? max(sum, 0) : sum
        }
        let isEqual = y == expected
        #expect(isEqual, "\(c) relu \(relu)")
      }
    }
  }

  /// NaN and infinity spoil whole tiles, and all that the direct sum would spoil, but nothing beyond; ReLU keeps NaN.
  @Test func nonfinitePixelsStayInTheirTiles() {
    let c = ConvolutionCase(n: 2, 19, 18, 16, kernel: (3, 3), 20, pad: (1, 1, 1, 1))
    let s = c.shape
    for value in [Float.nan, .infinity] {
      for (row, column) in [(0, 0), (5, 6), (8, 11), (18, 17)] {
        var random = Seeded(34)
        var x: [Float] = random.array(c.inputCount)
        let w: [Float] = random.array(c.weightCount)
        x[(row * s.width + column) * s.inChannels + 3] = value
        for relu in [false, true] {
          let y = runGuarded([x, w], count: c.outputCount) {
            convolution2D($0[0], $0[1], $1, s, bias: nil, relu: relu, algorithm: .winograd)
          }
          for index in 0..<c.outputCount {
            let pixel = index / s.outChannels
            let (v, u, image) = (pixel % s.outWidth, pixel / s.outWidth % s.outHeight, pixel / s.outWidth / s.outHeight)
            // A tile reads from one pixel before its first to one behind its last.
            let isInPatch =
              image == 0 && (u / 4 * 4 - 1...u / 4 * 4 + 4).contains(row)
              && (v / 4 * 4 - 1...v / 4 * 4 + 4).contains(column)
            let isInWindow = image == 0 && abs(u - row) <= 1 && abs(v - column) <= 1
            if isInWindow { #expect(!y[index].isFinite || (relu && y[index] == 0 && !value.isNaN)) }
            if isInWindow && value.isNaN { #expect(y[index].isNaN) }
            if !isInPatch { #expect(y[index].isFinite, "\(row) \(column): \(u) \(v)") }
          }
        }
      }
    }
  }

  /// Huge and tiny values scale through: no overflow or underflow of intermediate results in the documented range.
  @Test(arguments: Operation.allCases) func scalesThrough(_ operation: Operation) {
    var random = Seeded(35)
    let c = ConvolutionCase(n: 2, 9, 9, 16, kernel: (3, 3), 16)
    let counts = inputs(operation, c)
    let (first, second): ([Float], [Float]) = (random.array(counts.0), random.array(counts.1))
    let expected = run(operation, c, first, second)
    func power(_ exponent: Int) -> Float { Float(sign: .plus, exponent: exponent, significand: 1) }
    for (left, right) in [(100, -60), (-60, 100), (-50, -40)] {
      let result = run(operation, c, first.map { $0 * power(left) }, second.map { $0 * power(right) })
      let isScaled = result == expected.map { $0 * power(left + right) }
      #expect(isScaled, "2^\(left), 2^\(right)")
    }
  }

  @Test func theSwitchChoosesTheAlgorithm() {
    // Only this test sets the switch; those that run at the same time name their algorithm or allow for either.
    defer { isWinogradEnabled = true }
    var random = Seeded(36)
    let c = ConvolutionCase(n: 4, 13, 13, 32, kernel: (3, 3), 64)
    let (x, w): ([Float], [Float]) = (random.array(c.inputCount), random.array(c.weightCount))
    func y(_ algorithm: ConvolutionAlgorithm) -> [Float] {
      runGuarded([x, w], count: c.outputCount) {
        convolution2D($0[0], $0[1], $1, c.shape, bias: nil, relu: false, algorithm: algorithm)
      }
    }
    let (direct, winograd) = (y(.direct), y(.winograd))
    let isDifferent = direct != winograd
    #expect(isDifferent)
    for (isEnabled, expected) in [(false, direct), (true, winograd)] {
      isWinogradEnabled = isEnabled
      let isChosen = y(.automatic) == expected
      #expect(isChosen, "enabled \(isEnabled)")
    }
  }

  @Test func doublesStayDirect() {
    var random = Seeded(37)
    let c = ConvolutionCase(n: 2, 9, 9, 16, kernel: (3, 3), 16)
    let (x, w): ([Double], [Double]) = (random.array(c.inputCount), random.array(c.weightCount))
    func y(_ algorithm: ConvolutionAlgorithm) -> [Double] {
      runGuarded([x, w], count: c.outputCount) {
        convolution2D($0[0], $0[1], $1, c.shape, bias: nil, relu: false, algorithm: algorithm)
      }
    }
    let isEqual = y(.winograd) == y(.direct)
    #expect(isEqual)
  }
}
