/// The element types of a tensor. Raw values are part of the C ABI (`swiftbn_dtype`).
public enum DType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case float32 = 0
  case float64 = 1
  case int32 = 2
  case int64 = 3
  case uint8 = 4
  case bool = 5
  case uint32 = 6
  case float16 = 7
  case bfloat16 = 8

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .float32, .int32, .uint32: 4
    case .float64, .int64: 8
    case .float16, .bfloat16: 2
    case .uint8, .bool: 1
    }
  }

  /// The floating-point types that operations compute in.
  public var isFloat: Bool { self == .float32 || self == .float64 }

  /// The types of values that gradients pass through.
  public var isDifferentiable: Bool { isFloat || isHalf }

  /// The floating-point types that are only stored: `cast` takes them to the others and back.
  public var isHalf: Bool { self == .float16 || self == .bfloat16 }

  /// NumPy's name of the type.
  public var description: String {
    switch self {
    case .float32: "float32"
    case .float64: "float64"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    case .bool: "bool"
    case .uint32: "uint32"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    }
  }

  public init?(name: String) {
    guard let match = DType.allCases.first(where: { $0.description == name }) else { return nil }
    self = match
  }
}
