import Glibc
import Kernels
import Testing

/// One function, and what it is compared with, in Float80.
struct Function: Sendable {
  let operation: UnaryOperation
  let reference: @Sendable (Float80) -> Float80
  /// Largest error allowed, in units in the last place.
  let ulps: Double
  /// Arguments that cover every branch.
  let range: ClosedRange<Double>
}

private let functions: [Function] = [
  Function(operation: .exp, reference: { Glibc.exp($0) }, ulps: 1, range: -750...715),
  Function(operation: .expm1, reference: { Glibc.expm1($0) }, ulps: 2, range: -70...715),
  Function(operation: .log, reference: { Glibc.log($0) }, ulps: 1, range: 0...4),
  Function(operation: .log1p, reference: { Glibc.log1p($0) }, ulps: 1, range: -1...4),
  Function(operation: .tanh, reference: { Glibc.tanh($0) }, ulps: 2.5, range: -25...25),
  Function(operation: .sigmoid, reference: { 1 / (1 + Glibc.exp(-$0)) }, ulps: 2.5, range: -750...50),
  Function(operation: .erf, reference: { Glibc.erf($0) }, ulps: 1.5, range: -7...7),
]

private func values<T: KernelScalar>(_ operation: UnaryOperation, _ x: [T]) -> [T] {
  var y = [T](repeating: .nan, count: x.count)
  unary(operation, x, &y, x.count)
  return y
}

struct TranscendentalTests {
  @Test(arguments: functions.indices)
  func errorInUnitsInTheLastPlace(_ index: Int) {
    let function = functions[index]
    let single = worst(Float.self, function)
    let double = worst(Double.self, function)
    // Level v2 has no fused multiply-add.
    let limit = function.ulps + (Float.Vector.scalarCount == 4 ? 0.5 : 0)
    #expect(single.ulps <= limit, "Float.\(function.operation): \(single.ulps) ulp at \(single.at)")
    #expect(double.ulps <= limit, "Double.\(function.operation): \(double.ulps) ulp at \(double.at)")
    if getenv("SWIFTBN_SHOW_ULPS") != nil { print(function.operation, single, double) }
  }

  @Test func specialValues() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let (inf, nan) = (T.infinity, T.nan)
      let cases: [(UnaryOperation, [(T, T)])] = [
        (.exp, [(inf, inf), (-inf, 0), (0, 1), (-0.0, 1), (1e4, inf), (-1e4, 0)]),
        (.expm1, [(inf, inf), (-inf, -1), (0, 0), (-0.0, -0.0), (1e4, inf), (-1e4, -1)]),
        (.log, [(inf, inf), (-inf, nan), (0, -inf), (-0.0, -inf), (1, 0), (-1, nan)]),
        (.log1p, [(inf, inf), (-inf, nan), (0, 0), (-0.0, -0.0), (-1, -inf), (-2, nan)]),
        (.tanh, [(inf, 1), (-inf, -1), (0, 0), (-0.0, -0.0), (1e4, 1)]),
        (.sigmoid, [(inf, 1), (-inf, 0), (0, 0.5), (1e4, 1), (-1e4, 0)]),
        (.erf, [(inf, 1), (-inf, -1), (0, 0), (-0.0, -0.0), (1e4, 1), (-1e4, -1)]),
      ]
      for (operation, pairs) in cases {
        for (argument, expected) in pairs + [(nan, nan)] {
          for y in values(operation, [T](repeating: argument, count: T.Vector.scalarCount + 1)) {
            let isRight = expected.isNaN ? y.isNaN : y == expected && y.sign == expected.sign
            #expect(isRight, "\(T.self).\(operation)(\(argument)) = \(y), expected \(expected)")
          }
        }
        for tiny in [T.leastNonzeroMagnitude, T.leastNormalMagnitude] where [.expm1, .log1p].contains(operation) {
          #expect(values(operation, [tiny]) == [tiny], "\(T.self).\(operation)(\(tiny))")
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// Evenly spread over the range, and over all magnitudes of both signs.
  private func worst<T: KernelScalar>(_ type: T.Type, _ about: Function) -> (ulps: Double, at: Double) {
    var random = Seeded(7)
    var arguments: [T] = []
    // Float reaches its limits earlier: half of the arguments are from a range that it can tell apart.
    for scale in [1, T.self == Float.self ? 0.15 : 0.02] {
      let lower = about.range.lowerBound * (about.range.lowerBound == -1 ? 1 : scale)
      arguments += random.array(100_000, in: lower...about.range.upperBound * scale)
    }
    for _ in 0..<100_000 {
      let magnitude = Double.random(in: -1074...1023, using: &random) * (T.self == Float.self ? 0.13 : 1)
      let x = T(Glibc.exp2(magnitude))
      arguments.append(about.range.lowerBound >= 0 || Bool.random(using: &random) ? x : -x)
    }
    var result = (ulps: 0.0, at: 0.0)
    for (x, y) in zip(arguments, values(about.operation, arguments)) {
      let expected = about.reference(Float80(x))
      let rounded = T(expected)
      if rounded.isNaN && y.isNaN || rounded == y { continue }
      let unit = rounded.isFinite ? Float80(rounded.ulp) : Float80(T.greatestFiniteMagnitude.ulp)
      // Next to overflow: infinity counts as the next number after the largest.
      let observed = y.isFinite ? Float80(y) : Float80(T.greatestFiniteMagnitude) + unit
      let error = y.isNaN ? .infinity : Double(abs(observed - expected) / unit)
      if error > result.ulps { result = (error, Double(x)) }
    }
    return result
  }
}
