import Glibc
import Kernels
import Testing

/// One function: by kernel vectors and in Float80.
struct Function: Sendable {
  let name: String
  let float: @Sendable (Float.Vector) -> Float.Vector
  let double: @Sendable (Double.Vector) -> Double.Vector
  let reference: @Sendable (Float80) -> Float80
  /// Largest error allowed, in units in the last place.
  let ulps: Double
  /// Arguments that cover every branch.
  let range: ClosedRange<Double>
}

private let functions: [Function] = [
  Function(
    name: "exp", float: { Float.exp($0) }, double: { Double.exp($0) }, reference: { Glibc.exp($0) }, ulps: 1,
    range: -750...715),
  Function(
    name: "expm1", float: { Float.expm1($0) }, double: { Double.expm1($0) }, reference: { Glibc.expm1($0) }, ulps: 2,
    range: -70...715),
  Function(
    name: "log", float: { Float.log($0) }, double: { Double.log($0) }, reference: { Glibc.log($0) }, ulps: 1,
    range: 0...4),
  Function(
    name: "log1p", float: { Float.log1p($0) }, double: { Double.log1p($0) }, reference: { Glibc.log1p($0) }, ulps: 1,
    range: -1...4),
  Function(
    name: "tanh", float: { Float.tanh($0) }, double: { Double.tanh($0) }, reference: { Glibc.tanh($0) }, ulps: 2.5,
    range: -25...25),
  Function(
    name: "sigmoid", float: { Float.sigmoid($0) }, double: { Double.sigmoid($0) },
    reference: { 1 / (1 + Glibc.exp(-$0)) }, ulps: 2.5, range: -750...50),
  Function(
    name: "erf", float: { Float.erf($0) }, double: { Double.erf($0) }, reference: { Glibc.erf($0) }, ulps: 1.5,
    range: -7...7),
]

struct TranscendentalTests {
  @Test(arguments: functions.indices)
  func errorInUnitsInTheLastPlace(_ index: Int) {
    let function = functions[index]
    let single = worst(Float.self, function.float, function)
    let double = worst(Double.self, function.double, function)
    // Level v2 has no fused multiply-add.
    let limit = function.ulps + (Float.Vector.scalarCount == 4 ? 0.5 : 0)
    #expect(single.ulps <= limit, "Float.\(function.name): \(single.ulps) ulp at \(single.at)")
    #expect(double.ulps <= limit, "Double.\(function.name): \(double.ulps) ulp at \(double.at)")
    if getenv("SWIFTBN_SHOW_ULPS") != nil { print(function.name, single, double) }
  }

  @Test func specialValues() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let (inf, nan) = (T.infinity, T.nan)
      let cases: [(String, (T.Vector) -> T.Vector, [(T, T)])] = [
        ("exp", { T.exp($0) }, [(inf, inf), (-inf, 0), (0, 1), (-0.0, 1), (1e4, inf), (-1e4, 0)]),
        ("expm1", { T.expm1($0) }, [(inf, inf), (-inf, -1), (0, 0), (-0.0, -0.0), (1e4, inf), (-1e4, -1)]),
        ("log", { T.log($0) }, [(inf, inf), (-inf, nan), (0, -inf), (-0.0, -inf), (1, 0), (-1, nan)]),
        ("log1p", { T.log1p($0) }, [(inf, inf), (-inf, nan), (0, 0), (-0.0, -0.0), (-1, -inf), (-2, nan)]),
        ("tanh", { T.tanh($0) }, [(inf, 1), (-inf, -1), (0, 0), (-0.0, -0.0), (1e4, 1)]),
        ("sigmoid", { T.sigmoid($0) }, [(inf, 1), (-inf, 0), (0, 0.5), (1e4, 1), (-1e4, 0)]),
        ("erf", { T.erf($0) }, [(inf, 1), (-inf, -1), (0, 0), (-0.0, -0.0), (1e4, 1), (-1e4, -1)]),
      ]
      for (name, function, values) in cases {
        for (argument, expected) in values + [(nan, nan)] {
          let y = function(T.Vector(repeating: argument))[T.Vector.scalarCount - 1]
          let isRight = expected.isNaN ? y.isNaN : y == expected && y.sign == expected.sign
          #expect(isRight, "\(T.self).\(name)(\(argument)) = \(y), expected \(expected)")
        }
        for tiny in [T.leastNonzeroMagnitude, T.leastNormalMagnitude] where ["expm1", "log1p"].contains(name) {
          #expect(function(T.Vector(repeating: tiny))[0] == tiny, "\(T.self).\(name)(\(tiny))")
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// Evenly spread over the range, and over all magnitudes of both signs.
  private func worst<T: KernelScalar>(
    _ type: T.Type, _ function: (T.Vector) -> T.Vector, _ about: Function
  ) -> (ulps: Double, at: Double) {
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
    while arguments.count % T.Vector.scalarCount != 0 { arguments.append(0.5) }
    var result = (ulps: 0.0, at: 0.0)
    for start in stride(from: 0, to: arguments.count, by: T.Vector.scalarCount) {
      var x = T.Vector()
      for lane in 0..<T.Vector.scalarCount { x[lane] = arguments[start + lane] }
      let y = function(x)
      for lane in 0..<T.Vector.scalarCount {
        let expected = about.reference(Float80(x[lane]))
        let rounded = T(expected)
        if rounded.isNaN && y[lane].isNaN || rounded == y[lane] { continue }
        let unit = rounded.isFinite ? Float80(rounded.ulp) : Float80(T.greatestFiniteMagnitude.ulp)
        // Next to overflow: infinity counts as the next number after the largest.
        let observed = y[lane].isFinite ? Float80(y[lane]) : Float80(T.greatestFiniteMagnitude) + unit
        let error = y[lane].isNaN ? .infinity : Double(abs(observed - expected) / unit)
        if error > result.ulps { result = (error, Double(x[lane])) }
      }
    }
    return result
  }
}
