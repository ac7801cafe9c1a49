import CIntrinsics

/// IEEE 754 binary16 by its bits. It is stored and converted; all computing is done in Float.
public struct Half: ConvertibleElement {
  public var bits: UInt16
  @inline(__always)
  public init(_ x: Float) { bits = sbn_float_to_half(x) }
  @inline(__always)
  public var value: Float { sbn_half_to_float(bits) }
  public static var kind: ElementKind { .float16 }
}

/// The upper half of a Float by its bits. It is stored and converted; all computing is done in Float.
public struct Brain: ConvertibleElement {
  public var bits: UInt16
  @inline(__always)
  public init(_ x: Float) { bits = sbn_float_to_brain(x) }
  @inline(__always)
  public var value: Float { sbn_brain_to_float(bits) }
  public static var kind: ElementKind { .bfloat16 }
}

/// What the 16-bit formats share: they convert through Float.
public protocol HalfPrecisionElement: ConvertibleElement, CustomStringConvertible {
  init(_ x: Float)
  var value: Float { get }
}

extension Half: HalfPrecisionElement {}
extension Brain: HalfPrecisionElement {}

extension HalfPrecisionElement {
  public static var zero: Self { Self(0) }
  public var description: String { value.description }

  /// -0 equals 0; NaN equals nothing.
  @inline(__always)
  public static func == (a: Self, b: Self) -> Bool { a.value == b.value }

  /// Correctly rounded from any width: a wider number is rounded to odd in Float first.
  @inline(__always)
  public static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self {
    F.self == Float.self ? Self(Float(x)) : Self(sbn_double_to_float_odd(Double(x)))
  }

  /// Beyond 2⁵³ a number is rounded to Double first.
  @inline(__always)
  public static func converted<I: FixedWidthInteger>(fromInteger x: I) -> Self {
    Self(sbn_double_to_float_odd(Double(x)))
  }

  @inline(__always)
  public func converted<D: ConvertibleElement>(to: D.Type) -> D { D.converted(fromFloat: value) }
}
