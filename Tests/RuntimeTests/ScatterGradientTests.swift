import Graph
import Runtime
import Tensor
import Testing

/// Gradients of cumulative sums and of gathering and scattering by indices.
struct ScatterGradientTests {
  private func indices(_ graph: Graph, _ numbers: [Int64], _ shape: [Int]) throws -> Value {
    try numbers.withUnsafeBytes { try graph.constant(TensorType(.int64, Shape(shape)), $0) }
  }

  @Test(arguments: [0, 1, -1], [false, true])
  func cumulativeSum(axis: Int, reversed: Bool) throws {
    try checkGradients("cumsum", [Reference([3, 4, 2], seed: 5)], unknownBatch: reversed) {
      try $0.add("cumsum", $1, ["axis": .int(axis), "reverse": .bool(reversed)])[0]
    }
  }

  @Test func takeAlongAxis() throws {
    try checkGradients("take_along_axis", [Reference([2, 3, 2], seed: 6)]) {
      let picks = try indices($0, [2, 0, 0, 1, 2, 2, 1, 1], [2, 2, 2])
      return try $0.add("take_along_axis", [$1[0], picks], ["axis": .int(1)])[0]
    }
  }

  @Test(arguments: ["set", "add", "multiply", "max", "min"])
  func scatter(kind: String) throws {
    let (x, updates) = (Reference([4, 2], seed: 7), Reference([5, 2], seed: 8))
    try checkGradients("scatter \(kind)", [x, updates], unknownBatch: kind == "add") {
      try $0.add("scatter", [$1[0], indices($0, [3, 0, 3, 1, 3], [5]), $1[1]], ["kind": .string(kind)])[0]
    }
  }

  /// One zero among the factors leaves a gradient for itself alone, two leave none.
  @Test func productsWithZeros() throws {
    var (x, updates) = (Reference([3], [2, 0, 3]), Reference([5], [0, 4, 5, 0, 0]))
    try checkGradients("scatter multiply zeros", [x, updates]) {
      try $0.add("scatter", [$1[0], indices($0, [0, 0, 1, 2, 2], [5]), $1[1]], ["kind": .string("multiply")])[0]
    }
    x.values[1] = 1.5
    updates.values[3] = 0.5
    try checkGradients("scatter multiply one zero", [x, updates]) {
      try $0.add("scatter", [$1[0], indices($0, [0, 0, 1, 2, 2], [5]), $1[1]], ["kind": .string("multiply")])[0]
    }
  }

  @Test(arguments: ["set", "add", "multiply", "max"])
  func secondOrder(kind: String) throws {
    let (x, updates) = (Reference([3, 2], seed: 9, in: 0.3...1.5), Reference([4, 2], seed: 10, in: 0.3...1.5))
    try checkGradients("scatter \(kind) twice", [x, updates], tolerance: 1e-5) { graph, inputs in
      let picks = try indices(graph, [2, 0, 2, 0], [4])
      let y = try graph.add("scatter", [inputs[0], picks, inputs[1]], ["kind": .string(kind)])[0]
      let sum = try graph.add("sum", graph.add("square", [y], [:]), [:])[0]
      let first = try graph.gradients(of: [sum], seeds: nil, for: inputs)
      let squares = try first.map { try graph.add("sum", graph.add("square", [try #require($0)], [:]), [:])[0] }
      return try graph.add("add", squares, [:])[0]
    }
  }

  @Test func indicesAreCheckedBeforeTheRun() throws {
    for (name, attributes) in [
      ("scatter", ["kind": AttributeValue.string("add")]), ("take_along_axis", ["axis": .int(0)]),
    ] {
      let graph = Graph()
      let x = try graph.input("x", TensorType(.float64, [3]))
      let picks = try indices(graph, [0, 3], [2])
      let inputs =
        name == "scatter"
        ? [
          x, picks,
          try graph.add(
            "slice", [x],
            [
              "begin": .ints([0]), "end": .ints([2]), "strides": .ints([1]),
            ])[0],
        ] : [x, picks]
      let y = try graph.add(name, inputs, attributes)[0]
      let program = try Program(graph, outputs: [y])
      let error = #expect(throws: Failure.self) { try run(program, [Reference([3], [1, 2, 3])]) }
      #expect(error?.message == "\(name): index 3 at position 1 is out of range, expected 0..2")
    }
  }
}
