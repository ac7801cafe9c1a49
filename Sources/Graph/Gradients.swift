import Tensor

extension Graph {
  /// Adds the operations that compute d(sum of targets · seeds)/d(source) by reverse-mode differentiation.
  ///
  /// `seeds` default to ones. A source that no target depends on gets nil. Rules are given recomputed values of regions.
  public func gradients(of targets: [Value], seeds: [Value]?, for sources: [Value]) throws -> [Value?] {
    if let seeds, seeds.count != targets.count {
      throw Failure.value("gradients: got \(seeds.count) seeds, expected \(targets.count), one per target")
    }
    for source in sources {
      let type = try self.type(of: source)
      guard type.dtype.isDifferentiable else {
        throw Failure.type("gradients: source has dtype \(type.dtype), expected float32 or float64")
      }
    }
    // What depends on a source needs a gradient; nothing else is visited.
    var needed = [Bool](repeating: false, count: types.count)
    let copies = copies(of: sources)
    for value in sources + copies.joined() { needed[value.index] = true }
    let forward = nodes
    for node in forward where node.inputs.contains(where: { needed[$0.index] }) {
      for output in node.outputs where types[output.index].dtype.isDifferentiable { needed[output.index] = true }
    }

    var adjoints: [Int: Value] = [:]
    for (index, target) in targets.enumerated() {
      let type = try self.type(of: target)
      guard type.dtype.isFloat else {
        throw Failure.type("gradients: target has dtype \(type.dtype), expected float32 or float64")
      }
      let seed = try seeds?[index] ?? add(FillLike(value: 1), [target])[0]
      let seedType = try self.type(of: seed)
      guard seedType.dtype == type.dtype, seedType.shape.isCompatible(with: type.shape) else {
        throw Failure.value("gradients: seed is \(seedType), expected \(type) as its target is")
      }
      try accumulate(seed, into: target, &adjoints)
    }
    var walk = RegionWalk(self)
    for (position, node) in forward.enumerated().reversed() {
      let outputGradients = node.outputs.map { adjoints[$0.index] }
      guard outputGradients.contains(where: { $0 != nil }),
        node.inputs.contains(where: { needed[$0.index] })
      else { continue }
      try walk.enter(position)
      var builder = GradientBuilder(
        graph: self, inputs: node.inputs.map(walk.value), outputs: node.outputs.map(walk.value),
        outputGradients: outputGradients,
        needed: node.inputs.map { needed[$0.index] })
      let inputGradients = try node.operation.gradient(&builder)
      for (input, gradient) in zip(node.inputs, inputGradients) where needed[input.index] {
        if let gradient { try accumulate(gradient, into: input, &adjoints) }
      }
    }
    for (source, copies) in zip(sources, copies) {
      for case let gradient? in copies.map({ adjoints[$0.index] }) { try accumulate(gradient, into: source, &adjoints) }
    }
    return sources.map { adjoints[$0.index] }
  }

  private func accumulate(_ gradient: Value, into value: Value, _ adjoints: inout [Int: Value]) throws {
    guard let sum = adjoints[value.index] else { return adjoints[value.index] = gradient }
    let dtype = types[value.index].dtype
    if dtype.isHalf {
      let parts = try [sum, gradient].map { try add(Cast(dtype: .float32), [$0])[0] }
      adjoints[value.index] = try add(Cast(dtype: dtype), add(Binary(kind: .add), parts))[0]
    } else {
      adjoints[value.index] = try add(Binary(kind: .add), [sum, gradient])[0]
    }
  }
}

/// What a gradient rule sees of its operation, and short forms for what it adds to the graph.
public struct GradientBuilder {
  public let graph: Graph
  public let inputs: [Value]
  public let outputs: [Value]
  public let outputGradients: [Value?]
  /// Which inputs' gradients are wanted.
  public let needed: [Bool]

  /// Gradient of the first output; rules of single-output operations run only when it exists.
  var dy: Value { outputGradients[0]! }

  func type(_ value: Value) -> TensorType { graph.types[value.index] }

  func add(_ operation: any Operation, _ inputs: Value...) throws -> Value {
    try graph.add(operation, inputs)[0]
  }

  func unary(_ kind: Unary.Kind, _ x: Value) throws -> Value { try add(Unary(kind: kind), x) }
  func binary(_ kind: Binary.Kind, _ a: Value, _ b: Value) throws -> Value { try add(Binary(kind: kind), a, b) }
  func multiply(_ a: Value, _ b: Value) throws -> Value { try binary(.multiply, a, b) }
  func plus(_ a: Value, _ b: Value) throws -> Value { try binary(.add, a, b) }
  func minus(_ a: Value, _ b: Value) throws -> Value { try binary(.subtract, a, b) }
  func divide(_ a: Value, _ b: Value) throws -> Value { try binary(.divide, a, b) }
  func negative(_ a: Value) throws -> Value { try unary(.negative, a) }

  /// A scalar constant of the dtype of `value`.
  func scalar(_ number: Double, like value: Value) throws -> Value {
    let type = TensorType(type(value).dtype, [])
    if type.dtype == .float64 {
      return try withUnsafeBytes(of: number) { try graph.constant(type, $0) }
    }
    return try withUnsafeBytes(of: Float(number)) { try graph.constant(type, $0) }
  }

  func scale(_ a: Value, _ number: Double) throws -> Value { try multiply(a, scalar(number, like: a)) }
  func zeros(like value: Value) throws -> Value { try add(FillLike(value: 0), value) }

  /// Sums a gradient over the axes along which `value` was broadcast.
  func sum(_ gradient: Value, to value: Value) throws -> Value {
    let (from, to) = (type(gradient).shape, type(value).shape)
    return from == to && to.isKnown ? gradient : try add(SumTo(), gradient, value)
  }

  /// `mask ? a : 0` where the mask is boolean.
  func masked(_ mask: Value, _ a: Value) throws -> Value {
    try add(Where(), mask, a, scalar(0, like: a))
  }
}
