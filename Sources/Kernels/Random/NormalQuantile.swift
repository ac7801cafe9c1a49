/// z = Φ⁻¹(p) in place, for p in (0, 1): algorithm AS 241 (Wichura, Applied Statistics 37, 1988), relative error 1e-15.
///
/// Only operations that round the same everywhere are used, no fused ones, so that random numbers are the same at every
/// instruction-set level.
@inline(never)
func normalQuantiles(_ p: UnsafeMutablePointer<Double>, _ count: Int) {
  var far = 0
  for i in 0..<count { far &+= min(p[i], 1 - p[i]) < farTail ? 1 : 0 }
  // Plain scalar code without branches, which the compiler turns into vectors of any width.
  if far == 0 {
    for i in 0..<count { p[i] = quantile(p[i], mayBeFar: false) }
  } else {
    for i in 0..<count { p[i] = quantile(p[i], mayBeFar: true) }
  }
}

/// e^-25.
private let farTail = 1.3887943864964021e-11

@inline(__always)
private func quantile(_ p: Double, mayBeFar: Bool) -> Double {
  let q = p - 0.5
  let r = 0.180625 - q * q
  let mass = q < 0 ? p : 1 - p
  let root = (-plainLog(mass)).squareRoot()
  var tail = middleRatio(root - 1.6)
  if mayBeFar { tail = mass < farTail ? farRatio(root - 5) : tail }
  return r >= 0 ? q * centralRatio(r) : (q < 0 ? -tail : tail)
}

private typealias EightCoefficients = (Double, Double, Double, Double, Double, Double, Double, Double)

/// Σ c[k]·x^k by Horner's rule, without fused operations.
@inline(__always)
private func polynomial(_ x: Double, _ c: EightCoefficients) -> Double {
  ((((((c.7 * x + c.6) * x + c.5) * x + c.4) * x + c.3) * x + c.2) * x + c.1) * x + c.0
}

/// For |p - ½| <= 0.425.
@inline(__always)
private func centralRatio(_ r: Double) -> Double {
  let a = polynomial(
    r,
    (
      3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
      4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3
    ))
  let b = polynomial(
    r,
    (
      1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
      3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3
    ))
  return a / b
}

/// For a tail of at least e^-25.
@inline(__always)
private func middleRatio(_ r: Double) -> Double {
  let c = polynomial(
    r,
    (
      1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
      1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4
    ))
  let d = polynomial(
    r,
    (
      1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
      1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9
    ))
  return c / d
}

/// For what is beyond.
@inline(__always)
private func farRatio(_ r: Double) -> Double {
  let e = polynomial(
    r,
    (
      6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
      2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7
    ))
  let f = polynomial(
    r,
    (
      1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
      1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15
    ))
  return e / f
}

/// Natural logarithm of positive normal numbers: log(m) = 2·artanh(s) with s = (m - 1) / (m + 1), |s| <= 0.172.
@inline(__always)
private func plainLog(_ x: Double) -> Double {
  // As in `splitExponent`: x = m · 2^e with m in [√½, √2).
  let shifted = x.bitPattern &+ (0x3ff0_0000_0000_0000 &- 0x3fe6_a09e_667f_3bcd)
  let m = Double(bitPattern: (shifted & 0x000f_ffff_ffff_ffff) &+ 0x3fe6_a09e_667f_3bcd)
  let e = Double(bitPattern: shifted &>> 52 | 0x4330_0000_0000_0000) - (0x1p52 + 1023)
  let s = (m - 1) / (m + 1)
  let series = polynomial(
    s * s,
    (
      0.6666666666666666, 0.4000000000000088, 0.28571428570801954, 0.22222222392089008, 0.18181795600060793,
      0.15386241881938595, 0.13268714792348096, 0.1308723619665962
    ))
  return e * 0.6931471805599453 + (s * 2 + s * (s * s) * series)
}
