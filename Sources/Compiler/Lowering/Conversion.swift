import Kernels
import Tensor

extension DType {
  /// The kernels' name of this type; truth values are bytes.
  public var element: ElementKind {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .int32: .int32
    case .int64: .int64
    case .uint8, .bool: .uint8
    case .uint32: .uint32
    case .float16: .float16
    case .bfloat16: .bfloat16
    }
  }
}

/// `y[i] = x[i]` between any two element types. Whatever is not 0 becomes true.
public func convert(
  _ x: UnsafeRawPointer, _ source: DType, _ y: UnsafeMutableRawPointer, _ target: DType, _ count: Int
) {
  guard target == .bool, source != .bool else { return Kernels.convert(x, source.element, y, target.element, count) }
  let truth = y.assumingMemoryBound(to: UInt8.self)
  switch source {
  case .float32: convertToBool(x.assumingMemoryBound(to: Float.self), truth, count)
  case .float64: convertToBool(x.assumingMemoryBound(to: Double.self), truth, count)
  case .int32: convertToBool(x.assumingMemoryBound(to: Int32.self), truth, count)
  case .int64: convertToBool(x.assumingMemoryBound(to: Int64.self), truth, count)
  case .uint32: convertToBool(x.assumingMemoryBound(to: UInt32.self), truth, count)
  case .float16: convertToBool(x.assumingMemoryBound(to: Half.self), truth, count)
  case .bfloat16: convertToBool(x.assumingMemoryBound(to: Brain.self), truth, count)
  case .uint8, .bool: convertToBool(x.assumingMemoryBound(to: UInt8.self), truth, count)
  }
}
