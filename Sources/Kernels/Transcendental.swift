/// Vectors of Double with their bits at hand. Elementary functions are computed in Double for both scalar types:
/// Float results are then correctly rounded in all but a few cases in a million.
typealias DoubleLanes = SIMD8<Double>
typealias BitLanes = SIMD8<Int64>

@inline(__always)
private func bits(_ x: DoubleLanes) -> BitLanes { unsafeBitCast(x, to: BitLanes.self) }

@inline(__always)
private func double(_ x: BitLanes) -> DoubleLanes { unsafeBitCast(x, to: DoubleLanes.self) }

@inline(__always)
private func lanes(_ x: Double) -> DoubleLanes { DoubleLanes(repeating: x) }

@inline(__always)
private func fma(_ a: DoubleLanes, _ b: DoubleLanes, _ c: DoubleLanes) -> DoubleLanes {
  #if SWIFTBN_V2
    return a * b + c
  #else
    return c.addingProduct(a, b)
  #endif
}

/// 2ⁿ for whole n in -1022...1023.
@inline(__always)
private func powerOfTwo(_ n: DoubleLanes) -> DoubleLanes {
  let magic = lanes(6_755_399_441_055_744)  // 1.5 · 2⁵²: the sum's low bits hold n
  return double((bits(n + magic) &- bits(magic) &+ BitLanes(repeating: 1023)) &<< BitLanes(repeating: 52))
}

/// x = n·ln 2 + r with |r| ≤ ln 2 / 2.
@inline(__always)
private func reduceExponent(_ x: DoubleLanes) -> (n: DoubleLanes, r: DoubleLanes) {
  let magic = lanes(6_755_399_441_055_744)
  let n = fma(x, lanes(1.442_695_040_888_963_4), magic) - magic
  let high = fma(n, lanes(-6.931_471_803_691_238_164_90e-1), x)
  return (n, fma(n, lanes(-1.908_214_929_270_587_700_02e-10), high))
}

/// exp(r) - 1 for |r| ≤ ln 2 / 2: Taylor's series to r¹³, whose rest is below 2⁻⁵⁶.
@inline(__always)
private func expm1Series(_ r: DoubleLanes) -> DoubleLanes {
  let tail = expTail(r)
  return fma(r * r, tail, r)
}

/// (exp(r) - 1 - r) / r².
@inline(__always)
private func expTail(_ r: DoubleLanes) -> DoubleLanes {
  var s = lanes(1.0 / 6_227_020_800)
  s = fma(s, r, lanes(1.0 / 479_001_600))
  s = fma(s, r, lanes(1.0 / 39_916_800))
  s = fma(s, r, lanes(1.0 / 3_628_800))
  s = fma(s, r, lanes(1.0 / 362_880))
  s = fma(s, r, lanes(1.0 / 40_320))
  s = fma(s, r, lanes(1.0 / 5_040))
  s = fma(s, r, lanes(1.0 / 720))
  s = fma(s, r, lanes(1.0 / 120))
  s = fma(s, r, lanes(1.0 / 24))
  s = fma(s, r, lanes(1.0 / 6))
  return fma(s, r, lanes(0.5))
}

@inline(__always)
private func exponential(_ x: DoubleLanes) -> DoubleLanes {
  // Beyond these bounds the result is 0 or infinity anyway; NaN passes through the comparisons.
  let bounded = x.replacing(with: lanes(-746), where: x .< lanes(-746)).replacing(
    with: lanes(710), where: x .> lanes(710))
  let (n, r) = reduceExponent(bounded)
  // 2ⁿ in two factors, so that subnormal results and 2¹⁰²⁴ come out right.
  let half = (n * 0.5).rounded(.down)
  let y = (lanes(1) + expm1Series(r)) * powerOfTwo(half) * powerOfTwo(n - half)
  return y.replacing(with: x, where: x .!= x)
}

