/// The one error type of the library: a kind, which picks the status code in C and the exception in Python, and a
/// text that names the argument, what was expected and what came.
public struct Failure: Error, CustomStringConvertible, Sendable {
  /// Raw values are part of the C ABI (`swiftbn_status`).
  public enum Kind: Int32, Sendable {
    case value = 1
    case type = 2
    case index = 3
    case memory = 4
    case runtime = 5
  }

  public let kind: Kind
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public static func value(_ message: String) -> Failure { Failure(.value, message) }
  public static func type(_ message: String) -> Failure { Failure(.type, message) }
  public static func index(_ message: String) -> Failure { Failure(.index, message) }
  public static func runtime(_ message: String) -> Failure { Failure(.runtime, message) }

  public var description: String { message }
}
