import Compiler
import Graph
import Tensor

/// Programs of one operation, for operations called on data at once. Compiled once per operation, attributes and input
/// types, then kept, but for those that hold much memory; the cache is emptied when it has grown large.
public enum Eager {
  private struct Key: Hashable {
    let operation: String
    let inputs: [TensorType]
    let attributes: [String: AttributeValue]
  }

  private final class Cache: @unchecked Sendable {
    let lock = Lock()
    var programs: [Key: Program] = [:]
    var arenaBytes = 0
  }

  private static let cache = Cache()
  private static let capacity = 1_024
  private static let arenaCapacity = 64 << 20

  /// A program of this operation on inputs like these, compiled.
  public static func program(
    _ operation: String, inputs: [Buffer], attributes: [String: AttributeValue]
  ) throws -> Program {
    let types = inputs.map(\.type)
    let key = Key(operation: operation, inputs: types, attributes: attributes)
    return try cache.lock.withLock {
      if let program = cache.programs[key] { return program }
      let graph = Graph()
      let values = try types.enumerated().map { try graph.input("\($0.offset)", $0.element) }
      let program = try Program(
        graph, outputs: try graph.add(operation, values, attributes), flushesSubnormals: false)
      _ = try inputs.withUnsafeBufferPointer { try program.prepare($0, rows: nil) }
      let bytes = program.summaries.reduce(0) { $0 + $1.arenaBytes }
      if bytes > arenaCapacity / 16 { return program }
      if cache.programs.count >= capacity || cache.arenaBytes + bytes > arenaCapacity {
        cache.programs.removeAll()
        cache.arenaBytes = 0
      }
      cache.programs[key] = program
      cache.arenaBytes += bytes
      return program
    }
  }
}
