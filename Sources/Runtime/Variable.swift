import Graph
import Tensor

/// A tensor that lives on between runs. Its address never changes.
public final class Variable: StateVariable {
  public let name: String
  public let type: TensorType
  private let storage: Storage

  /// Zeroed memory, aligned to 64 bytes.
  public init(name: String, type: TensorType) throws {
    try type.shape.validate("variable \(name)")
    self.name = name
    self.type = type
    storage = try Storage(byteCount: type.byteCount)
  }

  public var pointer: UnsafeMutableRawPointer { storage.pointer }

  private var attached: AnyObject?

  /// An object that a language binding keeps with the variable, made on first use.
  public func attachment<A: AnyObject>(_ make: () -> A) -> A {
    if let attached = attached as? A { return attached }
    let new = make()
    attached = new
    return new
  }
}

/// A caller's memory: C-contiguous elements of a type.
public struct Buffer {
  public var pointer: UnsafeMutableRawPointer?
  public var type: TensorType

  public init(pointer: UnsafeMutableRawPointer?, type: TensorType) {
    self.pointer = pointer
    self.type = type
  }
}
