// What the functions of Transcendental.swift share: arithmetic on exponent bits and polynomial evaluation.
// `Self == Float` folds away in specialized code, and with it the bit casts.

extension KernelScalar {
  /// Elementary functions begin with one; `requireSpecialization` saves the library those for types unknown.
  @inline(__always)
  static func constant(_ value: Double) -> Vector {
    requireSpecialization()
    return Vector(repeating: Self(value))
  }

  /// The constant that belongs to this type.
  @inline(__always)
  static func constant(_ float: Double, double: Double) -> Vector {
    requireSpecialization()
    return Vector(repeating: Self.self == Float.self ? Self(float) : Self(double))
  }

  /// Nearest integer, ties to even, for |x| < 2^22 (Float) or 2^51 (Double).
  @inline(__always)
  static func roundedToInteger(_ x: Vector) -> Vector {
    // Adding 1.5 · 2^(bits of the significand) pushes the fraction out.
    let shifter = constant(0x1.8p23, double: 0x1.8p52)
    return (x + shifter) - shifter
  }

  /// 2^n for integral n in the range of normal exponents.
  @inline(__always)
  static func powerOfTwo(_ n: Vector) -> Vector {
    // The sum's low bits hold n + bias; the shift puts them where the exponent is and drops everything above.
    if Self.self == Float.self {
      let biased = bits32(n + constant(0x1.8p23 + 127))
      return unsafeBitCast(biased &<< BitVector32(repeating: 23), to: Vector.self)
    }
    let biased = bits64(n + constant(0x1.8p52 + 1023))
    return unsafeBitCast(biased &<< BitVector64(repeating: 52), to: Vector.self)
  }

  /// x = m · 2^e with m in [√½, √2), for positive, normal, finite x; other x give some value.
  @inline(__always)
  static func splitExponent(_ x: Vector) -> (m: Vector, e: Vector) {
    if Self.self == Float.self {
      // Counting from √½ instead of 1 moves the upper half of each binade to the next exponent.
      let root = BitVector32(repeating: 0x3f35_04f3)
      let shifted = bits32(x) &+ (BitVector32(repeating: 0x3f80_0000) &- root)
      let exponent = shifted &>> BitVector32(repeating: 23)
      let m = (shifted & BitVector32(repeating: 0x007f_ffff)) &+ root
      // The exponent's bits under the significand of 2^23 make a number without a conversion instruction.
      let e = unsafeBitCast(exponent | BitVector32(repeating: 0x4b00_0000), to: Vector.self)
      return (unsafeBitCast(m, to: Vector.self), e - constant(0x1p23 + 127))
    }
    let root = BitVector64(repeating: 0x3fe6_a09e_667f_3bcd)
    let shifted = bits64(x) &+ (BitVector64(repeating: 0x3ff0_0000_0000_0000) &- root)
    let exponent = shifted &>> BitVector64(repeating: 52)
    let m = (shifted & BitVector64(repeating: 0x000f_ffff_ffff_ffff)) &+ root
    let e = unsafeBitCast(exponent | BitVector64(repeating: 0x4330_0000_0000_0000), to: Vector.self)
    return (unsafeBitCast(m, to: Vector.self), e - constant(0x1p52 + 1023))
  }

  @inline(__always)
  static func magnitude(_ x: Vector) -> Vector {
    if Self.self == Float.self {
      return unsafeBitCast(bits32(x) & BitVector32(repeating: 0x7fff_ffff), to: Vector.self)
    }
    return unsafeBitCast(bits64(x) & BitVector64(repeating: 0x7fff_ffff_ffff_ffff), to: Vector.self)
  }

  /// `magnitude` with the sign bit of `sign`; `magnitude` must be non-negative.
  @inline(__always)
  static func withSign(of sign: Vector, _ magnitude: Vector) -> Vector {
    if Self.self == Float.self {
      let bit = bits32(sign) & BitVector32(repeating: 0x8000_0000)
      return unsafeBitCast(bits32(magnitude) | bit, to: Vector.self)
    }
    let bit = bits64(sign) & BitVector64(repeating: 0x8000_0000_0000_0000)
    return unsafeBitCast(bits64(magnitude) | bit, to: Vector.self)
  }

  /// Lanes above `high` become `high`, lanes below `low` become `low`, NaN stays.
  @inline(__always)
  static func clampKeepingNaN(_ x: Vector, _ low: Vector, _ high: Vector) -> Vector {
    let capped = select(x, greaterThan: high, high, else: x)
    return select(low, greaterThan: capped, low, else: capped)
  }

  @inline(__always)
  private static func bits32(_ x: Vector) -> BitVector32 { unsafeBitCast(x, to: BitVector32.self) }
  @inline(__always)
  private static func bits64(_ x: Vector) -> BitVector64 { unsafeBitCast(x, to: BitVector64.self) }
}

#if SWIFTBN_V4
  typealias BitVector32 = SIMD16<UInt32>
  typealias BitVector64 = SIMD8<UInt64>
#elseif SWIFTBN_V3
  typealias BitVector32 = SIMD8<UInt32>
  typealias BitVector64 = SIMD4<UInt64>
#else
  typealias BitVector32 = SIMD4<UInt32>
  typealias BitVector64 = SIMD2<UInt64>
#endif
