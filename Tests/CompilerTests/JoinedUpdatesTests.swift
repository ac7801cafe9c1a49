import Compiler
import Graph
import Tensor
import Testing

/// Which updates of weights are made in one step, and what is computed once for them.
struct JoinedUpdatesTests {
  private final class Weight: StateVariable {
    let name = "weight"
    let type: TensorType
    private let storage: Storage
    var pointer: UnsafeMutableRawPointer { storage.pointer }

    init(_ shape: [Int]) throws {
      type = TensorType(.float32, Shape(shape))
      storage = try Storage(byteCount: type.byteCount)
    }
  }

  private let graph = Graph()

  private func add(_ name: String, _ inputs: Value..., attributes: [String: AttributeValue] = [:]) throws -> Value {
    try graph.add(name, inputs, attributes)[0]
  }

  private func constant(_ value: Float) throws -> Value {
    try withUnsafeBytes(of: value) { try graph.constant(TensorType(.float32, []), $0) }
  }

  /// A new weight's next value by gradient descent, assigned to it unless told otherwise.
  @discardableResult
  private func update(
    _ shape: Int..., gradient: Value? = nil, rate: Value? = nil, assigns: Bool = true,
    attributes: [String: AttributeValue] = [:]
  ) throws -> (weight: Weight, next: Value) {
    let weight = try Weight(shape)
    let w = try graph.variable(weight)
    let next = try add("sgd", w, gradient ?? add("negative", w), rate ?? constant(0.5), attributes: attributes)
    if assigns { try graph.assign(weight, next) }
    return (weight, next)
  }

  private func steps(_ outputs: Value...) throws -> [String] {
    try Plan(graph, outputs: outputs, inputTypes: [], staged: []).stepNames
  }

  @Test func oneStepUpdatesAllWeights() throws {
    try update(3, 3)
    try update(300, 300)
    try update()
    #expect(try steps() == ["negative", "negative", "negative", "sgd(3 weights)"])
  }

  @Test func equalScalarsAreComputedOnce() throws {
    let rate = try graph.variable(Weight([]))
    for _ in 0..<3 {
      let decayed = try add("multiply", rate, constant(0.25))
      try update(2, gradient: graph.variable(Weight([2])), rate: add("maximum", decayed, constant(0.5)))
    }
    // Other numbers.
    try update(2, gradient: graph.variable(Weight([2])), rate: add("multiply", rate, constant(0.75)))
    #expect(try steps() == ["multiply", "maximum", "sgd(3 weights)", "multiply", "sgd"])
  }

  @Test func otherRulesHaveOtherSteps() throws {
    let gradient = try graph.variable(Weight([2]))
    try update(2, gradient: gradient)
    try update(2, gradient: gradient, rate: constant(0.25))
    try update(2, gradient: gradient)
    try update(2, gradient: gradient, rate: constant(0.25))
    #expect(try steps() == ["sgd(2 weights)", "sgd(2 weights)"])
  }

  /// As when a part of a model learns from another part's new weights.
  @Test func whatDependsOnAnUpdateIsAnother() throws {
    let gradient = try graph.variable(Weight([2]))
    let first = try update(2, gradient: gradient).next
    try update(2, gradient: add("exp", first))
    try update(2, gradient: gradient)
    try update(2, gradient: add("tanh", first))
    #expect(try steps() == ["sgd(2 weights)", "exp", "tanh", "sgd(2 weights)"])
  }

  @Test func readersOfNewWeightsComeBehind() throws {
    let gradient = try graph.variable(Weight([2]))
    let first = try update(2, gradient: gradient)
    let limited = try add("relu", first.next)
    let old = try add("exp", graph.variable(first.weight))
    try update(2, gradient: old)
    #expect(try steps(limited) == ["exp", "sgd(2 weights)", "relu"])
  }

  /// Large values that are not assigned at once would all have to be kept.
  @Test func largeValuesThatAreReadLaterDoNotWait() throws {
    let gradient = try graph.variable(Weight([100, 100]))
    let other = try graph.variable(Weight([2]))
    var results: [Value] = []
    for _ in 0..<2 {
      results.append(try add("sum", update(100, 100, gradient: gradient, assigns: false).next))
      results.append(try add("sum", update(2, gradient: other, assigns: false).next))
    }
    let plan = try Plan(graph, outputs: results, inputTypes: [], staged: [])
    #expect(plan.stepNames == ["sgd", "sum", "sgd", "sum", "sgd(2 weights)", "sum", "sum"])
    #expect(plan.arenaBytes < 41_000)
  }
}
