import Glibc
import Kernels
import Testing

/// The textbook definition of each operation in Double.
private func reference(_ op: UnaryOperation, _ x: Double) -> Double {
  switch op {
  case .negative: return -x
  case .abs: return Swift.abs(x)
  case .sign: return x > 0 ? 1 : x < 0 ? -1 : x
  case .square: return x * x
  case .sqrt: return x.squareRoot()
  case .rsqrt: return 1 / x.squareRoot()
  case .reciprocal: return 1 / x
  case .exp: return Glibc.exp(x)
  case .expm1: return Glibc.expm1(x)
  case .log: return Glibc.log(x)
  case .log1p: return Glibc.log1p(x)
  case .tanh: return Glibc.tanh(x)
  case .sigmoid: return 1 / (1 + Glibc.exp(-x))
  case .relu: return x.isNaN ? x : Swift.max(x, 0)
  case .softplus: return x.isNaN ? x : Swift.max(x, 0) + Glibc.log1p(Glibc.exp(-Swift.abs(x)))
  case .silu: return x / (1 + Glibc.exp(-x))
  case .mish: return x * Glibc.tanh(Swift.max(x, 0) + Glibc.log1p(Glibc.exp(-Swift.abs(x))))
  case .gelu: return 0.5 * x * (1 + Glibc.erf(x / 2.squareRoot()))
  case .approximateGelu: return 0.5 * x * (1 + Glibc.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case .erf: return Glibc.erf(x)
  case .sin: return Glibc.sin(x)
  case .cos: return Glibc.cos(x)
  case .arctan: return Glibc.atan(x)
  case .floor: return x.rounded(.down)
  case .ceil: return x.rounded(.up)
  case .round: return x.rounded(.toNearestOrEven)
  }
}

private func domain(_ op: UnaryOperation) -> ClosedRange<Double> {
  switch op {
  case .sqrt, .rsqrt, .log: 0.01...50
  case .log1p: -0.9...50
  default: -6...6
  }
}

struct ElementwiseUnaryTests {
  @Test(arguments: UnaryOperation.allCases) func matchesReference(_ op: UnaryOperation) {
    check(op, Float.self)
    check(op, Double.self)
  }

  private func check<T: KernelScalar>(_ op: UnaryOperation, _: T.Type) {
    var random = Seeded(1 + UInt64(op.rawValue))
    for n in edgeSizes {
      let x: [T] = random.array(n, in: domain(op))
      let expected = x.map { reference(op, Double($0)) }
      let y = runGuarded([x], count: n) { unary(op, $0[0], $1, n) }
      // One rounding of the result, or a few of an approximation: at most 8 units in the last place.
      expectClose(y, expected, tolerance: 8 * roundoff(T.self), "\(op) \(T.self) n \(n)")
      var inPlace = x
      inPlace.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { unary(op, UnsafePointer(base), base, n) }
      }
      #expect(inPlace == y, "\(op) in place, n \(n)")
    }
  }

  @Test(arguments: UnaryOperation.allCases) func sameForAllThreadCounts(_ op: UnaryOperation) {
    var random = Seeded(7)
    let n = 3 * (1 << 15) + 5
    let x: [Float] = random.array(n, in: domain(op))
    expectSameForAllThreadCounts("\(op)") { runGuarded([x], count: n) { unary(op, $0[0], $1, n) } }
    let y = runGuarded([x], count: n) { unary(op, $0[0], $1, n) }
    expectClose(y, x.map { reference(op, Double($0)) }, tolerance: 8 * roundoff(Float.self), "\(op)")
  }

  @Test func edgeValues() {
    edgeValues(Float.self)
    edgeValues(Double.self)
  }

  private func edgeValues<T: KernelScalar>(_: T.Type) {
    let x: [T] = [0, -0.0, .infinity, -.infinity, .nan, 1, -1, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5]
    for op in UnaryOperation.allCases {
      let expected = x.map { reference(op, Double($0)) }
      let y = runGuarded([x], count: x.count) { unary(op, $0[0], $1, x.count) }
      expectClose(y, expected, tolerance: 8 * roundoff(T.self), "\(op) \(T.self)")
    }
    func bits(_ op: UnaryOperation) -> [FloatingPointSign] {
      runGuarded([x], count: x.count) { unary(op, $0[0], $1, x.count) }.prefix(2).map(\.sign)
    }
    #expect(bits(.negative) == [.minus, .plus])
    #expect(bits(.abs) == [.plus, .plus])
    #expect(bits(.sqrt) == [.plus, .minus])
    #expect(bits(.relu) == [.plus, .plus])
  }

  @Test func parametrized() {
    parametrized(Float.self)
    parametrized(Double.self)
  }

  private func parametrized<T: KernelScalar>(_: T.Type) {
    var random = Seeded(3)
    for n in edgeSizes {
      var x: [T] = random.array(n, in: -3...3)
      if n > 2 { x[n / 2] = .nan }
      let leaky = runGuarded([x], count: n) { leakyRelu($0[0], $1, n, slope: 0.25) }
      expectClose(
        leaky,
        x.map {
          let v = Double($0); return v > 0 ? v : 0.25 * v
        }, tolerance: 0, "leaky")
      let clipped = runGuarded([x], count: n) { clip($0[0], $1, n, low: -1, high: 2) }
      expectClose(
        clipped,
        x.map {
          let v = Double($0); return v.isNaN ? v : Swift.min(Swift.max(v, -1), 2)
        }, tolerance: 0,
        "clip")
    }
  }
}

