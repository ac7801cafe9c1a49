import Compiler
import Graph
import Runtime
import Tensor
import Testing

/// Regions that gradients compute again: the same numbers in less memory.
struct RecomputationTests {
  /// Blocks y = x·w, tanh, batch normalization, silu, with the weight that all share; regions are ranges of blocks.
  private func stack(_ blocks: Int, regions: [Range<Int>], rows: Int = 8, width: Int = 3) throws -> (
    graph: Graph, values: [Value], output: Value
  ) {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float64, [rows, width]))
    let w = try graph.input("w", TensorType(.float64, [width, width]))
    var y = x
    var marks: [Int] = []
    for block in 0..<blocks {
      marks.append(graph.nodes.count)
      y = try graph.add("tanh", graph.add("matmul", [y, w], [:]), [:])[0]
      y = try graph.add("batch_norm", [y], ["scale": .bool(false), "center": .bool(false)])[0]
      y = try graph.add("silu", [y], [:])[0]
      for region in regions where region.upperBound == block + 1 { try graph.recompute(from: marks[region.lowerBound]) }
    }
    return (graph, [x, w], try graph.add("sum", graph.add("square", [y], [:]), [:])[0])
  }

  private let inputs = [Reference([8, 3], seed: 5), Reference([3, 3], seed: 6)]

  private static let cases: [[Range<Int>]] = [
    [0..<1], [0..<4], [0..<2, 2..<4], [0..<1, 1..<2, 2..<3, 3..<4], [1..<3],
    // Regions in regions, and one twice.
    [0..<2, 2..<4, 0..<4], [1..<2, 0..<2, 0..<3, 0..<4], [0..<4, 0..<4],
  ]

  @Test(arguments: cases)
  func gradientsStayWhatTheyAre(regions: [Range<Int>]) throws {
    func gradients(_ regions: [Range<Int>]) throws -> [Reference] {
      let (graph, values, output) = try stack(4, regions: regions)
      let found = try graph.gradients(of: [output], seeds: nil, for: values).map { try #require($0) }
      return try run(Program(graph, outputs: [output] + found), inputs)
    }
    #expect(try gradients(regions).map(\.values) == gradients([]).map(\.values))
  }

  @Test(arguments: cases)
  func gradientsOfGradients(regions: [Range<Int>]) throws {
    func second(_ regions: [Range<Int>]) throws -> [Reference] {
      let (graph, values, output) = try stack(4, regions: regions)
      let first = try #require(try graph.gradients(of: [output], seeds: nil, for: [values[1]])[0])
      let norm = try graph.add("sum", graph.add("square", [first], [:]), [:])
      let found = try graph.gradients(of: norm, seeds: nil, for: values).map { try #require($0) }
      return try run(Program(graph, outputs: found), inputs)
    }
    for (a, b) in zip(try second(regions), try second([])) {
      for (a, b) in zip(a.values, b.values) { #expect(abs(a - b) <= 1e-10 * max(1, abs(b))) }
    }
  }

  /// A source made inside of a region: the gradient's gradient counts what its copies do.
  @Test func sourcesInsideOfRegions() throws {
    func second(_ isRecomputed: Bool) throws -> [Double] {
      let graph = Graph()
      let x = try graph.input("x", TensorType(.float64, [8, 3]))
      let mark = graph.nodes.count
      let inside = try graph.add("tanh", [x], [:])[0]
      let y = try graph.add("sum", graph.add("exp", graph.add("square", [inside], [:]), [:]), [:])
      if isRecomputed { try graph.recompute(from: mark) }
      let first = try #require(try graph.gradients(of: y, seeds: nil, for: [x])[0])
      let norm = try graph.add("sum", graph.add("square", [first], [:]), [:])
      let found = try #require(try graph.gradients(of: norm, seeds: nil, for: [inside])[0])
      return try run(Program(graph, outputs: [found]), [inputs[0]])[0].values
    }
    for (a, b) in zip(try second(true), try second(false)) { #expect(abs(a - b) <= 1e-12 * max(1, abs(b))) }
  }

  @Test func arenaShrinks() throws {
    func bytes(_ regions: [Range<Int>]) throws -> Int {
      let (graph, values, output) = try stack(12, regions: regions, rows: 512, width: 8)
      let found = try graph.gradients(of: [output], seeds: nil, for: values).map { try #require($0) }
      let types = values.map { graph.types[$0.index] }
      return try Plan(graph, outputs: [output] + found, inputTypes: types, staged: [false, false]).arenaBytes
    }
    let plain = try bytes([])
    #expect(try bytes((0..<12).map { $0..<$0 + 1 }) < plain * 6 / 10)
    #expect(try bytes([0..<3, 3..<6, 6..<9, 9..<12]) < plain / 2)
  }

  /// What the backward pass keeps anyway, and statistics, are not computed again.
  @Test func onlyWhatSavesMemoryIsComputedAgain() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float32, [64, 8]))
    let w = try graph.input("w", TensorType(.float32, [8, 8]))
    let mark = graph.nodes.count
    let norm = try graph.add("batch_norm", [x], ["scale": .bool(false), "center": .bool(false)])[0]
    try graph.recompute(from: mark)
    let y = try graph.add("sum", graph.add("matmul", [norm, w], [:]), [:])
    let found = try graph.gradients(of: y, seeds: nil, for: [x, w]).map { try #require($0) }
    let types = [x, w].map { graph.types[$0.index] }
    let plan = try Plan(graph, outputs: y + found, inputTypes: types, staged: [false, false])
    #expect(plan.stepNames.filter { $0 == "batch_norm" }.count == 1)
  }

  /// Labels and indices are checked once, before everything else, also when they are computed again.
  @Test func indicesAreCheckedOnce() throws {
    let graph = Graph()
    let table = try graph.input("table", TensorType(.float32, [10, 4]))
    let numbers = try graph.input("numbers", TensorType(.float32, [6]))
    let mark = graph.nodes.count
    let indices = try graph.add("cast", [numbers], ["dtype": .string("int32")])
    let y = try graph.add("exp", graph.add("take", [table] + indices, ["axis": .int(0)]), [:])
    try graph.recompute(from: mark)
    let loss = try graph.add("sum", y, [:])
    let found = try graph.gradients(of: loss, seeds: nil, for: [table]).map { try #require($0) }
    let types = [table, numbers].map { graph.types[$0.index] }
    let plan = try Plan(graph, outputs: loss + found, inputTypes: types, staged: [false, false])
    #expect(plan.stepNames.prefix(2) == ["cast", "index_check"])
    #expect(plan.stepNames.filter { $0 == "index_check" }.count == 1)
  }

  @Test func regionsLieInsideOfOthers() throws {
    let (graph, _, _) = try stack(2, regions: [0..<1])
    #expect(throws: (any Error).self) { try graph.recompute(from: 2) }
    #expect(throws: (any Error).self) { try graph.recompute(from: graph.nodes.count + 1) }
    #expect(throws: (any Error).self) { try graph.recompute(from: -1) }
    try graph.recompute(from: graph.nodes.count)
  }
}
