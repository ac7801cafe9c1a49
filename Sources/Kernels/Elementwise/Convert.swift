import CIntrinsics
import Parallel

/// The element types that can be converted into each other. Truth values are `uint8` here; see `convertToBool`.
public enum ElementKind: UInt8, CaseIterable, Sendable {
  case float32, float64, int32, int64, uint8, uint32, float16, bfloat16
}

/// An element type with its conversions, none of which traps.
///
/// Integer to integer keeps the low bits (as NumPy); to floating point rounds to nearest; floating point to integer
/// drops the fraction, gives 0 for NaN and the nearest bound outside the range (where NumPy's result is undefined).
public protocol ConvertibleElement: BitwiseCopyable {
  static var kind: ElementKind { get }
  static var zero: Self { get }
  static func == (a: Self, b: Self) -> Bool
  static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self
  static func converted<I: FixedWidthInteger>(fromInteger x: I) -> Self
  func converted<D: ConvertibleElement>(to: D.Type) -> D
}

extension ConvertibleElement where Self: FixedWidthInteger {
  @inline(__always)
  public static func converted<I: FixedWidthInteger>(fromInteger x: I) -> Self { Self(truncatingIfNeeded: x) }

  @inline(__always)
  public func converted<D: ConvertibleElement>(to: D.Type) -> D { D.converted(fromInteger: self) }
}

extension ConvertibleElement where Self: BinaryFloatingPoint {
  @inline(__always)
  public static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self { Self(x) }

  @inline(__always)
  public static func converted<I: FixedWidthInteger>(fromInteger x: I) -> Self { Self(x) }

  @inline(__always)
  public func converted<D: ConvertibleElement>(to: D.Type) -> D { D.converted(fromFloat: self) }
}

extension Float: ConvertibleElement {
  public static var kind: ElementKind { .float32 }
}
extension Double: ConvertibleElement {
  public static var kind: ElementKind { .float64 }
}
extension Int32: ConvertibleElement {
  public static var kind: ElementKind { .int32 }
  @inline(__always)
  public static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self { sbn_saturated_i32(Double(x)) }
}
extension Int64: ConvertibleElement {
  public static var kind: ElementKind { .int64 }
  @inline(__always)
  public static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self { sbn_saturated_i64(Double(x)) }
}
extension UInt8: ConvertibleElement {
  public static var kind: ElementKind { .uint8 }
  @inline(__always)
  public static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self { sbn_saturated_u8(Double(x)) }
}
extension UInt32: ConvertibleElement {
  public static var kind: ElementKind { .uint32 }
  @inline(__always)
  public static func converted<F: BinaryFloatingPoint>(fromFloat x: F) -> Self { sbn_saturated_u32(Double(x)) }
}

/// `y[i] = D(x[i])` with the rules of `ConvertibleElement`; x and y do not overlap.
public func convert<S: ConvertibleElement, D: ConvertibleElement>(
  _ x: UnsafePointer<S>, _ y: UnsafeMutablePointer<D>, _ n: Int
) {
  convert(x, S.kind, y, D.kind, n)
}

/// `y[i] = x[i]` between element types that are known when the program runs; x and y do not overlap.
public func convert(
  _ x: UnsafeRawPointer, _ source: ElementKind, _ y: UnsafeMutableRawPointer, _ destination: ElementKind, _ n: Int
) {
  parallel(elementwiseChunks(n), (x, source, y, destination, n)) { context, chunk in
    let (x, source, y, destination, n) = context
    let start = chunk &* elementwiseChunk
    convertRun(
      x + start &* source.stride, source, y + start &* destination.stride, destination,
      min(elementwiseChunk, n &- start))
  }
}

