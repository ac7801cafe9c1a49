import Compiler
import Graph
import Tensor
import Testing

/// A graph in the making, with float32 inputs.
private struct Sketch {
  let graph = Graph()
  var types: [TensorType] = []

  mutating func input(_ shape: Int..., dtype: DType = .float32) throws -> Value {
    types.append(TensorType(dtype, Shape(shape)))
    return try graph.input("x\(types.count)", types[types.count - 1])
  }

  func add(_ name: String, _ inputs: Value..., attributes: [String: AttributeValue] = [:]) throws -> Value {
    try graph.add(name, inputs, attributes)[0]
  }

  func plan(_ outputs: Value...) throws -> Plan {
    try Plan(graph, outputs: outputs, inputTypes: types, staged: types.map { _ in false })
  }
}

/// What is computed in one step, and what must not be.
struct FusionTests {
  @Test func convolutionTakesBiasAndRelu() throws {
    var s = Sketch()
    let (x, w, b) = (try s.input(2, 8, 8, 3), try s.input(3, 3, 3, 4), try s.input(4))
    let y = try s.add("relu", s.add("add", s.add("conv2d", x, w), b))
    #expect(try s.plan(y).stepNames == ["conv2d+bias+relu"])
    let mirrored = try s.add("relu", s.add("add", b, s.add("conv2d", x, w)))
    #expect(try s.plan(mirrored).stepNames == ["conv2d+bias+relu"])
    #expect(try s.plan(s.add("relu", s.add("conv2d", x, w))).stepNames == ["conv2d+relu"])
    #expect(try s.plan(s.add("add", s.add("conv2d", x, w), b)).stepNames == ["conv2d+bias"])
  }

  @Test func convolutionsByGroupsAndOverVolumesTakeBiasAndRelu() throws {
    var s = Sketch()
    let (x, w, b) = (try s.input(2, 8, 8, 6), try s.input(3, 3, 2, 9), try s.input(9))
    let grouped = try s.add("conv2d", x, w, attributes: ["groups": .int(3)])
    #expect(try s.plan(s.add("relu", s.add("add", grouped, b))).stepNames == ["conv2d+bias+relu"])
    let (volumes, kernel) = (try s.input(2, 4, 5, 6, 3), try s.input(2, 2, 2, 3, 9))
    let y = try s.add("relu", s.add("add", s.add("conv3d", volumes, kernel), b))
    #expect(try s.plan(y).stepNames == ["conv3d+bias+relu"])
  }

  @Test func convolutionsInOtherLayoutsTakeBiasAndRelu() throws {
    var s = Sketch()
    let (x, w, b) = (try s.input(2, 8, 8, 3), try s.input(3, 3, 3, 4), try s.input(4))
    let planes = try s.add("transpose", s.add("conv2d", x, w), attributes: ["axes": .ints([0, 3, 1, 2])])
    let spread = try s.add("reshape", b, attributes: ["shape": .ints([1, -1, 1, 1])])
    let y = try s.add("relu", s.add("add", planes, spread))
    #expect(try s.plan(y).stepNames == ["conv2d+bias+relu", "transpose"])
    // Somebody else reads what the ReLU is made of; a bias along another axis.
    #expect(try s.plan(y, planes).stepNames.filter { $0.hasPrefix("conv2d") } == ["conv2d"])
    let rows = try s.add("reshape", try s.input(6), attributes: ["shape": .ints([6, 1])])
    #expect(try s.plan(s.add("add", planes, rows)).stepNames == ["conv2d", "transpose", "add"])

    let line = try s.add("expand_dims", try s.input(2, 9, 3), attributes: ["axis": .int(1)])
    let kernel = try s.add("expand_dims", try s.input(3, 3, 4), attributes: ["axis": .int(0)])
    let squeezed = try s.add("squeeze", s.add("conv2d", line, kernel), attributes: ["axes": .ints([1])])
    #expect(try s.plan(s.add("relu", s.add("add", squeezed, b))).stepNames == ["conv2d+bias+relu"])
    let flat = try s.add("flatten", s.add("conv2d", x, w))
    let flatBias = try s.input(144)
    #expect(try s.plan(s.add("add", flat, flatBias)).stepNames == ["conv2d", "add"])
  }

  @Test func matrixProductTakesBiasAndRelu() throws {
    var s = Sketch()
    let (x, w, b) = (try s.input(5, 6), try s.input(6, 7), try s.input(7))
    #expect(try s.plan(s.add("relu", s.add("add", s.add("matmul", x, w), b))).stepNames == ["matmul+bias+relu"])
  }

