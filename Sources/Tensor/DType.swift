/// The element types of a tensor. Raw values are part of the C ABI (`swiftbn_dtype`).
public enum DType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case float32 = 0
  case float64 = 1
  case int32 = 2
  case int64 = 3
  case uint8 = 4
  case bool = 5
  case uint32 = 6

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .float32, .int32, .uint32: 4
    case .float64, .int64: 8
    case .uint8, .bool: 1
    }
  }

  public var isFloat: Bool { self == .float32 || self == .float64 }

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
    }
  }

  public init?(name: String) {
    guard let match = DType.allCases.first(where: { $0.description == name }) else { return nil }
    self = match
  }
}
