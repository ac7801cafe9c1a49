// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The names are those of swiftbn.h.
import CSwiftBN
import Graph
import Runtime
import Tensor

@c @implementation
public func swiftbn_graph_create(_ graph: UnsafeMutablePointer<OpaquePointer?>!) -> swiftbn_status {
  guarded { try required(graph, "swiftbn_graph_create: graph").pointee = handle(Graph()) }
}

@c @implementation
public func swiftbn_graph_destroy(_ graph: OpaquePointer!) { release(graph, Graph.self) }

@c @implementation
public func swiftbn_graph_input(
  _ graph: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ dtype: swiftbn_dtype, _ rank: Int32,
  _ shape: UnsafePointer<Int64>!, _ value: UnsafeMutablePointer<swiftbn_value>!
) -> swiftbn_status {
  adding("swiftbn_graph_input", graph, value) { graph in
    let name = try text(name, "swiftbn_graph_input: name")
    return try graph.input(name, type(dtype, rank, shape, "input \(name)"))
  }
}

@c @implementation
public func swiftbn_graph_constant(
  _ graph: OpaquePointer!, _ tensor: UnsafePointer<swiftbn_tensor>!, _ value: UnsafeMutablePointer<swiftbn_value>!
) -> swiftbn_status {
  adding("swiftbn_graph_constant", graph, value) { graph in
    let tensor = try buffer(required(tensor, "swiftbn_graph_constant: tensor").pointee, "constant")
    let bytes = UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.pointer == nil ? 0 : tensor.type.byteCount)
    return try graph.constant(tensor.type, bytes)
  }
}

@c @implementation
public func swiftbn_graph_variable(
  _ graph: OpaquePointer!, _ variable: OpaquePointer!, _ value: UnsafeMutablePointer<swiftbn_value>!
) -> swiftbn_status {
  adding("swiftbn_graph_variable", graph, value) {
    try $0.variable(object(variable, Variable.self, "swiftbn_graph_variable: variable"))
  }
}

@c @implementation
public func swiftbn_graph_add(
  _ graph: OpaquePointer!, _ operation: UnsafePointer<CChar>!, _ inputs: UnsafePointer<swiftbn_value>!,
  _ input_count: Int, _ attributes: UnsafePointer<swiftbn_attribute>!, _ attribute_count: Int,
  _ outputs: UnsafeMutablePointer<swiftbn_value>!, _ output_count: Int
) -> swiftbn_status {
  guarded {
    let graph = try object(graph, Graph.self, "swiftbn_graph_add: graph")
    let name = try text(operation, "swiftbn_graph_add: operation")
    let room = try array(UnsafePointer(outputs), output_count, "\(name): outputs")
    var read: [String: AttributeValue] = [:]
    for item in try array(attributes, attribute_count, "\(name): attributes") {
      let (key, value) = try attribute(item, name)
      guard read.updateValue(value, forKey: key) == nil else {
        throw Failure.value("\(name): attribute \(key) is given twice")
      }
    }
    let added = try graph.add(name, values(inputs, input_count, "\(name): inputs"), read)
    guard added.count == room.count else {
      throw Failure.value("\(name): has \(added.count) outputs, expected output_count to be that, got \(room.count)")
    }
    for (index, value) in added.enumerated() { outputs[index] = swiftbn_value(value.index) }
  }
}

@c @implementation
public func swiftbn_graph_gradients(
  _ graph: OpaquePointer!, _ targets: UnsafePointer<swiftbn_value>!, _ seeds: UnsafePointer<swiftbn_value>!,
  _ target_count: Int, _ sources: UnsafePointer<swiftbn_value>!, _ source_count: Int,
  _ gradients: UnsafeMutablePointer<swiftbn_value>!
) -> swiftbn_status {
  guarded {
    let graph = try object(graph, Graph.self, "swiftbn_graph_gradients: graph")
    let gradients = try required(gradients, "swiftbn_graph_gradients: gradients")
    let found = try graph.gradients(
      of: values(targets, target_count, "gradients: targets"),
      seeds: seeds.map { try values($0, target_count, "gradients: seeds") },
      for: values(sources, source_count, "gradients: sources"))
    for (index, value) in found.enumerated() {
      gradients[index] = value.map { swiftbn_value($0.index) } ?? swiftbn_value(SWIFTBN_NO_VALUE)
    }
  }
}

@c @implementation
public func swiftbn_graph_assign(
  _ graph: OpaquePointer!, _ variable: OpaquePointer!, _ value: swiftbn_value
) -> swiftbn_status {
  guarded {
    try object(graph, Graph.self, "swiftbn_graph_assign: graph").assign(
      object(variable, Variable.self, "swiftbn_graph_assign: variable"), Value(index: Int(value)))
  }
}

@c @implementation
public func swiftbn_graph_type(
  _ graph: OpaquePointer!, _ value: swiftbn_value, _ dtype: UnsafeMutablePointer<swiftbn_dtype>!,
  _ rank: UnsafeMutablePointer<Int32>!, _ shape: UnsafeMutablePointer<Int64>!
) -> swiftbn_status {
  guarded {
    let graph = try object(graph, Graph.self, "swiftbn_graph_type: graph")
    try store(graph.type(of: Value(index: Int(value))), dtype, rank, shape)
  }
}

/// Adds one value to a graph.
private func adding(
  _ name: String, _ graph: OpaquePointer?, _ value: UnsafeMutablePointer<swiftbn_value>?,
  _ body: (Graph) throws -> Value
) -> swiftbn_status {
  guarded {
    let value = try required(value, "\(name): value")
    value.pointee = swiftbn_value(try body(object(graph, Graph.self, "\(name): graph")).index)
  }
}

func values(_ pointer: UnsafePointer<swiftbn_value>?, _ count: Int, _ argument: String) throws -> [Value] {
  try array(pointer, count, argument).map { Value(index: Int($0)) }
}

private func attribute(_ attribute: swiftbn_attribute, _ operation: String) throws -> (String, AttributeValue) {
  let name = try text(attribute.name, "\(operation): name of an attribute")
  let argument = "\(operation): attribute \(name)"
  switch attribute.kind {
  case SWIFTBN_ATTRIBUTE_INT: return (name, .int(Int(attribute.integer)))
  case SWIFTBN_ATTRIBUTE_DOUBLE: return (name, .double(attribute.number))
  case SWIFTBN_ATTRIBUTE_BOOL: return (name, .bool(attribute.integer != 0))
  case SWIFTBN_ATTRIBUTE_STRING: return (name, .string(try text(attribute.text, argument)))
  case SWIFTBN_ATTRIBUTE_INTS:
    return (name, .ints(try array(attribute.integers, attribute.count, argument).map { Int($0) }))
  case SWIFTBN_ATTRIBUTE_DOUBLES:
    return (name, .doubles(Array(try array(attribute.numbers, attribute.count, argument))))
  default: throw Failure.type("\(argument): kind is \(attribute.kind.rawValue), expected a swiftbn_attribute_kind")
  }
}