  @Test func normalizationTakesReluAndKeepsItsStatistics() throws {
    var s = Sketch()
    let (x, gamma, beta) = (try s.input(5, 6), try s.input(6), try s.input(6))
    let norm = try s.graph.add("batch_norm", [x, gamma, beta], [:])
    let y = try s.add("relu", norm[0])
    #expect(try s.plan(y, norm[1], norm[3]).stepNames == ["batch_norm+relu"])
    let (mean, variance) = (try s.input(6), try s.input(6))
    let inference = try s.add("batch_norm_inference", x, gamma, beta, mean, variance)
    #expect(try s.plan(s.add("relu", inference)).stepNames == ["batch_norm_inference+relu"])
  }

  @Test func reluGradientTakesTheBiasGradient() throws {
    var s = Sketch()
    let (x, w, b) = (try s.input(5, 6), try s.input(6, 7), try s.input(7))
    let y = try s.add("relu", s.add("add", s.add("matmul", x, w), b))
    let gradients = try s.graph.gradients(of: [try s.add("sum", y)], seeds: nil, for: [w, b])
    let plan = try s.plan(try #require(gradients[0]), try #require(gradients[1]))
    #expect(plan.stepNames.contains("relu_gradient+bias_gradient"), "\(plan.stepNames)")
    #expect(!plan.stepNames.contains("relu_gradient"), "\(plan.stepNames)")
  }

  /// Steps of a training graph: x → [conv →] batch norm [→ ReLU] → max pool → mean, gradients of all parameters.
  private func poolingSteps(relu: Bool, convolution: Bool, strides: [Int] = [2, 2], reads: Bool = false) throws
    -> [String]
  {
    var s = Sketch()
    let (image, w, b) = (try s.input(2, 8, 8, 4), try s.input(3, 3, 4, 4), try s.input(4))
    let (gamma, beta) = (try s.input(4), try s.input(4))
    let x = convolution ? try s.add("relu", s.add("add", s.add("conv2d", image, w), b)) : image
    let norm = try s.graph.add("batch_norm", [x, gamma, beta], [:])
    let z = relu ? try s.add("relu", norm[0]) : norm[0]
    let size: [String: AttributeValue] = ["pool_size": .ints([2, 2]), "strides": .ints(strides)]
    let y = try s.graph.add("max_pool2d", [z], size)[0]
    let sources = convolution ? [w, b, gamma, beta] : [image, gamma, beta]
    let gradients = try s.graph.gradients(of: [try s.add("mean", y)], seeds: nil, for: sources)
    let outputs = try gradients.map { try #require($0) } + (reads ? [z] : [])
    return try Plan(s.graph, outputs: outputs, inputTypes: s.types, staged: s.types.map { _ in false }).stepNames
  }

  @Test func normalizationTakesThePoolingBehindIt() throws {
    var s = Sketch()
    let x = try s.input(2, 8, 8, 3)
    let norm = try s.graph.add("batch_norm", [x], ["scale": .bool(false), "center": .bool(false)])
    let y = try s.add("max_pool2d", norm[0], attributes: ["pool_size": .ints([2, 2])])
    #expect(try s.plan(y, norm[1]).stepNames == ["batch_norm+max_pool2d"])
    let average = try s.add("avg_pool2d", norm[0], attributes: ["pool_size": .ints([2, 2])])
    #expect(try s.plan(average).stepNames == ["batch_norm", "avg_pool2d"])

    let plain = try poolingSteps(relu: false, convolution: false)
    #expect(plain.contains("batch_norm+max_pool2d"), "\(plain)")
    #expect(plain.contains("max_pool2d_gradient+batch_norm_gradient"), "\(plain)")
    let rectified = try poolingSteps(relu: true, convolution: false)
    #expect(rectified.contains("batch_norm+relu+max_pool2d"), "\(rectified)")
    #expect(rectified.contains("max_pool2d_gradient+relu_gradient+batch_norm_gradient"), "\(rectified)")
    let whole = try poolingSteps(relu: false, convolution: true)
    let backward = "max_pool2d_gradient+batch_norm_gradient+relu_gradient+bias_gradient"
    #expect(whole.contains(backward), "\(whole)")
    for steps in [
      try poolingSteps(relu: false, convolution: true, strides: [1, 1]),
      try poolingSteps(relu: true, convolution: true, reads: true),
    ] {
      #expect(steps.contains("max_pool2d") && steps.contains("max_pool2d_gradient"), "\(steps)")
    }
  }

  /// Steps of a training graph as `poolingSteps`, of channels-first images.
  private func planeSteps(
    relu: Bool, rectified: Bool = false, size: [Int] = [2, 2], axis: Int = 1, reads: Bool = false
  ) throws -> [String] {
    var s = Sketch()
    let (image, b) = (try s.input(2, 4, 8, 8), try s.input(4))
    let (gamma, beta) = (try s.input(axis == 1 ? 4 : 8), try s.input(axis == 1 ? 4 : 8))
    let spread = try s.add("reshape", b, attributes: ["shape": .ints([4, 1, 1])])
    let x = rectified ? try s.add("relu", s.add("add", image, spread)) : image
    let norm = try s.graph.add("batch_norm", [x, gamma, beta], ["axis": .int(axis)])
    let z = relu ? try s.add("relu", norm[0]) : norm[0]
    let turned = try s.add("transpose", z, attributes: ["axes": .ints([0, 2, 3, 1])])
    let pooled = try s.add("max_pool2d", turned, attributes: ["pool_size": .ints(size)])
    let y = try s.add("transpose", pooled, attributes: ["axes": .ints([0, 3, 1, 2])])
    let dy = try s.input(2, 4, 8 / size[0], 8 / size[1])
    let sources = [image, gamma, beta] + (rectified ? [b] : [])
    let gradients = try s.graph.gradients(of: [y], seeds: [dy], for: sources)
    let outputs = try [y] + gradients.map { try #require($0) } + (reads ? [turned] : [])
    return try Plan(s.graph, outputs: outputs, inputTypes: s.types, staged: s.types.map { _ in false }).stepNames
  }

  @Test func normalizationTakesThePoolingOfChannelsFirstImages() throws {
    #expect(
      try planeSteps(relu: false) == ["batch_norm+max_pool2d", "max_pool2d_gradient+batch_norm_gradient"])
    #expect(
      try planeSteps(relu: true)
        == ["batch_norm+relu+max_pool2d", "max_pool2d_gradient+relu_gradient+batch_norm_gradient"])
    let whole = try planeSteps(relu: false, rectified: true)
    #expect(whole.contains("max_pool2d_gradient+batch_norm_gradient+relu_gradient+bias_gradient"), "\(whole)")
    #expect(!whole.contains("transpose"), "\(whole)")
    for steps in [
      try planeSteps(relu: true, size: [4, 2]), try planeSteps(relu: true, axis: 2),
      try planeSteps(relu: true, reads: true),
    ] {
      #expect(steps.contains("max_pool2d") && steps.contains("max_pool2d_gradient"), "\(steps)")
    }
  }

  /// A value that somebody else reads has to exist.
  @Test func valuesWithOtherReadersAreNotFusedAway() throws {
    var s = Sketch()
    let (x, w, b) = (try s.input(5, 6), try s.input(6, 7), try s.input(7))
    let product = try s.add("matmul", x, w)
    let sum = try s.add("add", product, b)
    let y = try s.add("relu", sum)
    #expect(try s.plan(y, sum).stepNames == ["matmul+bias", "relu"])
    #expect(try s.plan(y, product).stepNames == ["matmul", "add", "relu"])
    let other = try s.add("exp", sum)
    #expect(try s.plan(y, other).stepNames.first == "matmul+bias")
    #expect(try s.plan(y, other).stepNames.count == 3)
  }

  @Test func whatDoesNotFitIsNotFused() throws {
    var s = Sketch()
    let (x, w) = (try s.input(7, 6), try s.input(6, 7))
    let (row, whole, column) = (try s.input(1, 7), try s.input(7, 7), try s.input(7, 1))
    for other in [row, whole, column] {
      #expect(try s.plan(s.add("add", s.add("matmul", x, w), other)).stepNames == ["matmul", "add"])
    }
    let b = try s.input(7)
    // Bias after ReLU, a second bias, another function.
    #expect(try s.plan(s.add("add", s.add("relu", s.add("matmul", x, w)), b)).stepNames == ["matmul+relu", "add"])
    let twice = try s.add("add", s.add("add", s.add("matmul", x, w), b), b)
    #expect(try s.plan(twice).stepNames == ["matmul+bias", "add"])
    #expect(try s.plan(s.add("tanh", s.add("matmul", x, w))).stepNames == ["matmul", "tanh"])
    let square = try s.add("matmul", x, w)
    #expect(try s.plan(s.add("add", square, square)).stepNames == ["matmul", "add"])
  }

  @Test func whatNobodyNeedsIsNotComputed() throws {
    var s = Sketch()
    let x = try s.input(4)
    _ = try s.add("exp", x)
    #expect(try s.plan(s.add("tanh", x)).stepNames == ["tanh"])
  }

  @Test func viewsTakeNoStep() throws {
    var s = Sketch()
    let x = try s.input(2, 3, 4)
    let flat = try s.add("reshape", x, attributes: ["shape": .ints([2, 12])])
    let y = try s.add("exp", s.add("expand_dims", flat, attributes: ["axis": .int(0)]))
    #expect(try s.plan(y).stepNames == ["exp"])
  }

  @Test func labelsAreCheckedFirst() throws {
    var s = Sketch()
    let (x, labels) = (try s.input(4, 5), try s.input(4, dtype: .int32))
    let losses = try s.add("sparse_softmax_cross_entropy", s.add("exp", s.add("tanh", x)), labels)
    #expect(try s.plan(losses).stepNames == ["index_check", "tanh", "exp", "sparse_softmax_cross_entropy"])
  }

  /// Elementwise chains run in place: one buffer, however long the chain.
  @Test func memoryIsReused() throws {
    var s = Sketch()
    // So few rows that they are not computed some at a time.
    let x = try s.input(2, 50_000)
    let bytes = 400_000
    var y = try s.add("exp", x)
    for _ in 0..<20 { y = try s.add("tanh", y) }
    #expect(try s.plan(y).arenaBytes < bytes + 4_096)
    let total = try s.add("sum", y)
    #expect((bytes..<bytes + 4_096).contains(try s.plan(total).arenaBytes))
    // Two branches need two.
    let fork = try s.add("sum", s.add("multiply", s.add("sin", y), s.add("cos", y)))
    #expect((2 * bytes..<2 * bytes + 4_096).contains(try s.plan(fork).arenaBytes))
  }
}

/// Normalization by moving statistics has no step of its own where it can be avoided.
struct InferenceFoldingTests {
  private func steps(
    relu: Bool = false, bias: Bool = false, pool: Bool = false, image: Int = 8, axis: Int = -1, reads: Bool = false
  ) throws -> [String] {
    var s = Sketch()
    let (x, w) = (try s.input(2, image, image, 3), try s.input(3, 3, 3, image - 2))
    var channels: [Value] = []
    for _ in 0..<5 { channels.append(try s.input(image - 2)) }
    let product = try s.add("conv2d", x, w)
    let z = bias ? try s.add("add", product, channels[4]) : product
    let norm = try s.graph.add(
      "batch_norm_inference", [z] + channels.prefix(4), ["axis": .int(axis)])[0]
    var y = relu ? try s.add("relu", norm) : norm
    if pool { y = try s.add("max_pool2d", y, attributes: ["pool_size": .ints([2, 2])]) }
    let outputs = reads ? [y, z] : [y]
    return try Plan(s.graph, outputs: outputs, inputTypes: s.types, staged: s.types.map { _ in false }).stepNames
  }

  @Test func intoTheConvolutionInFront() throws {
    #expect(try steps() == ["batch_norm_folding", "conv2d+bias"])
    #expect(try steps(relu: true) == ["batch_norm_folding", "conv2d+bias+relu"])
    #expect(try steps(relu: true, bias: true) == ["batch_norm_folding", "conv2d+bias+relu"])
    #expect(try steps(relu: true, pool: true) == ["batch_norm_folding", "conv2d+bias+relu", "max_pool2d"])
  }

  /// Another axis, a result that somebody else reads, weights with more rows than the result has pixels.
  @Test func notWhereItWouldBeWrongOrSlower() throws {
    #expect(try steps(axis: 1) == ["conv2d", "batch_norm_inference"])
    #expect(try steps(relu: true, reads: true) == ["conv2d", "batch_norm_inference+relu"])
    #expect(try steps(image: 4) == ["conv2d", "batch_norm_inference"])
    #expect(try steps(relu: true, pool: true, reads: true) == ["conv2d", "batch_norm_inference+relu+max_pool2d"])
  }
}
