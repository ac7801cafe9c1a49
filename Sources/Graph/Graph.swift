import Tensor

/// A description of a computation: values and the operations that make them, in the order in which they were added
/// (which is a topological order). A graph holds no data but small constants and computes nothing.
public final class Graph {
  public enum Source {
    case input(Int)
    case constant(Int)
    case variable(Int)
    case output(node: Int, index: Int)
  }

  public struct Node {
    public let operation: any Operation
    public let inputs: [Value]
    public let outputs: [Value]
  }

  public struct Constant {
    public let type: TensorType
    public let storage: Storage
  }

  public private(set) var nodes: [Node] = []
  public private(set) var types: [TensorType] = []
  public private(set) var sources: [Source] = []
  public private(set) var inputs: [(name: String, value: Value)] = []
  public private(set) var constants: [Constant] = []
  public private(set) var variables: [any StateVariable] = []
  /// Written after everything else has been computed.
  public private(set) var assignments: [(variable: Int, value: Value)] = []
  /// Stretches of nodes whose values gradients compute again instead of keeping them; see `recompute(from:)`.
  var regions: [Range<Int>] = []
  /// What gradients have computed again so far, in the graph's order.
  public internal(set) var recomputations: [Recomputation] = []
  private var variableIndex: [ObjectIdentifier: Value] = [:]

  public init() {}

  public static var operationNames: [String] { Registry.factories.keys.sorted() }

  // MARK: Building

  public func input(_ name: String, _ type: TensorType) throws -> Value {
    try type.shape.validate("input \(name)", allowUnknown: true)
    let value = append(type, .input(inputs.count))
    inputs.append((name, value))
    return value
  }

  /// Copies the bytes.
  public func constant(_ type: TensorType, _ bytes: UnsafeRawBufferPointer) throws -> Value {
    try type.shape.validate("constant")
    guard bytes.count == type.byteCount else {
      throw Failure.value("constant: got \(bytes.count) bytes, expected \(type.byteCount) for \(type)")
    }
    let storage = try Storage(byteCount: bytes.count)
    if let base = bytes.baseAddress, bytes.count > 0 {
      storage.pointer.copyMemory(from: base, byteCount: bytes.count)
    }
    constants.append(Constant(type: type, storage: storage))
    return append(type, .constant(constants.count - 1))
  }

  /// The variable's value at the beginning of a run; the same variable gives the same value.
  public func variable(_ variable: any StateVariable) throws -> Value {
    let id = ObjectIdentifier(variable)
    if let value = variableIndex[id] { return value }
    variables.append(variable)
    let value = append(variable.type, .variable(variables.count - 1))
    variableIndex[id] = value
    return value
  }

  public func add(_ name: String, _ inputs: [Value], _ attributes: [String: AttributeValue]) throws
    -> [Value]
  {
    guard let factory = Registry.factories[name] else {
      throw Failure.value("unknown operation '\(name)'")
    }
    var reader = AttributeReader(operation: name, attributes)
    let operation = try factory(&reader)
    try reader.finish()
    return try add(operation, inputs)
  }

  @discardableResult
  public func add(_ operation: any Operation, _ inputs: [Value]) throws -> [Value] {
    for (index, value) in inputs.enumerated() {
      try check(value, operation.name)
      guard !types[value.index].dtype.isHalf || operation.acceptsHalf else {
        throw Failure.type(
          "\(operation.name): input \(index) has dtype \(types[value.index].dtype), which is only stored: cast it to"
            + " float32")
      }
    }
    let outputTypes = try operation.infer(inputs.map { types[$0.index] })
    for type in outputTypes { try type.shape.validate(operation.name, allowUnknown: true) }
    let node = nodes.count
    let outputs = outputTypes.enumerated().map { append($1, .output(node: node, index: $0)) }
    nodes.append(Node(operation: operation, inputs: inputs, outputs: outputs))
    return outputs
  }

  /// Has the variable take `value` at the end of a run. A later assignment replaces an earlier one.
  public func assign(_ variable: any StateVariable, _ value: Value) throws {
    try check(value, "assign")
    let type = types[value.index]
    guard type.dtype == variable.type.dtype, type.shape.isCompatible(with: variable.type.shape) else {
      throw Failure.value("assign: value is \(type), expected \(variable.type) as variable \(variable.name) is")
    }
    let slot = try self.variable(variable)
    guard case .variable(let index) = sources[slot.index] else { return }
    assignments.removeAll { $0.variable == index }
    assignments.append((index, value))
  }

  // MARK: Looking

  public func type(of value: Value) throws -> TensorType {
    try check(value, "type")
    return types[value.index]
  }

  public func producer(of value: Value) throws -> (name: String, inputs: [Value]) {
    try check(value, "producer")
    switch sources[value.index] {
    case .input: return ("input", [])
    case .constant: return ("constant", [])
    case .variable: return ("variable", [])
    case .output(let node, _): return (nodes[node].operation.name, nodes[node].inputs)
    }
  }

  /// Types of all values once the inputs' types are known.
  public func specialize(_ inputTypes: [TensorType]) throws -> [TensorType] {
    guard inputTypes.count == inputs.count else {
      throw Failure.value("run: got \(inputTypes.count) inputs, expected \(inputs.count)")
    }
    var known = types
    for ((name, value), type) in zip(inputs, inputTypes) {
      let declared = types[value.index]
      guard type.shape.isKnown, declared.shape.isCompatible(with: type.shape) else {
        throw Failure.value("input \(name) has shape \(type.shape), expected \(declared.shape)")
      }
      known[value.index] = TensorType(declared.dtype, type.shape)
    }
    for node in nodes {
      let outputTypes = try node.operation.infer(node.inputs.map { known[$0.index] })
      for (value, type) in zip(node.outputs, outputTypes) {
        guard type.shape.isKnown else {
          throw Failure.value("\(node.operation.name): output shape \(type.shape) is not known")
        }
        try type.shape.validate(node.operation.name)
        known[value.index] = type
      }
    }
    return known
  }

  private func append(_ type: TensorType, _ source: Source) -> Value {
    types.append(type)
    sources.append(source)
    return Value(index: types.count - 1)
  }

  private func check(_ value: Value, _ what: String) throws {
    guard types.indices.contains(value.index) else {
      throw Failure.index("\(what): value \(value.index) does not exist, expected 0..<\(types.count)")
    }
  }
}