/// Each backward function against central differences of its forward function in Double, and Float against Double.
struct ElementwiseBackwardTests {
  private struct Case: Sendable {
    let name: String
    /// Whether the saved array is the output.
    let savesOutput: Bool
    let forward: @Sendable (UnsafePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
    let backward: @Sendable (UnsafePointer<Double>, UnsafePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
    let backwardFloat: @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  }

  private static let cases: [Case] = [
    Case(
      name: "relu", savesOutput: true, forward: { unary(.relu, $0, $1, $2) },
      backward: { reluBackward($0, $1, $2, $3) }, backwardFloat: { reluBackward($0, $1, $2, $3) }),
    Case(
      name: "leakyRelu", savesOutput: false, forward: { leakyRelu($0, $1, $2, slope: 0.3) },
      backward: { leakyReluBackward($0, $1, $2, $3, slope: 0.3) },
      backwardFloat: { leakyReluBackward($0, $1, $2, $3, slope: 0.3) }),
    activation(.tanh, .tanh, savesOutput: true), activation(.sigmoid, .sigmoid, savesOutput: true),
    activation(.softplus, .softplus), activation(.silu, .silu), activation(.mish, .mish), activation(.gelu, .gelu),
    activation(.approximateGelu, .approximateGelu),
  ]

  private static func activation(
    _ operation: UnaryOperation, _ gradient: ActivationWithGradient, savesOutput: Bool = false
  ) -> Case {
    Case(
      name: "\(gradient)", savesOutput: savesOutput, forward: { unary(operation, $0, $1, $2) },
      backward: { activationBackward(gradient, $0, $1, $2, $3) },
      backwardFloat: { activationBackward(gradient, $0, $1, $2, $3) })
  }

  /// Far out the slopes are 0 and 1, NaN stays NaN, and the threads change nothing.
  @Test(arguments: ActivationWithGradient.allCases)
  func activationsFarOutAndOnThreads(_ activation: ActivationWithGradient) {
    let isOfOutput = activation == .tanh || activation == .sigmoid
    func check<T: KernelScalar>(_: T.Type) {
      let saved: [T] = isOfOutput ? [1, 0, .nan] : [1e4, -1e4, 1e18, -1e18, T.greatestFiniteMagnitude, .nan]
      let slopes = runGuarded([saved.map { _ in T(2) }, saved], count: saved.count) {
        activationBackward(activation, $0[0], $0[1], $1, saved.count)
      }
      let expected: [Double] = isOfOutput ? [0, activation == .tanh ? 2 : 0, .nan] : [2, 0, 2, 0, 2, .nan]
      expectClose(slopes, expected, tolerance: 2 * roundoff(T.self), "\(activation) \(T.self)")
    }
    check(Float.self)
    check(Double.self)
    var random = Seeded(13)
    let n = 3 * (1 << 15) + 5
    let (dy, saved): ([Float], [Float]) = (random.array(n), random.array(n, in: 0.1...0.9))
    expectSameForAllThreadCounts("\(activation)") {
      runGuarded([dy, saved], count: n) { activationBackward(activation, $0[0], $0[1], $1, n) }
    }
  }

  @Test func centralDifferences() {
    var random = Seeded(11)
    for test in Self.cases {
      for n in edgeSizes {
        // Away from the kink at 0, which a difference of width 2h would straddle.
        let x: [Double] = (random.array(n, in: -4...4) as [Double]).map { abs($0) < 1e-3 ? 0.5 : $0 }
        let dy: [Double] = random.array(n)
        let h = 1e-6
        let up = runGuarded([x.map { $0 + h }], count: n) { test.forward($0[0], $1, n) }
        let down = runGuarded([x.map { $0 - h }], count: n) { test.forward($0[0], $1, n) }
        let y = runGuarded([x], count: n) { test.forward($0[0], $1, n) }
        let saved = test.savesOutput ? y : x
        let expected = (0..<n).map { dy[$0] * (up[$0] - down[$0]) / (2 * h) }
        let dx = runGuarded([dy, saved], count: n) { test.backward($0[0], $0[1], $1, n) }
        // Truncation h², rounding eps · |y| / h.
        expectClose(dx, expected, tolerance: 1e-8, "\(test.name) n \(n)")
        let float = runGuarded([dy.map(Float.init), saved.map(Float.init)], count: n) {
          test.backwardFloat($0[0], $0[1], $1, n)
        }
        expectClose(float, dx, tolerance: 16 * roundoff(Float.self), "\(test.name) Float n \(n)")
        var inPlace = dy
        inPlace.withUnsafeMutableBufferPointer { buffer in
          guard let base = buffer.baseAddress else { return }
          saved.withUnsafeBufferPointer { test.backward(UnsafePointer(base), $0.baseAddress!, base, n) }
        }
        #expect(inPlace == dx, "\(test.name) in place, n \(n)")
      }
    }
  }
}
