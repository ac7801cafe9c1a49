import Tensor

/// The value of one attribute of an operation, as it comes from C or Python.
public enum AttributeValue: Hashable, Sendable {
  case int(Int)
  case double(Double)
  case bool(Bool)
  case string(String)
  case ints([Int])
  case doubles([Double])
}

/// Hands an operation its attributes by name and type, and knows which were never asked for.
public struct AttributeReader {
  public let operation: String
  private var remaining: [String: AttributeValue]

  public init(operation: String, _ attributes: [String: AttributeValue]) {
    self.operation = operation
    remaining = attributes
  }

  private mutating func take<T>(
    _ name: String, _ expected: String, default fallback: T?, _ convert: (AttributeValue) -> T?
  ) throws -> T {
    guard let value = remaining.removeValue(forKey: name) else {
      if let fallback { return fallback }
      throw Failure.value("\(operation): attribute \(name) is missing, expected \(expected)")
    }
    guard let converted = convert(value) else {
      throw Failure.type("\(operation): attribute \(name) is \(value), expected \(expected)")
    }
    return converted
  }

  public mutating func int(_ name: String, default fallback: Int? = nil) throws -> Int {
    try take(name, "an integer", default: fallback) { if case .int(let v) = $0 { v } else { nil } }
  }

  public mutating func double(_ name: String, default fallback: Double? = nil) throws -> Double {
    try take(name, "a number", default: fallback) {
      switch $0 {
      case .double(let v): v
      case .int(let v): Double(v)
      default: nil
      }
    }
  }

  public mutating func bool(_ name: String, default fallback: Bool? = nil) throws -> Bool {
    try take(name, "a boolean", default: fallback) {
      switch $0 {
      case .bool(let v): v
      case .int(0): false
      case .int(1): true
      default: nil
      }
    }
  }

  public mutating func string(_ name: String, default fallback: String? = nil) throws -> String {
    try take(name, "a string", default: fallback) { if case .string(let v) = $0 { v } else { nil } }
  }

  public mutating func ints(_ name: String, default fallback: [Int]? = nil) throws -> [Int] {
    try take(name, "integers", default: fallback) {
      switch $0 {
      case .ints(let v): v
      case .int(let v): [v]
      case .doubles(let v) where v.isEmpty: []
      default: nil
      }
    }
  }

  /// Integers, or nil when the attribute is absent.
  public mutating func optionalInts(_ name: String) throws -> [Int]? {
    remaining[name] == nil ? nil : try ints(name)
  }

  public mutating func dtype(_ name: String) throws -> DType {
    let text = try string(name)
    guard let dtype = DType(name: text) else {
      let known = DType.allCases.map(\.description).joined(separator: ", ")
      throw Failure.type("\(operation): attribute \(name) is '\(text)', expected one of \(known)")
    }
    return dtype
  }

  /// Fails when an attribute was given that the operation does not have.
  public func finish() throws {
    if let name = remaining.keys.sorted().first {
      throw Failure.value("\(operation): unknown attribute \(name)")
    }
  }
}