@inline(__always)
private func exponentialMinusOne(_ x: DoubleLanes) -> DoubleLanes {
  let bounded = x.replacing(with: lanes(-60), where: x .< lanes(-60)).replacing(
    with: lanes(710), where: x .> lanes(710))
  let (n, r) = reduceExponent(bounded)
  let half = (n * 0.5).rounded(.down)
  let (low, high) = (powerOfTwo(half), powerOfTwo(n - half))
  // 2ⁿ·(e^r - 1) + (2ⁿ - 1)
  let scaled = expm1Series(r) * low * high
  let y = scaled + (low * high - lanes(1))
  let huge = exponential(bounded)
  return y.replacing(with: huge, where: x .> lanes(100)).replacing(with: x, where: (x .!= x) .| (x .== lanes(0)))
}

/// log of positive, finite x, as a sum of a large and a small part.
@inline(__always)
private func logarithm(_ x: DoubleLanes) -> DoubleLanes {
  let isSubnormal = x .< lanes(2.225_073_858_507_201_4e-308)
  let scaled = x.replacing(with: x * 18_014_398_509_481_984, where: isSubnormal)
  // m in [√½, √2)
  let offset = bits(scaled) &- BitLanes(repeating: 0x3FE6_A09E_667F_3BCD)
  let exponent = offset &>> BitLanes(repeating: 52)
  let m = double(bits(scaled) &- (exponent &<< BitLanes(repeating: 52)))
  var n = DoubleLanes(exponent)
  n = n.replacing(with: n - 54, where: isSubnormal)
  let f = m - lanes(1)
  let s = f / (lanes(2) + f)
  let z = s * s
  var p = lanes(1.479_819_860_511_658_591e-1)
  p = fma(p, z, lanes(1.531_383_769_920_937_332e-1))
  p = fma(p, z, lanes(1.818_357_216_161_805_012e-1))
  p = fma(p, z, lanes(2.222_219_843_214_978_396e-1))
  p = fma(p, z, lanes(2.857_142_874_366_239_149e-1))
  p = fma(p, z, lanes(3.999_999_999_940_941_908e-1))
  p = fma(p, z, lanes(6.666_666_666_666_735_130e-1))
  let r = p * z
  let hfsq = f * f * 0.5
  let high = lanes(6.931_471_803_691_238_164_90e-1)
  let low = lanes(1.908_214_929_270_587_700_02e-10)
  return n * high - ((hfsq - (s * (hfsq + r) + n * low)) - f)
}

@inline(__always)
private func logarithmWithEdges(_ x: DoubleLanes) -> DoubleLanes {
  logarithm(x)
    .replacing(with: x, where: (x .== lanes(.infinity)) .| (x .!= x))
    .replacing(with: lanes(-.infinity), where: x .== lanes(0))
    .replacing(with: lanes(.nan), where: x .< lanes(0))
}

@inline(__always)
private func logarithmPlusOne(_ x: DoubleLanes) -> DoubleLanes {
  // Goldberg's form: what rounding 1 + x loses is put back by a first-order correction.
  let u = lanes(1) + x
  let correction = (x - (u - lanes(1))) / u
  let y = logarithmWithEdges(u) + correction
  return y.replacing(with: x, where: (u .== lanes(1)) .| (x .== lanes(.infinity)))
    .replacing(with: lanes(-.infinity), where: x .== lanes(-1))
}

@inline(__always)
private func hyperbolicTangent(_ x: DoubleLanes) -> DoubleLanes {
  // tanh x = -e / (e + 2) with e = expm1(-2|x|)
  let magnitude = x.replacing(with: -x, where: x .< lanes(0))
  let e = exponentialMinusOne(magnitude * -2)
  let y = -e / (e + lanes(2))
  return y.replacing(with: -y, where: x .< lanes(0)).replacing(with: x, where: x .== lanes(0))
}

@inline(__always)
private func logistic(_ x: DoubleLanes) -> DoubleLanes { lanes(1) / (lanes(1) + exponential(-x)) }

