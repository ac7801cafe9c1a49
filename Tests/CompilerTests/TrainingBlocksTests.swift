import Compiler
import Graph
import Tensor
import Testing

/// Which steps of training are joined to work by rows.
struct TrainingBlocksTests {
  private let graph = Graph()

  private func add(_ name: String, _ inputs: Value..., attributes: [String: AttributeValue] = [:]) throws -> Value {
    try graph.add(name, inputs, attributes)[0]
  }

  /// The steps of the gradients of all inputs but x (rows, 32, 32, channels).
  private func steps(
    rows: Int = 64, channels: Int = 3, _ weights: [[Int]], _ output: (Value, [Value]) throws -> Value
  ) throws -> [String] {
    var types = [TensorType(.float32, [rows, 32, 32, channels])]
    types += weights.map { TensorType(.float32, Shape($0)) }
    let values = try types.enumerated().map { try graph.input("x\($0.offset)", $0.element) }
    let loss = try add("sum", add("square", output(values[0], Array(values.dropFirst()))))
    let gradients = try graph.gradients(of: [loss], seeds: nil, for: Array(values.dropFirst()))
    return try Plan(
      graph, outputs: [loss] + gradients.map { try #require($0) }, inputTypes: types, staged: types.map { _ in false }
    ).stepNames
  }

  private func layer(_ x: Value, _ w: [Value], attributes: [String: AttributeValue] = [:]) throws -> Value {
    try add("batch_norm", add("conv2d", x, w[0]), w[1], w[2], attributes: attributes)
  }

  @Test func statisticsAreGatheredWhereTheConvolutionIsComputed() throws {
    let names = try steps([[3, 3, 3, 16], [16], [16]]) { try layer($0, $1) }
    #expect(names.contains("rows(conv2d, batch_moments)"), "\(names)")
    #expect(names.contains("merge_moments") && !names.contains("batch_norm"), "\(names)")
    // The gradient of what is normalized is never whole.
    #expect(names.contains("rows(batch_norm_gradient_map, conv2d_weight_gradient)"), "\(names)")
    #expect(!names.contains { $0.hasPrefix("conv2d") || $0 == "batch_norm_gradient" }, "\(names)")
  }

  @Test func normalizationJoinsTheNextConvolution() throws {
    let names = try steps([[3, 3, 3, 16], [16], [16], [3, 3, 16, 16]]) {
      try add("conv2d", add("relu", layer($0, $1)), $1[3])
    }
    #expect(names.contains { $0.hasPrefix("rows(normalize+relu, conv2d") }, "\(names)")
    #expect(
      names.contains { $0.contains("conv2d_input_gradient, ") && $0.hasSuffix("batch_norm_gradient_sums)") }, "\(names)"
    )
  }

  @Test func theGradientOfPoolingAndNormalizationIsNeverWhole() throws {
    let names = try steps([[3, 3, 3, 16], [16], [16], [16]]) {
      let y = try add("relu", add("add", add("conv2d", $0, $1[0]), $1[3]))
      let norm = try add("batch_norm", y, $1[1], $1[2])
      return try add("max_pool2d", norm, attributes: ["pool_size": .ints([2, 2])])
    }
    #expect(names.contains("rows(conv2d+bias+relu, batch_moments)"), "\(names)")
    #expect(names.contains("normalize+max_pool2d"), "\(names)")
    let map = "max_pool2d_gradient+batch_norm_gradient_map+relu_gradient+bias_gradient"
    #expect(names.contains("rows(\(map), conv2d_weight_gradient)"), "\(names)")
  }

  @Test func poolingAndReluWithoutNormalization() throws {
    let names = try steps([[3, 3, 3, 16], [16]]) {
      let y = try add("relu", add("add", add("conv2d", $0, $1[0]), $1[1]))
      return try add("max_pool2d", y, attributes: ["pool_size": .ints([2, 2])])
    }
    #expect(names.contains { $0.hasPrefix("rows(conv2d+bias+relu, max_pool2d, ") }, "\(names)")
    let backward = ", max_pool2d_gradient, relu_gradient+bias_gradient, conv2d_weight_gradient)"
    #expect(names.contains { $0.hasSuffix(backward) }, "\(names)")
  }

  @Test(arguments: [7, 16]) func smallBatchesStayWhole(rows: Int) throws {
    let names = try steps(rows: rows, [[3, 3, 3, 16], [16], [16]]) { try layer($0, $1) }
    #expect(names.contains("batch_norm") && !names.contains { $0.hasPrefix("rows") }, "\(names)")
  }

  /// Gathering alone is not worth it.
  @Test func statisticsBeforeNoConvolutionAreGatheredApart() throws {
    let names = try steps([[3, 3, 3, 16], [16], [16]]) {
      try add("mean", layer($0, $1), attributes: ["axes": .ints([1, 2])])
    }
    #expect(names.contains("conv2d") && names.contains("batch_norm"), "\(names)")
  }

  /// Weights are prepared once.
  @Test func heavyWeightsStayWhole() throws {
    let names = try steps(channels: 64, [[3, 3, 64, 64], [64], [64]]) { try layer($0, $1) }
    #expect(names.contains("conv2d") && names.contains("batch_norm"), "\(names)")
    #expect(names.contains("conv2d_weight_gradient"), "\(names)")
  }

  /// Statistics of groups of samples, and over the samples' axis, are not put together from blocks of samples.
  @Test(arguments: [("group_size", 16, 16), ("axis", 0, 64)])
  func otherNormalizationsStayWhole(attribute: String, value: Int, channels: Int) throws {
    let names = try steps([[3, 3, 3, 16], [channels], [channels]]) {
      try layer($0, $1, attributes: [attribute: .int(value)])
    }
    #expect(names.contains("batch_norm") && !names.contains { $0.contains("moments") }, "\(names)")
  }
}
