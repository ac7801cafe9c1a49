/// A number type that converts to every other without trapping.
protocol Convertible {
  func toFloat() -> Float
  func toDouble() -> Double
  func toInt64() -> Int64
  static func from(_ value: some Convertible) -> Self
  var isNonzero: Bool { get }
}

extension Float: Convertible {
  @inline(__always) func toFloat() -> Float { self }
  @inline(__always) func toDouble() -> Double { Double(self) }
  @inline(__always) func toInt64() -> Int64 { saturated(Double(self)) }
  @inline(__always) static func from(_ value: some Convertible) -> Float { value.toFloat() }
  @inline(__always) var isNonzero: Bool { self != 0 }
}

extension Double: Convertible {
  @inline(__always) func toFloat() -> Float { Float(self) }
  @inline(__always) func toDouble() -> Double { self }
  @inline(__always) func toInt64() -> Int64 { saturated(self) }
  @inline(__always) static func from(_ value: some Convertible) -> Double { value.toDouble() }
  @inline(__always) var isNonzero: Bool { self != 0 }
}

/// Toward zero; NaN is 0, and what is out of range becomes the nearest bound.
@inline(__always)
private func saturated(_ value: Double) -> Int64 {
  if value >= 9.223_372_036_854_775_8e18 { return .max }
  if value <= -9.223_372_036_854_775_8e18 { return .min }
  return value == value ? Int64(value) : 0
}

extension Convertible where Self: FixedWidthInteger {
  @inline(__always) func toFloat() -> Float { Float(self) }
  @inline(__always) func toDouble() -> Double { Double(self) }
  @inline(__always) func toInt64() -> Int64 { Int64(truncatingIfNeeded: self) }
  @inline(__always) static func from(_ value: some Convertible) -> Self {
    Self(truncatingIfNeeded: value.toInt64())
  }
  @inline(__always) var isNonzero: Bool { self != 0 }
}

extension Int32: Convertible {}
extension Int64: Convertible {}
extension UInt8: Convertible {}
extension UInt32: Convertible {}

/// Element types of conversions; raw values are those of the tensor types.
public enum ElementType: UInt8, Sendable {
  case float32, float64, int32, int64, uint8, bool, uint32
}

/// y = x in another type. Floats go toward zero, NaN becomes 0 (but true), and what does not fit wraps as C's integers
/// do. `bool` is nonzero when read, 0 or 1 when written.
public func convert(
  _ x: UnsafeRawPointer, _ source: ElementType, _ y: UnsafeMutableRawPointer, _ target: ElementType, _ count: Int
) {
  switch source {
  case .float32: convert(x.assumingMemoryBound(to: Float.self), y, target, count)
  case .float64: convert(x.assumingMemoryBound(to: Double.self), y, target, count)
  case .int32: convert(x.assumingMemoryBound(to: Int32.self), y, target, count)
  case .int64: convert(x.assumingMemoryBound(to: Int64.self), y, target, count)
  case .uint8, .bool: convert(x.assumingMemoryBound(to: UInt8.self), y, target, count)
  case .uint32: convert(x.assumingMemoryBound(to: UInt32.self), y, target, count)
  }
}

@inline(__always)
private func convert<S: Convertible>(
  _ x: UnsafePointer<S>, _ y: UnsafeMutableRawPointer, _ target: ElementType, _ count: Int
) {
  switch target {
  case .float32: convert(x, y.assumingMemoryBound(to: Float.self), count)
  case .float64: convert(x, y.assumingMemoryBound(to: Double.self), count)
  case .int32: convert(x, y.assumingMemoryBound(to: Int32.self), count)
  case .int64: convert(x, y.assumingMemoryBound(to: Int64.self), count)
  case .uint8: convert(x, y.assumingMemoryBound(to: UInt8.self), count)
  case .uint32: convert(x, y.assumingMemoryBound(to: UInt32.self), count)
  case .bool:
    let bytes = y.assumingMemoryBound(to: UInt8.self)
    for i in 0..<count { bytes[i] = x[i].isNonzero ? 1 : 0 }
  }
}

@inline(__always)
private func convert<S: Convertible, D: Convertible>(
  _ x: UnsafePointer<S>, _ y: UnsafeMutablePointer<D>, _ count: Int
) {
  for i in 0..<count { y[i] = D.from(x[i]) }
}
