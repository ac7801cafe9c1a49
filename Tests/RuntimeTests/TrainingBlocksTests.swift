import Graph
import Parallel
import Runtime
import Tensor
import Testing

/// Convolutions of a training step that work by rows together with the normalizations around them: the results are those
/// of the same steps one after the other.
struct TrainingBlocksTests {
  enum Network: CaseIterable { case reluNormPool, normReluPool, pool, residual, planes }

  private let inputs = [
    Reference([71, 24, 24, 3], seed: 1), Reference([3, 3, 3, 8], seed: 2), Reference([8], seed: 3),
    Reference([8], seed: 4, in: 0.5...2), Reference([8], seed: 5), Reference([3, 3, 8, 8], seed: 6),
  ]

  /// Loss, statistics and gradients of all inputs. Views between a convolution and what follows keep them apart.
  private func program(_ network: Network, isApart: Bool) throws -> Program {
    let graph = Graph()
    let v = try inputs.enumerated().map { index, input in
      var dims = input.shape
      if index == 0 { dims[0] = Shape.unknown }
      return try graph.input("x\(index)", TensorType(.float64, Shape(dims)))
    }
    func add(_ name: String, _ inputs: [Value], _ attributes: [String: AttributeValue] = [:]) throws -> [Value] {
      try graph.add(name, inputs, attributes)
    }
    func view(_ value: Value, _ dims: [Int]) throws -> Value {
      isApart ? try add("reshape", [value], ["shape": .ints([-1] + dims)])[0] : value
    }
    func convolution(_ x: Value, _ w: Value) throws -> Value {
      try view(
        add("conv2d", [view(x, Array(graph.type(of: x).shape.dims.dropFirst())), w], ["padding": .string("same")])[0],
        [24, 24, 8])
    }
    func norm(_ x: Value, axis: Int = -1) throws -> [Value] {
      try add("batch_norm", [x, v[3], v[4]], ["axis": .int(axis)])
    }
    var statistics: [Value] = []
    var y: Value
    switch network {
    case .reluNormPool:
      y = try view(
        add("relu", [add("add", [add("conv2d", [v[0], v[1]], ["padding": .string("same")])[0], v[2]])[0]])[0],
        [24, 24, 8])
      let all = try norm(y)
      statistics = Array(all[1...3])
      y = try add("max_pool2d", [all[0]], ["pool_size": .ints([2, 2])])[0]
    case .normReluPool:
      let all = try norm(convolution(v[0], v[1]))
      statistics = Array(all[1...3])
      y = try add("max_pool2d", add("relu", [all[0]]), ["pool_size": .ints([3, 2])])[0]
    case .pool:
      y = try add("relu", [add("add", [convolution(v[0], v[1]), v[2]])[0]])[0]
      y = try add("max_pool2d", [view(y, [24, 24, 8])], ["pool_size": .ints([3, 3])])[0]
    case .residual:
      let first = try norm(convolution(v[0], v[1]))
      let h = try add("relu", [first[0]])[0]
      let second = try norm(convolution(h, v[5]))
      statistics = Array(first.dropFirst()) + Array(second.dropFirst())
      y = try add("relu", [add("add", [second[0], h])[0]])[0]
    case .planes:
      // Channels first behind the convolution.
      let planes = try add("transpose", [convolution(v[0], v[1])], ["axes": .ints([0, 3, 1, 2])])[0]
      y = try add("relu", [norm(planes, axis: 1)[0]])[0]
    }
    let loss = try add("sum", [add("square", [add("tanh", [y])[0]])[0]])[0]
    let used =
      switch network {
      case .reluNormPool: [0, 1, 2, 3, 4]
      case .pool: [0, 1, 2]
      case .residual: [0, 1, 3, 4, 5]
      case .planes, .normReluPool: [0, 1, 3, 4]
      }
    let gradients = try graph.gradients(of: [loss], seeds: nil, for: used.map { v[$0] })
    return try Program(graph, outputs: [loss] + statistics + gradients.map { try #require($0) })
  }

  private func chains(_ program: Program) -> [String] {
    program.summaries[0].steps.map(\.name).filter { $0.hasPrefix("rows(") && $0.contains("conv2d") }
  }

  @Test(arguments: Network.allCases) func chainsGiveTheResultsOfSteps(network: Network) throws {
    let (joined, apart) = (try program(network, isApart: false), try program(network, isApart: true))
    let (observed, expected) = (try run(joined, inputs), try run(apart, inputs))
    if network != .planes {
      #expect(chains(joined).count > chains(apart).count, "\(joined.summaries[0].steps.map(\.name))")
    }
    for (index, (o, e)) in zip(observed, expected).enumerated() {
      #expect(o.shape == e.shape)
      let size = e.values.map(abs).max() ?? 0
      let error = zip(o.values, e.values).map { abs($0 - $1) }.max() ?? 0
      #expect(error <= 1e-12 * max(size, 1e-3), "\(network): output \(index) is off by \(error) of \(size)")
    }
  }

  @Test(arguments: Network.allCases) func resultsDoNotDependOnThreads(network: Network) throws {
    let before = threadCount
    defer { threadCount = before }
    var results: [[Reference]] = []
    for threads in [1, 2, 4] {
      threadCount = threads
      results.append(try run(program(network, isApart: false), inputs))
    }
    for other in results.dropFirst() {
      for (a, b) in zip(results[0], other) { #expect(a.values == b.values) }
    }
  }

  /// A pixel that is NaN spoils what it reaches: all statistics, and nothing is left out.
  @Test func nanReachesTheStatistics() throws {
    var inputs = inputs
    inputs[0].values[40 * 24 * 24 * 3] = .nan
    let results = try run(program(.residual, isApart: false), inputs)
    #expect(results[0].values[0].isNaN)
    for statistic in results[1...6] { #expect(statistic.values.allSatisfy { $0.isNaN }) }
  }
}
