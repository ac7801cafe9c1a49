import Compiler
import Graph
import Tensor
import Testing

/// Steps whose results only one side of a `where` uses.
struct ChoiceTests {
  private let graph = Graph()
  private let vector = TensorType(.float32, [3])
  private let scalar = TensorType(.bool, [])

  private func add(_ name: String, _ inputs: Value..., attributes: [String: AttributeValue] = [:]) throws -> Value {
    try graph.add(name, inputs, attributes)[0]
  }

  private func plan(_ outputs: [Value]) throws -> Plan {
    let types = graph.inputs.map { graph.types[$0.value.index] }
    return try Plan(graph, outputs: outputs, inputTypes: types, staged: types.map { _ in false })
  }

  /// Names of the steps that may be left out.
  private func conditional(_ outputs: Value...) throws -> [String] {
    try plan(outputs).summary.filter(\.isConditional).map(\.name)
  }

  /// The single output for x = (1, 4, 9) and conditions.
  private func run(_ output: Value, _ conditions: Bool...) throws -> [Float] {
    let plan = try plan([output])
    var (x, flags): ([Float], [Bool]) = ([1, 4, 9], conditions)
    var result = [Float](repeating: -1, count: 3)
    try x.withUnsafeMutableBytes { x in
      try flags.withUnsafeMutableBytes { flags in
        try result.withUnsafeMutableBytes { result in
          var inputs: [UnsafeRawPointer?] = [UnsafeRawPointer(x.baseAddress!)]
          for index in conditions.indices { inputs.append(UnsafeRawPointer(flags.baseAddress! + index)) }
          var outputs = [result.baseAddress!]
          try plan.run(inputs: &inputs, outputs: &outputs)
        }
      }
    }
    return result
  }

  @Test func onlyTheChosenSideIsComputed() throws {
    let (x, c) = (try graph.input("x", vector), try graph.input("c", scalar))
    let y = try add("where", c, add("exp", add("negative", x)), add("sqrt", x))
    #expect(try conditional(y) == ["negative", "exp", "sqrt"])
    #expect(try run(y, false) == [1, 2, 3])
    #expect(try run(add("where", c, add("sqrt", x), x), true) == [1, 2, 3])
  }

  @Test func whatIsUsedElsewhereIsAlwaysComputed() throws {
    let (x, c) = (try graph.input("x", vector), try graph.input("c", scalar))
    let (shared, root) = (try add("negative", x), try add("sqrt", x))
    let y = try add("where", c, add("exp", shared), root)
    #expect(try conditional(y, shared) == ["sqrt", "exp"])
    #expect(try conditional(y, root) == ["negative", "exp"])
    let both = try add("where", c, add("exp", shared), add("abs", shared))
    #expect(try conditional(both) == ["exp", "abs"])
    #expect(try conditional(add("where", c, root, root)) == [])
    #expect(try run(both, false) == [1, 4, 9])
  }

  @Test func conditionsComputedTooLateOrOfManyElementsDoNotCount() throws {
    let (x, c) = (try graph.input("x", vector), try graph.input("c", scalar))
    let early = try add("sqrt", x)
    let late = try add("logical_not", c)
    #expect(try conditional(add("where", late, early, add("exp", x))) == ["exp"])
    let many = try graph.input("m", TensorType(.bool, [3]))
    #expect(try conditional(add("where", many, early, x)) == [])
  }

  @Test func choicesWithinChoices() throws {
    let (x, c, d) = (
      try graph.input("x", vector), try graph.input("c", scalar), try graph.input("d", scalar)
    )
    let inner = try add("where", add("logical_not", d), add("sqrt", x), add("negative", x))
    let y = try add("where", c, inner, add("abs", add("exp", x)))
    #expect(try conditional(y) == ["logical_not", "sqrt", "negative", "where", "exp", "abs"])
    #expect(try run(y, true, false) == [1, 2, 3])
    #expect(try run(y, true, true) == [-1, -4, -9])
    #expect(try run(y, false, false)[0] > 2.7)
  }

  /// Indices that are out of range count only where something is taken by them.
  @Test func checksOfIndicesWaitForTheirUses() throws {
    let (x, c) = (try graph.input("x", vector), try graph.input("c", scalar))
    let indices = try graph.input("i", TensorType(.int32, [3]))
    let taken = try add("take", x, indices, attributes: ["axis": .int(0)])
    let y = try add("where", c, taken, x)
    #expect(try conditional(y) == ["index_check", "take"])
    #expect(try conditional(y, taken) == [])
    // A condition that is cheap to compute comes before the checks.
    let late = try add("where", add("logical_not", c), add("exp", taken), x)
    #expect(try conditional(late) == ["index_check", "take", "exp"])
    let plan = try plan([y])
    for (isTaken, places, expected) in [
      (true, [2, 1, 0], [9, 4, 1]), (false, [7, 1, 0], [1, 4, 9]), (true, [7, 1, 0], nil),
    ]
      as [(Bool, [Int32], [Float]?)]
    {
      var (values, flag, places, result): ([Float], Bool, [Int32], [Float]) = ([1, 4, 9], isTaken, places, [0, 0, 0])
      func run() throws {
        try values.withUnsafeMutableBytes { x in
          try places.withUnsafeMutableBytes { i in
            try result.withUnsafeMutableBytes { y in
              try withUnsafeMutableBytes(of: &flag) { c in
                var inputs: [UnsafeRawPointer?] = [x.baseAddress!, c.baseAddress!, i.baseAddress!].map {
                  UnsafeRawPointer($0)
                }
                var outputs = [y.baseAddress!]
                try plan.run(inputs: &inputs, outputs: &outputs)
              }
            }
          }
        }
      }
      if let expected {
        try run()
        #expect(result == expected)
      } else {
        #expect(throws: Failure.self) { try run() }
      }
    }
  }
}
