import Graph
import Runtime
import Tensor
import Testing

/// Gradients back through time against central differences in Double.
struct RecurrentGradientTests {
  struct Case: Sendable, CustomStringConvertible {
    let name: String
    let blocks: Int
    var attributes: [String: AttributeValue] = [:]
    var description: String { "\(name) \(attributes)" }
  }

  static let cases = [
    Case(name: "simple_rnn", blocks: 1), Case(name: "lstm", blocks: 4), Case(name: "gru", blocks: 3),
    Case(name: "gru", blocks: 3, attributes: ["has_bias": .bool(true)]),
    Case(name: "gru", blocks: 3, attributes: ["reset_after": .bool(false)]),
    Case(name: "lstm", blocks: 4, attributes: ["go_backwards": .bool(true), "activation": .string("linear")]),
    Case(name: "gru", blocks: 3, attributes: ["recurrent_activation": .string("hard_sigmoid")]),
  ]

  /// All inputs but the mask; with states where asked.
  private func inputs(_ test: Case, units: Int, states: Bool) -> [Reference] {
    var all = [
      Reference([2, 3, test.blocks * units], seed: 5), Reference([units, test.blocks * units], seed: 6),
    ]
    if test.attributes["has_bias"] != nil { all.append(Reference([test.blocks * units], seed: 7)) }
    if states {
      all.append(Reference([2, units], seed: 8))
      if test.name == "lstm" { all.append(Reference([2, units], seed: 9)) }
    }
    return all
  }

  @Test(arguments: cases)
  func everyResult(test: Case) throws {
    for states in [false, true] {
      let inputs = inputs(test, units: 3, states: states)
      var attributes = test.attributes
      attributes["has_state"] = .bool(states)
      for result in 0..<(test.name == "lstm" ? 3 : 2) {
        try checkGradients("\(test) result \(result)", inputs, unknownBatch: result == 1 && !states) {
          try $0.add(test.name, $1, attributes)[result]
        }
      }
    }
  }

  @Test(arguments: cases)
  func masked(test: Case) throws {
    let inputs = inputs(test, units: 2, states: true)
    var attributes = test.attributes
    (attributes["has_state"], attributes["has_mask"]) = (.bool(true), .bool(true))
    try checkGradients("\(test) masked", inputs) { graph, values in
      let mask: [UInt8] = [1, 0, 1, 0, 1, 0]
      let constant = try mask.withUnsafeBytes { try graph.constant(TensorType(.bool, [2, 3]), $0) }
      return try graph.add(test.name, values + [constant], attributes)[0]
    }
  }

  @Test func whatIsKeptHasNoGradient() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float64, [2, 3, 8]))
    let kernel = try graph.input("kernel", TensorType(.float64, [2, 8]))
    let cells = try graph.add("lstm", [x, kernel], [:])[3]
    #expect(throws: Failure.self) { try graph.gradients(of: [cells], seeds: nil, for: [x]) }
  }

  /// A number made of all first gradients, of inputs and of the weights that the results have: its gradient is second
  /// order in every pair of them.
  private func squaredGradients(_ test: Case, _ attributes: [String: AttributeValue], _ graph: Graph, _ values: [Value])
    throws -> Value
  {
    func sum(_ terms: [Value]) throws -> Value {
      try terms.dropFirst().reduce(terms[0]) { try graph.add("add", [$0, $1], [:])[0] }
    }
    func total(_ value: Value) throws -> Value { try graph.add("sum", [value], [:])[0] }
    let outputs = try graph.add(test.name, values, attributes)
    let losses = try outputs.prefix(test.name == "lstm" ? 3 : 2).map {
      try total(graph.add("square", [graph.add("sin", [$0], [:])[0]], [:])[0])
    }
    let sources = values.filter { (try? graph.type(of: $0).dtype) == .float64 }
    let first = try graph.gradients(of: [sum(losses)], seeds: nil, for: sources)
    return try sum(first.map { try total(graph.add("square", [try #require($0)], [:])[0]) })
  }

  @Test(arguments: cases)
  func secondOrder(test: Case) throws {
    for states in [false, true] {
      let inputs = inputs(test, units: 2, states: states)
      var attributes = test.attributes
      attributes["has_state"] = .bool(states)
      try checkGradients("\(test) twice", inputs, tolerance: 1e-5) {
        try squaredGradients(test, attributes, $0, $1)
      }
      attributes["has_mask"] = .bool(true)
      try checkGradients("\(test) masked twice", inputs, tolerance: 1e-5) { graph, values in
        let mask: [UInt8] = [0, 1, 1, 1, 0, 1]
        let constant = try mask.withUnsafeBytes { try graph.constant(TensorType(.bool, [2, 3]), $0) }
        return try squaredGradients(test, attributes, graph, values + [constant])
      }
    }
  }

  @Test func secondOrderWithAnUnknownBatch() throws {
    let test = Self.cases[1]
    try checkGradients(
      "lstm twice", Array(inputs(test, units: 2, states: false)[..<1]), tolerance: 1e-5, unknownBatch: true
    ) { graph, values in
      let kernel = Reference([2, 8], seed: 6).values
      let constant = try kernel.withUnsafeBytes { try graph.constant(TensorType(.float64, [2, 8]), $0) }
      return try squaredGradients(test, [:], graph, values + [constant])
    }
  }

  @Test func gradientsOfGradientsNeedTheNumberOfSteps() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float64, [2, Shape.unknown, 8]))
    let kernel = try graph.input("kernel", TensorType(.float64, [2, 8]))
    let y = try graph.add("lstm", [x, kernel], [:])[0]
    let first = try #require(try graph.gradients(of: [y], seeds: nil, for: [x])[0])
    let error = #expect(throws: Failure.self) { try graph.gradients(of: [first], seeds: nil, for: [x]) }
    #expect("\(try #require(error))".contains("known number of time steps"))
  }
}
