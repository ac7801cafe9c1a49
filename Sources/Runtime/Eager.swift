import Compiler
import Graph
import Tensor

/// Programs of one operation, for operations called on data at once. Compiled once per operation, attributes and input
/// types, then kept; the cache is emptied when it has grown large.
public enum Eager {
  private struct Key: Hashable {
    let operation: String
    let inputs: [TensorType]
    let attributes: [String: AttributeValue]
  }

  private final class Cache: @unchecked Sendable {
    let lock = Lock()
    var programs: [Key: Program] = [:]
  }

  private static let cache = Cache()
  private static let capacity = 1_024

  public static func program(
    _ operation: String, inputs: [TensorType], attributes: [String: AttributeValue]
  ) throws -> Program {
    let key = Key(operation: operation, inputs: inputs, attributes: attributes)
    return try cache.lock.withLock {
      if let program = cache.programs[key] { return program }
      let graph = Graph()
      let values = try inputs.enumerated().map { try graph.input("\($0.offset)", $0.element) }
      let program = try Program(graph, outputs: try graph.add(operation, values, attributes))
      if cache.programs.count >= capacity { cache.programs.removeAll() }
      cache.programs[key] = program
      return program
    }
  }
}