/// `y[i] = x[i] != 0 ? 1 : 0` (NaN is true); x and y do not overlap unless S is UInt8, then y may equal x.
public func convertToBool<S: ConvertibleElement>(_ x: UnsafePointer<S>, _ y: UnsafeMutablePointer<UInt8>, _ n: Int) {
  let raw = UnsafeRawPointer(x)
  switch S.kind {
  case .float32: truthRun(raw.assumingMemoryBound(to: Float.self), y, n)
  case .float64: truthRun(raw.assumingMemoryBound(to: Double.self), y, n)
  case .int32: truthRun(raw.assumingMemoryBound(to: Int32.self), y, n)
  case .int64: truthRun(raw.assumingMemoryBound(to: Int64.self), y, n)
  case .uint8: truthRun(raw.assumingMemoryBound(to: UInt8.self), y, n)
  case .uint32: truthRun(raw.assumingMemoryBound(to: UInt32.self), y, n)
  case .float16: truthRun(raw.assumingMemoryBound(to: Half.self), y, n)
  case .bfloat16: truthRun(raw.assumingMemoryBound(to: Brain.self), y, n)
  }
}

extension ElementKind {
  /// Bytes of one element.
  public var stride: Int {
    switch self {
    case .float32, .int32, .uint32: 4
    case .float64, .int64: 8
    case .float16, .bfloat16: 2
    case .uint8: 1
    }
  }
}

/// One run, with the types dispatched outside the loop.
func convertRun(
  _ x: UnsafeRawPointer, _ source: ElementKind, _ y: UnsafeMutableRawPointer, _ destination: ElementKind, _ n: Int
) {
  if source == destination { return y.copyMemory(from: x, byteCount: n &* source.stride) }
  switch source {
  case .float32: convertRun(x.assumingMemoryBound(to: Float.self), y, destination, n)
  case .float64: convertRun(x.assumingMemoryBound(to: Double.self), y, destination, n)
  case .int32: convertRun(x.assumingMemoryBound(to: Int32.self), y, destination, n)
  case .int64: convertRun(x.assumingMemoryBound(to: Int64.self), y, destination, n)
  case .uint8: convertRun(x.assumingMemoryBound(to: UInt8.self), y, destination, n)
  case .uint32: convertRun(x.assumingMemoryBound(to: UInt32.self), y, destination, n)
  case .float16: convertRun(x.assumingMemoryBound(to: Half.self), y, destination, n)
  case .bfloat16: convertRun(x.assumingMemoryBound(to: Brain.self), y, destination, n)
  }
}

@inline(__always)
private func convertRun<S: ConvertibleElement>(
  _ x: UnsafePointer<S>, _ y: UnsafeMutableRawPointer, _ destination: ElementKind, _ n: Int
) {
  switch destination {
  case .float32: convertLoop(x, y.assumingMemoryBound(to: Float.self), n)
  case .float64: convertLoop(x, y.assumingMemoryBound(to: Double.self), n)
  case .int32: convertLoop(x, y.assumingMemoryBound(to: Int32.self), n)
  case .int64: convertLoop(x, y.assumingMemoryBound(to: Int64.self), n)
  case .uint8: convertLoop(x, y.assumingMemoryBound(to: UInt8.self), n)
  case .uint32: convertLoop(x, y.assumingMemoryBound(to: UInt32.self), n)
  case .float16: convertLoop(x, y.assumingMemoryBound(to: Half.self), n)
  case .bfloat16: convertLoop(x, y.assumingMemoryBound(to: Brain.self), n)
  }
}

@inline(__always)
private func convertLoop<S: ConvertibleElement, D: ConvertibleElement>(
  _ x: UnsafePointer<S>, _ y: UnsafeMutablePointer<D>, _ n: Int
) {
  for i in 0..<n { y[i] = x[i].converted(to: D.self) }
}

@inline(__always)
private func truthRun<S: ConvertibleElement>(_ x: UnsafePointer<S>, _ y: UnsafeMutablePointer<UInt8>, _ n: Int) {
  for i in 0..<n { y[i] = x[i] == S.zero ? 0 : 1 }
}
