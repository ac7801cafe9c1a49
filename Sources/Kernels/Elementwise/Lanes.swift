import CIntrinsics

/// Extremes that NaN wins, through C's vector types as the operations of `KernelScalar`.
extension KernelScalar {
  /// The larger lane, NaN where either is NaN.
  @inline(__always)
  static func largerLanes(_ a: Vector, _ b: Vector) -> Vector {
    if Self.self == Float.self { return own(sbn_max_f(floats(a), floats(b))) }
    return own(sbn_max_d(doubles(a), doubles(b)))
  }

  /// The smaller lane, NaN where either is NaN.
  @inline(__always)
  static func smallerLanes(_ a: Vector, _ b: Vector) -> Vector {
    if Self.self == Float.self { return own(sbn_min_f(floats(a), floats(b))) }
    return own(sbn_min_d(doubles(a), doubles(b)))
  }

  @inline(__always)
  private static func floats(_ v: Vector) -> FloatVector { unsafeBitCast(v, to: FloatVector.self) }

  @inline(__always)
  private static func doubles(_ v: Vector) -> DoubleVector { unsafeBitCast(v, to: DoubleVector.self) }

  @inline(__always)
  private static func own<V>(_ v: V) -> Vector { unsafeBitCast(v, to: Vector.self) }
}
