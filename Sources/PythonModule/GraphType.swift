import CPython
import Graph
import Runtime
import Tensor

/// `Graph()`: the description of a computation. Values are integers.
func makeGraphType() throws -> Object {
  try makeType(
    "Graph", doc: "Graph()\n\nOperations and values; values are integers.",
    create: { _, _, _ in guarded { try wrap(Graph(), Module.types.graph) } },
    methods: [
      (
        "input",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("input", ["name", "shape", "dtype"], positional: 3, arguments, count, keywords)
            let type = TensorType(try dtype(a.required(2), "dtype"), try shape(a.required(1), "shape"))
            return try index(unwrap(object!, Graph.self).input(string(a.required(0), "name"), type))
          }
        }, "input(name, shape, dtype) -> int; None in the shape is an unknown extent."
      ),
      (
        "constant",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("constant", ["array"], positional: 1, arguments, count, keywords)
            let view = try View(a.required(0), "array")
            defer { view.release() }
            let type = view.buffer.type
            let bytes = UnsafeRawBufferPointer(start: view.buffer.pointer, count: type.byteCount)
            return try index(unwrap(object!, Graph.self).constant(type, bytes))
          }
        }, "constant(array) -> int; the array is copied."
      ),
      (
        "variable",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("variable", ["variable"], positional: 1, arguments, count, keywords)
            return try index(unwrap(object!, Graph.self).variable(variable(a.required(0))))
          }
        }, "variable(v) -> int; the variable's value when a run begins."
      ),
      (
        "add",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("add", ["op", "inputs", "attributes"], positional: 3, arguments, count, keywords)
            let outputs = try unwrap(object!, Graph.self).add(
              string(a.required(0), "op"), values(a.required(1), "inputs"), attributes(a.optional(2)))
            return try pythonTuple(outputs.map { try index($0) })
          }
        }, "add(op, inputs, attributes) -> tuple of int."
      ),
      (
        "type",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("type", ["value"], positional: 1, arguments, count, keywords)
            let type = try unwrap(object!, Graph.self).type(of: value(a.required(0), "value"))
            return try pythonTuple([pythonTuple(type.shape), pythonString(type.dtype.description)])
          }
        }, "type(value) -> (shape, dtype)."
      ),
      (
        "producer",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("producer", ["value"], positional: 1, arguments, count, keywords)
            let producer = try unwrap(object!, Graph.self).producer(of: value(a.required(0), "value"))
            return try pythonTuple([
              pythonString(producer.name), pythonTuple(producer.inputs.map { try index($0) }),
            ])
          }
        }, "producer(value) -> (name of the operation, its inputs)."
      ),
      (
        "gradients",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments(
              "gradients", ["targets", "sources", "seeds"], positional: 3, arguments, count, keywords)
            let gradients = try unwrap(object!, Graph.self).gradients(
              of: values(a.required(0), "targets"), seeds: a.optional(2).map { try values($0, "seeds") },
              for: values(a.required(1), "sources"))
            return try pythonTuple(gradients.map { try $0.map(index) ?? sbn_none() })
          }
        }, "gradients(targets, sources, seeds=None) -> tuple of int or None."
      ),
      (
        "mark",
        { object, arguments, count, keywords in
          guarded {
            _ = try Arguments("mark", [], positional: 0, arguments, count, keywords)
            return try checked(PyLong_FromSsize_t(unwrap(object!, Graph.self).nodes.count))
          }
        }, "mark() -> int; this place in the graph, for recompute."
      ),
      (
        "recompute",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("recompute", ["mark"], positional: 1, arguments, count, keywords)
            try unwrap(object!, Graph.self).recompute(from: integer(a.required(0), "mark"))
            return sbn_none()
          }
        }, "recompute(mark): gradients compute again, instead of keeping it, what was added since the mark."
      ),
      (
        "assign",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("assign", ["variable", "value"], positional: 2, arguments, count, keywords)
            try unwrap(object!, Graph.self).assign(variable(a.required(0)), value(a.required(1), "value"))
            return sbn_none()
          }
        }, "assign(v, value): the variable takes the value at the end of a run."
      ),
    ])
}

private func index(_ value: Value) throws -> Object { try checked(PyLong_FromSsize_t(value.index)) }

private func value(_ object: Object, _ argument: String) throws -> Value { Value(index: try integer(object, argument)) }

func values(_ object: Object, _ argument: String) throws -> [Value] {
  try items(object, argument).map { try value($0, argument) }
}

private func variable(_ object: Object) throws -> Variable {
  try unwrap(object, Variable.self, type: Module.types.variable, "variable")
}

/// Attributes from a dict of bool, int, float, str and sequences of numbers.
func attributes(_ object: Object?) throws -> [String: AttributeValue] {
  guard let object else { return [:] }
  guard sbn_is_dict(object) != 0 else {
    throw Failure.type("attributes is \(typeName(object)), expected a dict")
  }
  var result: [String: AttributeValue] = [:]
  var (position, key, item): (Int, Object?, Object?) = (0, nil, nil)
  while PyDict_Next(object, &position, &key, &item) != 0 {
    let name = try string(key!, "attribute name")
    result[name] = try attribute(item!, name)
  }
  return result
}

private func attribute(_ object: Object, _ name: String) throws -> AttributeValue {
  if sbn_is_bool(object) != 0 { return .bool(PyObject_IsTrue(object) == 1) }
  if sbn_is_int(object) != 0 { return .int(try integer(object, name)) }
  if sbn_is_float(object) != 0 { return .double(try number(object, name)) }
  if sbn_is_string(object) != 0 { return .string(try string(object, name)) }
  if sbn_is_tuple(object) != 0 || sbn_is_list(object) != 0 {
    let items = try items(object, name)
    if items.allSatisfy({ sbn_is_float($0) == 0 }) { return .ints(try items.map { try integer($0, name) }) }
    return .doubles(try items.map { try number($0, name) })
  }
  // NumPy's integers and floats.
  if PyIndex_Check(object) != 0 { return .int(try integer(object, name)) }
  return .double(try number(object, name))
}
