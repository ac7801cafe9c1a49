import Kernels
import Tensor

extension DType {
  /// The kernels' name of this type.
  public var element: ElementType {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .int32: .int32
    case .int64: .int64
    case .uint8: .uint8
    case .bool: .bool
    case .uint32: .uint32
    }
  }
}