/// erf by W. J. Cody's rational approximations (Math. Comp. 23, 1969), three ranges.
@inline(__always)
private func errorFunction(_ x: DoubleLanes) -> DoubleLanes {
  let a = x.replacing(with: -x, where: x .< lanes(0))
  let z = a * a
  var top = fma(z, lanes(1.857_777_061_846_031_53e-1), lanes(3.161_123_743_870_565_60e0))
  top = fma(top, z, lanes(1.138_641_541_510_501_56e2))
  top = fma(top, z, lanes(3.774_852_376_853_020_21e2))
  top = fma(top, z, lanes(3.209_377_589_138_469_47e3))
  var bottom = z + lanes(2.360_129_095_234_412_09e1)
  bottom = fma(bottom, z, lanes(2.440_246_379_344_441_73e2))
  bottom = fma(bottom, z, lanes(1.282_616_526_077_372_28e3))
  bottom = fma(bottom, z, lanes(2.844_236_833_439_170_62e3))
  let small = x * top / bottom
  var p = fma(a, lanes(2.153_115_354_744_038_46e-8), lanes(5.641_884_969_886_700_89e-1))
  p = fma(p, a, lanes(8.883_149_794_388_375_94e0))
  p = fma(p, a, lanes(6.611_919_063_714_162_95e1))
  p = fma(p, a, lanes(2.986_351_381_974_001_31e2))
  p = fma(p, a, lanes(8.819_522_212_417_690_90e2))
  p = fma(p, a, lanes(1.712_047_612_634_070_58e3))
  p = fma(p, a, lanes(2.051_078_377_826_071_47e3))
  p = fma(p, a, lanes(1.230_339_354_797_997_25e3))
  var q = a + lanes(1.574_492_611_070_983_47e1)
  q = fma(q, a, lanes(1.176_939_508_913_124_99e2))
  q = fma(q, a, lanes(5.371_811_018_620_098_58e2))
  q = fma(q, a, lanes(1.621_389_574_566_690_19e3))
  q = fma(q, a, lanes(3.290_799_235_733_459_63e3))
  q = fma(q, a, lanes(4.362_619_090_143_247_16e3))
  q = fma(q, a, lanes(3.439_367_674_143_721_64e3))
  q = fma(q, a, lanes(1.230_339_354_803_749_42e3))
  let middle = lanes(1) - exponential(-z) * p / q
  // Beyond 6 the distance to 1 is below half an ulp.
  let far = middle.replacing(with: lanes(1), where: a .> lanes(6))
  let signed = far.replacing(with: -far, where: x .< lanes(0))
  return signed.replacing(with: small, where: a .<= lanes(0.46875)).replacing(with: x, where: x .!= x)
}

/// Elementary functions on vectors.
extension KernelScalar {
  @inline(__always) static func exp(_ x: Vector) -> Vector { inDouble(x, exponential) }
  @inline(__always) static func expm1(_ x: Vector) -> Vector { inDouble(x, exponentialMinusOne) }
  @inline(__always) static func log(_ x: Vector) -> Vector { inDouble(x, logarithmWithEdges) }
  @inline(__always) static func log1p(_ x: Vector) -> Vector { inDouble(x, logarithmPlusOne) }
  @inline(__always) static func tanh(_ x: Vector) -> Vector { inDouble(x, hyperbolicTangent) }
  @inline(__always) static func sigmoid(_ x: Vector) -> Vector { inDouble(x, logistic) }
  @inline(__always) static func erf(_ x: Vector) -> Vector { inDouble(x, errorFunction) }

  /// Applies a function of eight doubles to all lanes.
  @inline(__always)
  private static func inDouble(_ x: Vector, _ function: (DoubleLanes) -> DoubleLanes) -> Vector {
    var result = x
    var lane = 0
    while lane < Vector.scalarCount {
      let count = Swift.min(8, Vector.scalarCount &- lane)
      var wide = DoubleLanes()
      for i in 0..<count { wide[i] = Double(x[lane &+ i]) }
      wide = function(wide)
      for i in 0..<count { result[lane &+ i] = Self(wide[i]) }
      lane &+= 8
    }
    return result
  }
}
