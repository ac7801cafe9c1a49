import Compiler
import Graph
import Tensor
import Testing

/// When steps are joined to work by rows, and when not.
struct RowBlockingTests {
  private let graph = Graph()

  private func add(_ name: String, _ inputs: Value..., attributes: [String: AttributeValue] = [:]) throws -> Value {
    try graph.add(name, inputs, attributes)[0]
  }

  private func steps(_ rows: Int, _ output: (Value) throws -> [Value]) throws -> [String] {
    let type = TensorType(.float32, [rows, 32, 32, 16])
    let x = try graph.input("x", type)
    return try Plan(graph, outputs: output(x), inputTypes: [type], staged: [false]).stepNames
  }

  private func weights(_ dims: Int...) throws -> Value {
    let type = TensorType(.float32, Shape(dims))
    return try [UInt8](repeating: 0, count: type.byteCount).withUnsafeBytes { try graph.constant(type, $0) }
  }

  @Test func largeBatchesWorkByRows() throws {
    let names = try steps(100) { x in
      let y = try add("conv2d", x, weights(3, 3, 16, 16))
      return [try add("mean", add("tanh", y), attributes: ["axes": .ints([1, 2])])]
    }
    #expect(names == ["keep_weights", "rows(conv2d, tanh, mean)"])
  }

  @Test func smallBatchesDoNot() throws {
    let names = try steps(3) { x in
      [try add("mean", add("tanh", add("exp", x)), attributes: ["axes": .ints([1, 2])])]
    }
    #expect(names == ["exp", "tanh", "mean"])
  }

  @Test func whereNothingIsSavedItIsNotWorthIt() throws {
    let names = try steps(100) { x in
      let y = try add("exp", x)
      return [y, try add("tanh", y)]
    }
    #expect(names == ["exp", "tanh"])
  }

  @Test func whatMixesRowsComesBehind() throws {
    let names = try steps(100) { x in
      let y = try add("mean", add("tanh", add("exp", x)), attributes: ["axes": .ints([1, 2])])
      let centered = try add("subtract", y, add("mean", y, attributes: ["axes": .ints([0])]))
      return [try add("exp", centered)]
    }
    #expect(names == ["rows(exp, tanh, mean)", "mean", "subtract", "exp"])
  }

  @Test func heavyWeightsStayOutside() throws {
    let names = try steps(100) { x in
      let y = try add("flatten", add("tanh", add("exp", x)))
      return [try add("matmul", y, weights(16384, 64))]
    }
    #expect(names.last == "matmul", "\(names)")
  }

  @Test func chainsWorkByRowsWhereverTheyBegin() throws {
    let names = try steps(2) { x in
      let large = try weights(100, 32, 32, 16)
      let y = try add("multiply", add("tanh", add("exp", large)), large)
      // Its result mixes rows, and so does what another chain begins with.
      let column = try add("sum", y, attributes: ["axes": .ints([0])])
      let spread = try add("add", large, column)
      return [try add("sum", add("square", add("negative", spread))), try add("exp", x)]
    }
    #expect(names == ["rows(exp, tanh, multiply)", "sum", "rows(add, negative, square)", "sum", "exp"])
  }

  @Test func smallChainsDoNot() throws {
    let names = try steps(2) { x in
      let small = try weights(64, 16)
      return [try add("add", x, add("tanh", add("exp", add("sum", small, attributes: ["axes": .ints([0])]))))]
    }
    #expect(!names.contains { $0.hasPrefix("rows") }, "\(names)")
  }

  @Test func whatIsComputedFromWeightsComesBefore() throws {
    let names = try steps(100) { x in
      let y = try add("exp", x)
      let w = try add("tanh", weights(3, 3, 16, 16))
      return [try add("mean", add("conv2d", y, w), attributes: ["axes": .ints([1, 2])])]
    }
    #expect(names == ["tanh", "rows(exp, conv2d, mean)"])
  }
}
