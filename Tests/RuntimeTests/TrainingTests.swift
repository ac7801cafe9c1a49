import Graph
import Parallel
import Runtime
import Tensor
import Testing

/// A small network with all that a training step is made of: conv2d + bias + relu, batch_norm, max_pool2d, matmul,
/// cross-entropy, Adam, moving statistics.
private final class Network: @unchecked Sendable {
  let program: Program
  private(set) var variables: [Variable] = []
  let images: [Float]
  let labels: [Int32]
  static let batch = 24

  /// - Parameter joinsUpdates: whether all weights have the same learning rate, not just equal ones.
  init(joinsUpdates: Bool = true) throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float32, [-1, 13, 13, 3]))
    let truth = try graph.input("labels", TensorType(.int32, [-1]))
    var made: [Variable] = []
    func variable(_ name: String, _ shape: [Int], scale: Double = 0.2, offset: Double = 0) throws -> Value {
      let variable = try Variable(name: name, type: TensorType(.float32, Shape(shape)))
      for (index, value) in Reference(shape, seed: UInt64(made.count + 1)).values.enumerated() {
        let value = Float(scale * value + offset)
        variable.pointer.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
      }
      made.append(variable)
      return try graph.variable(variable)
    }
    func add(_ name: String, _ inputs: [Value], _ attributes: [String: AttributeValue] = [:]) throws -> Value {
      try graph.add(name, inputs, attributes)[0]
    }
    let weights = [
      try variable("kernel", [3, 3, 3, 24]), try variable("bias", [24]),
      try variable("gamma", [24], offset: 1), try variable("beta", [24]),
      try variable("dense", [5 * 5 * 24, 7]), try variable("dense_bias", [7]),
    ]
    var h = try add("relu", [add("add", [add("conv2d", [x, weights[0]]), weights[1]])])
    let normalized = try graph.add("batch_norm", [h, weights[2], weights[3]], [:])
    h = try add("max_pool2d", [normalized[0]], ["pool_size": .ints([2, 2]), "strides": .ints([2, 2])])
    h = try add("add", [add("matmul", [add("flatten", [h]), weights[4]]), weights[5]])
    let loss = try add("mean", [add("sparse_softmax_cross_entropy", [h, truth])])
    let gradients = try graph.gradients(of: [loss], seeds: nil, for: weights)
    func constant(_ value: Float) throws -> Value {
      try withUnsafeBytes(of: value) { try graph.constant(TensorType(.float32, []), $0) }
    }
    let (step, momentum) = (try constant(1), try constant(0.9))
    let shared = try variable("rate", [], scale: 0, offset: 0.003)
    let owners = made
    for (index, weight) in weights.enumerated() {
      let rate = joinsUpdates ? shared : try variable("rate", [], scale: 0, offset: 0.003)
      let shape = owners[index].type.shape.dims
      let slots = [try variable("m", shape, scale: 0), try variable("v", shape, scale: 0)]
      let slotOwners = Array(made.suffix(2))
      let gradient = try #require(gradients[index])
      let next = try graph.add("adam", [weight, gradient, slots[0], slots[1], rate, step], [:])
      for (owner, value) in zip([owners[index]] + slotOwners, next) { try graph.assign(owner, value) }
    }
    let moving = try variable("moving_mean", [24], scale: 0)
    let mixed = try add("add", [add("multiply", [moving, momentum]), normalized[1]])
    try graph.assign(made[made.count - 1], mixed)
    program = try Program(graph, outputs: [loss])
    variables = made
    images = Reference([Network.batch, 13, 13, 3], seed: 77).values.map { Float($0) }
    labels = (0..<Network.batch).map { Int32($0 % 7) }
  }

  func step() throws -> Float {
    var (images, labels, loss) = (images, labels, Float.nan)
    try images.withUnsafeMutableBytes { images in
      try labels.withUnsafeMutableBytes { labels in
        try withUnsafeMutableBytes(of: &loss) { loss in
          let buffers = [
            Buffer(pointer: images.baseAddress, type: TensorType(.float32, [Network.batch, 13, 13, 3])),
            Buffer(pointer: labels.baseAddress, type: TensorType(.int32, [Network.batch])),
          ]
          try buffers.withUnsafeBufferPointer { buffers in
            try [loss.baseAddress!].withUnsafeBufferPointer { try program.run(buffers, rows: nil, outputs: $0) }
          }
        }
      }
    }
    return loss
  }

  /// All bits of all variables but learning rates.
  var state: [[UInt8]] {
    variables.filter { $0.name != "rate" }.map { variable in
      (0..<variable.type.byteCount).map { variable.pointer.load(fromByteOffset: $0, as: UInt8.self) }
    }
  }
}

@Suite(.serialized)
struct TrainingTests {
  @Test func resultsAreBitwiseEqualForAnyNumberOfThreads() throws {
    let before = threadCount
    defer { threadCount = before }
    var results: [(losses: [Float], state: [[UInt8]])] = []
    for threads in [1, 2, 4] {
      threadCount = threads
      let network = try Network()
      results.append(((try (0..<8).map { _ in try network.step() }), network.state))
    }
    #expect(results[0].losses[7] < results[0].losses[0])
    for other in results.dropFirst() {
      #expect(other.losses == results[0].losses)
      #expect(other.state == results[0].state)
    }
  }

  /// The steps of the plan, in which what can be fused has been.
  @Test func thePlanIsFused() throws {
    let network = try Network()
    _ = try network.step()
    let steps = network.program.summaries[0].steps.map(\.name)
    #expect(steps.contains { $0.hasPrefix("conv2d+") && $0.contains("relu") }, "\(steps)")
    #expect(!steps.contains("relu"), "\(steps)")
  }

  @Test func updatesInOneStepEqualThoseAlone() throws {
    let (joined, apart) = (try Network(), try Network(joinsUpdates: false))
    for _ in 0..<3 { #expect(try joined.step() == apart.step()) }
    #expect(joined.state == apart.state)
    func updates(_ network: Network) -> [String] {
      network.program.summaries[0].steps.map(\.name).filter { $0.hasPrefix("adam") }
    }
    #expect(updates(joined) == ["adam(6 weights)"])
    #expect(updates(apart) == [String](repeating: "adam", count: 6))
  }

  @Test func runsOfOneProgramFromSeveralThreadsTakeTurns() async throws {
    let alone = try Network()
    for _ in 0..<12 { _ = try alone.step() }
    let shared = try Network()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 { group.addTask { for _ in 0..<3 { _ = try? shared.step() } } }
    }
    #expect(shared.state == alone.state)
  }
}
