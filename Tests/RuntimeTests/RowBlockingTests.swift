import Graph
import Runtime
import Tensor
import Testing

/// Large batches are computed some rows at a time: that must not change a bit.
struct RowBlockingTests {
  /// An image network of all kinds of operations that work by rows; x (N, 12, 12, 8), a factor for each sample (N, 1),
  /// weights and statistics.
  private func network() throws -> (Graph, [Value], weights: [Reference]) {
    let graph = Graph()
    func add(_ name: String, _ inputs: [Value], _ attributes: [String: AttributeValue] = [:]) throws -> Value {
      try graph.add(name, inputs, attributes)[0]
    }
    let weights = [
      Reference([3, 3, 8, 8], seed: 1), Reference([8], seed: 2), Reference([8], seed: 3),
      Reference([8], seed: 4, in: 0.5...2), Reference([288, 10], seed: 5),
    ]
    let x = try graph.input("x", TensorType(.float64, [Shape.unknown, 12, 12, 8]))
    let factor = try graph.input("factor", TensorType(.float64, [Shape.unknown, 1]))
    let w = try weights.enumerated().map { index, weight in
      try graph.input("w\(index)", TensorType(.float64, Shape(weight.shape)))
    }
    let image = try add("relu", [add("add", [add("conv2d", [x, w[0]], ["padding": .string("same")]), w[1]])])
    let pooled = try add("max_pool2d", [image], ["pool_size": .ints([2, 2])])
    let norm = try add("batch_norm_inference", [pooled, w[2], w[3]], ["scale": .bool(false), "center": .bool(false)])
    let planes = try add("transpose", [add("add", [norm, w[1]])], ["axes": .ints([0, 3, 1, 2])])
    let flat = try add("multiply", [add("flatten", [planes]), factor])
    let logits = try add("matmul", [add("tanh", [flat]), w[4]])
    let means = try add("mean", [x], ["axes": .ints([1, 2])])
    let joined = try add("concatenate", [add("softmax", [logits]), means], ["axis": .int(1)])
    // The batch's own mean mixes rows, behind all of them.
    return (graph, [joined, try add("mean", [joined], ["axes": .ints([0])]), norm], weights)
  }

  @Test(arguments: [35, 62, 173, 400])
  func everyRowIsThatOfASingleSample(rows: Int) throws {
    let (graph, outputs, weights) = try network()
    let program = try Program(graph, outputs: outputs)
    let (x, factor) = (Reference([rows, 12, 12, 8], seed: 7), Reference([rows, 1], seed: 8))
    let whole = try run(program, [x, factor] + weights)
    let names = program.summaries[0].steps.map(\.name)
    #expect(names.contains { $0.hasPrefix("rows(") && $0.contains("conv2d") }, "\(names)")
    for row in 0..<rows {
      let size = x.values.count / rows
      let sample = Reference([1, 12, 12, 8], Array(x.values[(row * size)..<((row + 1) * size)]))
      let alone = try run(program, [sample, Reference([1, 1], [factor.values[row]])] + weights)
      for (output, expected) in [(whole[0], alone[0]), (whole[2], alone[2])] {
        let count = expected.values.count
        #expect(Array(output.values[(row * count)..<((row + 1) * count)]) == expected.values, "row \(row)")
      }
    }
    let mean = (0..<18).map { column in
      (0..<rows).reduce(0) { $0 + whole[0].values[$1 * 18 + column] } / Double(rows)
    }
    for (observed, expected) in zip(whole[1].values, mean) { #expect(abs(observed - expected) < 1e-13) }
  }

  @Test func nanInOneSampleStaysThere() throws {
    let (graph, outputs, weights) = try network()
    let program = try Program(graph, outputs: [outputs[0]])
    var x = Reference([180, 12, 12, 8], seed: 9)
    for element in 0..<1152 { x.values[77 * 1152 + element] = .nan }
    let y = try run(program, [x, Reference([180, 1], seed: 8)] + weights)[0]
    for row in 0..<180 { #expect(y.values[row * 18].isNaN == (row == 77)) }
  }

  /// A training step's chains: gradients of elementwise operations, with operands that are broadcast.
  @Test(arguments: [400, 413])
  func gradientsOfChainsAreThoseOfSingleSamples(rows: Int) throws {
    let graph = Graph()
    func add(_ name: String, _ inputs: Value...) throws -> Value { try graph.add(name, inputs, [:])[0] }
    let x = try graph.input("x", TensorType(.float64, [Shape.unknown, 12, 8]))
    let scale = try graph.input("scale", TensorType(.float64, [8]))
    let factor = try graph.input("factor", TensorType(.float64, [Shape.unknown, 1, 1]))
    // Not reached from rows of an input alone: chains begin at a product with a mean over the batch.
    let share = try graph.add("mean", [scale], [:])[0]
    let y = try add("multiply", add("silu", add("multiply", x, scale)), factor)
    let z = try add("multiply", add("tanh", add("add", y, share)), add("exp", add("negative", add("square", y))))
    let gradients = try graph.gradients(of: [add("sum", z)], seeds: nil, for: [x, factor])
    let program = try Program(graph, outputs: gradients.map { try #require($0) })
    let scales = Reference([8], seed: 3)
    let (values, factors) = (Reference([rows * 32, 12, 8], seed: 4), Reference([rows * 32, 1, 1], seed: 5))
    let whole = try run(program, [values, scales, factors])
    let names = program.summaries[0].steps.map(\.name)
    #expect(names.contains { $0.hasPrefix("rows(") }, "\(names)")
    for row in stride(from: 0, to: rows * 32, by: 97) {
      let sample = Reference([1, 12, 8], Array(values.values[(row * 96)..<((row + 1) * 96)]))
      let alone = try run(program, [sample, scales, Reference([1, 1, 1], [factors.values[row]])])
      #expect(Array(whole[0].values[(row * 96)..<((row + 1) * 96)]) == alone[0].values, "row \(row)")
      #expect(abs(whole[1].values[row] - alone[1].values[0]) < 1e-12)
    }
  }
}
