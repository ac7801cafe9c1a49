// Elementary functions on whole vectors, for Float and Double. Errors, measured by TranscendentalTests, in units in the
// last place: exp, log and log1p at most 1, erf 1.5, expm1 2, sigmoid and tanh 2.5; at level v2, without fused
// operations, half a unit more. Overflow gives infinity, underflow goes through the subnormal numbers to zero, NaN
// stays NaN, and -0 keeps its sign where the function is odd.
//
// In generic code only `select(_:greaterThan:_:else:)` compares whole vectors at once; `.<` and `replacing` go lane by
// lane. Polynomials without a source were interpolated at Chebyshev nodes in 60 digits.

extension KernelScalar {
  /// e^x.
  @inline(__always)
  static func exp(_ x: Vector) -> Vector {
    let limited = clampKeepingNaN(x, constant(-104, double: -746), constant(88.8, double: 709.9))
    let (n, q) = reducedExponential(limited)
    // Two factors reach the subnormal numbers and infinity with normal powers of two, and round only once.
    let half = roundedToInteger(n * constant(0.5))
    return ((constant(1) + q) * powerOfTwo(half)) * powerOfTwo(n - half)
  }

  /// e^x - 1, accurate near 0.
  @inline(__always)
  static func expm1(_ x: Vector) -> Vector {
    let limited = clampKeepingNaN(x, constant(-40, double: -60), constant(88.8, double: 709.9))
    let (n, q) = reducedExponential(limited)
    // Half the result, as 2^n itself overflows before the result does.
    let scale = powerOfTwo(n - constant(1))
    let half = multiplyAdd(scale, q, scale - constant(0.5))
    // Halving loses the last bit of a subnormal number, and adding zeros the sign of -0.
    return select(constant(0x1p-25, double: 0x1p-54), greaterThan: magnitude(x), x, else: half + half)
  }

  /// x = n·ln 2 + r with |r| <= ½ ln 2; returns n and q = e^r - 1.
  @inline(__always)
  private static func reducedExponential(_ x: Vector) -> (n: Vector, q: Vector) {
    let n = roundedToInteger(x * constant(1.442695040888963407))
    let r = multiplyAdd(n, constant(-ln2Low), multiplyAdd(n, constant(-ln2High), x))
    var p: Vector
    if Self.self == Float.self {
      p = constant(0.0013926191)
      p = multiplyAdd(p, r, constant(0.00836318545))
      p = multiplyAdd(p, r, constant(0.0416665561))
      p = multiplyAdd(p, r, constant(0.166665763))
    } else {
      p = constant(2.0914694560351592e-09)
      p = multiplyAdd(p, r, constant(2.510522763655176e-08))
      p = multiplyAdd(p, r, constant(2.755727362486648e-07))
      p = multiplyAdd(p, r, constant(2.7557255374658744e-06))
      p = multiplyAdd(p, r, constant(2.4801587325562125e-05))
      p = multiplyAdd(p, r, constant(0.00019841269874840768))
      p = multiplyAdd(p, r, constant(0.0013888888888883744))
      p = multiplyAdd(p, r, constant(0.008333333333326129))
      p = multiplyAdd(p, r, constant(0.04166666666666667))
      p = multiplyAdd(p, r, constant(0.1666666666666667))
    }
    p = multiplyAdd(p, r, constant(0.5))
    return (n, multiplyAdd(r * r, p, r))
  }

  /// Natural logarithm: -∞ at ±0, NaN below.
  @inline(__always)
  static func log(_ x: Vector) -> Vector {
    // Subnormal numbers are moved up by 2^k first.
    let normal = Vector(repeating: Self.leastNormalMagnitude)
    let scaled = select(normal, greaterThan: x, x * constant(0x1p24, double: 0x1p54), else: x)
    let moved = select(normal, greaterThan: x, constant(-24, double: -54), else: Vector.zero)
    return logarithm(scaled, moved, .zero)
  }

  /// log(1 + x), accurate near 0: -∞ at -1, NaN below.
  @inline(__always)
  static func log1p(_ x: Vector) -> Vector {
    let one = constant(1)
    let u = one + x
    // What rounding 1 + x lost: exact when the smaller term is subtracted last.
    let lost = select(x, greaterThan: one, one - (u - x), else: x - (u - one))
    let y = logarithm(u, .zero, lost / u)
    return select(constant(0x1p-25, double: 0x1p-54), greaterThan: magnitude(x), x, else: y)
  }

  /// log(u) + moved·ln 2 + correction for normal u (fdlibm's scheme): with f = m - 1 and s = f / (2 + f),
  /// log(1 + f) = 2s + s³·(⅔ + …) = f - (½f² - s·(½f² + R)).
  @inline(__always)
  private static func logarithm(_ u: Vector, _ moved: Vector, _ correction: Vector) -> Vector {
    let (m, exponent) = splitExponent(u)
    let e = exponent + moved
    let f = m - constant(1)
    let s = f / (constant(2) + f)
    let z = s * s
    var p: Vector
    if Self.self == Float.self {
      p = constant(0.233309641)
      p = multiplyAdd(p, z, constant(0.285508037))
      p = multiplyAdd(p, z, constant(0.400001228))
      p = multiplyAdd(p, z, constant(0.666666687))
    } else {
      p = constant(0.1308723619665962)
      p = multiplyAdd(p, z, constant(0.13268714792348096))
      p = multiplyAdd(p, z, constant(0.15386241881938595))
      p = multiplyAdd(p, z, constant(0.18181795600060793))
      p = multiplyAdd(p, z, constant(0.22222222392089008))
      p = multiplyAdd(p, z, constant(0.28571428570801954))
      p = multiplyAdd(p, z, constant(0.4000000000000088))
      p = multiplyAdd(p, z, constant(0.6666666666666666))
    }
    let halfSquare = constant(0.5) * f * f
    let low = multiplyAdd(e, constant(ln2Low), correction)
    let inner = multiplyAdd(s, multiplyAdd(z, p, halfSquare), low)
    let finite = multiplyAdd(e, constant(ln2High), f - (halfSquare - inner))
    let y = select(u, greaterThan: Vector(repeating: Self.greatestFiniteMagnitude), u, else: finite)
    // -∞ at zero, NaN below it; adding u keeps NaN.
    let special = select(
      Vector.zero, greaterThan: u, Vector(repeating: Self.nan), else: Vector(repeating: -Self.infinity) + u)
    return select(u, greaterThan: Vector.zero, y, else: special)
  }

  /// ln 2 in two parts; the products of the first with exponents are exact also in Float.
  @inline(__always)
  private static var ln2High: Double { 0.693145751953125 }
  @inline(__always)
  private static var ln2Low: Double { 1.42860682030941723212e-6 }

  /// tanh(x) = (e^2x - 1) / (e^2x + 1).
  @inline(__always)
  static func tanh(_ x: Vector) -> Vector {
    let size = magnitude(x)
    // From the limit on the result rounds to 1.
    let limit = constant(10, double: 22)
    let t = expm1(select(size, greaterThan: limit, limit, else: size) * constant(2))
    return withSign(of: x, t / (t + constant(2)))
  }

  /// 1 / (1 + e^-x), without overflow: exact down to the subnormal numbers.
  @inline(__always)
  static func sigmoid(_ x: Vector) -> Vector {
    let e = exp(-magnitude(x))
    return select(Vector.zero, greaterThan: x, e, else: constant(1)) / (constant(1) + e)
  }
}
