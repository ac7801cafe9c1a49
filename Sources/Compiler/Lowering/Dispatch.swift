import Graph
import Kernels
import Tensor

extension Lowering {
  /// Lowers with the scalar type of an operand: `body` is generic and gets Float.self or Double.self.
  func forFloat(_ operand: Operand, _ body: (any KernelScalar.Type) throws -> Step) throws -> Step {
    switch operand.type.dtype {
    case .float32: return try body(Float.self)
    case .float64: return try body(Double.self)
    case let other: throw Failure.type("dtype \(other) is not supported here, expected float32 or float64")
    }
  }
}
