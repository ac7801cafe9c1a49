import Tensor

/// What forward and backward batch normalization share: the channel axis, ε, and which of γ and β there are.
public struct BatchNormAttributes: Hashable, Sendable {
  public let axis: Int
  public let epsilon: Double
  public let scale: Bool
  public let center: Bool
  /// Samples that are normalized together, by statistics of their own; 0: the whole batch. The last group may be smaller.
  public var groupSize = 0

  init(_ reader: inout AttributeReader) throws {
    axis = try reader.int("axis", default: -1)
    epsilon = try reader.double("epsilon", default: 1e-3)
    scale = try reader.bool("scale", default: true)
    center = try reader.bool("center", default: true)
    guard epsilon > 0, epsilon.isFinite else {
      throw Failure.value("\(reader.operation): epsilon is \(epsilon), expected a finite number > 0")
    }
  }

  /// Position of γ and β among the inputs, after `x`.
  public var gammaIndex: Int? { scale ? 1 : nil }
  public var betaIndex: Int? { center ? (scale ? 2 : 1) : nil }
  public var parameterCount: Int { (scale ? 1 : 0) + (center ? 1 : 0) }

  /// Number of channels of x, after checking that every (C,) input has that many.
  func channels(_ inputs: [TensorType], parameters names: [String], _ name: String) throws -> Int {
    let x = inputs[0]
    guard x.dtype.isFloat else {
      throw Failure.type("\(name): x has dtype \(x.dtype), expected float32 or float64")
    }
    guard x.shape.rank >= 2 else {
      throw Failure.value("\(name): x has shape \(x.shape), expected rank >= 2")
    }
    let channels = x.shape[try normalizeAxis(axis, rank: x.shape.rank, name)]
    for (parameter, type) in zip(names, inputs.dropFirst()) {
      guard type.dtype == x.dtype else {
        throw Failure.type("\(name): \(parameter) has dtype \(type.dtype), expected \(x.dtype) as x has")
      }
      guard type.shape.isCompatible(with: [channels]) else {
        throw Failure.value(
          "\(name): \(parameter) has shape \(type.shape), expected (C,) = (\(channels),) for x of shape \(x.shape)"
            + " and axis \(axis)")
      }
    }
    return channels
  }

  /// Number of groups that a batch is cut into, nil without groups.
  public func groups(of x: Shape, _ name: String) throws -> Int? {
    if groupSize == 0 { return nil }
    guard groupSize > 0 else { throw Failure.value("\(name): group_size is \(groupSize), expected 1 or more") }
    guard try normalizeAxis(axis, rank: x.rank, name) > 0 else {
      throw Failure.value("\(name): group_size needs samples on axis 0, but axis is \(axis)")
    }
    return x[0] == Shape.unknown ? Shape.unknown : x[0] == 0 ? 0 : (x[0] - 1) / groupSize + 1
  }

  var parameterNames: [String] { (scale ? ["gamma"] : []) + (center ? ["beta"] : []) }
}

/// y = γ·(x - μ)/√(σ² + ε) + β with the batch's own mean μ and biased variance σ² per channel.
///
/// Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithm 1. Inputs x, then γ and β where present; outputs y, μ, σ²,
/// 1/√(σ² + ε), the last three of shape (C,), or (groups, C) with `group_size`: ghost batch normalization, Hoffer et
/// al. 2017 (arXiv 1705.08741).
public struct BatchNorm: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1 + attributes.parameterCount)
    let channels = try attributes.channels(inputs, parameters: attributes.parameterNames, name)
    let groups = try attributes.groups(of: inputs[0].shape, name)
    let statistics = TensorType(inputs[0].dtype, Shape((groups.map { [$0] } ?? []) + [channels]))
    return [inputs[0], statistics, statistics, statistics]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let x = g.inputs[0]
    let (mean, inverse) = (g.outputs[1], g.outputs[3])
    var dx: Value?
    var result = [Value?](repeating: nil, count: g.inputs.count)
    if let dy = g.outputGradients[0] {
      let gamma = attributes.gammaIndex.map { [g.inputs[$0]] } ?? []
      let all = try g.graph.add(BatchNormGradient(attributes: attributes), [dy, x, mean, inverse] + gamma)
      dx = all[0]
      if let index = attributes.gammaIndex { result[index] = all[1] }
      if let index = attributes.betaIndex { result[index] = all[2] }
    }
    if attributes.groupSize > 0 {
      guard g.outputGradients.dropFirst().allSatisfy({ $0 == nil }) else {
        throw Failure.value("batch_norm: statistics of groups have no gradient, use stop_gradient")
      }
      result[0] = dx
      return result
    }
    // Gradients that reach the statistics themselves; d(1/σ)/dσ² = -1/(2σ³).
    var toVariance = g.outputGradients[2]
    if let d = g.outputGradients[3] {
      let cube = try g.multiply(inverse, g.unary(.square, inverse))
      let part = try g.multiply(g.scale(d, -0.5), cube)
      toVariance = try toVariance.map { try g.plus($0, part) } ?? part
    }
    let toStatistics = try momentsGradient(
      g, x, mean, toMean: g.outputGradients[1], toVariance: toVariance, axis: attributes.axis)
    result[0] = try dx.map { dx in try toStatistics.map { try g.plus(dx, $0) } ?? dx } ?? toStatistics
    return result
  }
}

/// Mean and biased variance (C,) per channel of x, by the same sums as batch normalization.
public struct Moments: Operation {
  public let axis: Int
  public var name: String { "moments" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    let shape = inputs[0].shape
    let channels = TensorType(inputs[0].dtype, [shape[try normalizeAxis(axis, rank: shape.rank, name)]])
    return [channels, channels]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [
      try momentsGradient(
        g, g.inputs[0], g.outputs[0], toMean: g.outputGradients[0], toVariance: g.outputGradients[1], axis: axis)
    ]
  }
}

/// dμ/dx = 1/m and dσ²/dx = 2(x - μ)/m, with m values per channel.
private func momentsGradient(
  _ g: GradientBuilder, _ x: Value, _ mean: Value, toMean: Value?, toVariance: Value?, axis: Int
) throws -> Value? {
  let rank = g.type(x).shape.rank
  let channel = try normalizeAxis(axis, rank: rank, "moments")
  let axes = ReducedAxes(axes: (0..<rank).filter { $0 != channel }, keepsDims: false)
  guard let toVariance else { return try toMean.map { try g.add(ExpandTo(axes: axes, divides: true), $0, x) } }
  // (C,) values broadcast against x: tensors as large as x would have to be written and read.
  func spread(_ value: Value) throws -> Value {
    try g.add(Reshape(.shape((0..<rank).map { $0 == channel ? -1 : 1 })), value)
  }
  let count = try g.add(ExtentProduct(axes: axes, dtype: g.type(x).dtype), x)
  let slope = try g.divide(g.scale(toVariance, 2), count)
  let dx = try g.multiply(g.minus(x, spread(mean)), spread(slope))
  return try toMean.map { try g.plus(dx, spread(g.divide($0, count))) } ?? dx
}

/// (dx, dγ, dβ) from (dy, x, μ, 1/σ, and γ where present); dγ and dβ are computed whether or not γ and β exist.
public struct BatchNormGradient: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: attributes.scale ? 5 : 4)
    let channels = TensorType(inputs[1].dtype, [inputs[2].shape.dims.last ?? 0])
    return [inputs[1], channels, channels]
  }

  /// Second order: the formula of the first, in elementary operations, is differentiated.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    guard attributes.groupSize == 0 else { throw Failure.value("batch_norm: no second-order gradient with group_size") }
    return try secondOrder(&g, axis: attributes.axis, scale: attributes.scale) { g, leaves, expand, sum in
      let (dy, x, mean, inverse) = (leaves[0], leaves[1], leaves[2], leaves[3])
      let deviation = try g.multiply(g.minus(x, expand(mean, false)), expand(inverse, false))
      let (dgamma, dbeta) = (try sum(g.multiply(dy, deviation)), try sum(dy))
      let spread = try g.plus(expand(dbeta, true), g.multiply(deviation, expand(dgamma, true)))
      let factor = try leaves.count > 4 ? g.multiply(leaves[4], inverse) : inverse
      return [try g.multiply(expand(factor, false), g.minus(dy, spread)), dgamma, dbeta]
    }
  }
}

/// Gradients of a rule (dy, x, statistics …) → (dx, dγ, dβ) that `formula` writes in elementary operations. It gets copies
/// of the inputs, so that the gradient of each is partial; `expand(v, divides)` spreads (C,) over x's shape, divided by
/// the number of values per channel if `divides`; `sum` adds up all axes but the channels'.
private func secondOrder(
  _ g: inout GradientBuilder, axis: Int, scale: Bool,
  _ formula: (inout GradientBuilder, [Value], (Value, Bool) throws -> Value, (Value) throws -> Value) throws -> [Value]
) throws -> [Value?] {
  let builder = g
  let rank = g.type(g.inputs[1]).shape.rank
  let channel = try normalizeAxis(axis, rank: rank, "batch_norm")
  let axes = (0..<rank).filter { $0 != channel }
  let leaves = try g.inputs.map { try builder.add(Identity(stopsGradient: false), $0) }
  let results = try formula(
    &g, leaves,
    { try builder.add(ExpandTo(axes: ReducedAxes(axes: axes, keepsDims: false), divides: $1), $0, leaves[1]) },
    { try builder.add(Reduction(kind: .sum, axes: axes, keepsDims: false), $0) })
  let wanted = results.indices.filter { g.outputGradients[$0] != nil }
  return try g.graph.gradients(
    of: wanted.map { results[$0] }, seeds: wanted.compactMap { g.outputGradients[$0] }, for: leaves)
}

/// y = γ·(x - moving mean)/√(moving variance + ε) + β.
public struct BatchNormInference: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm_inference" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3 + attributes.parameterCount)
    _ = try attributes.channels(
      inputs, parameters: attributes.parameterNames + ["moving_mean", "moving_variance"], name)
    return [inputs[0]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    var result = [Value?](repeating: nil, count: g.inputs.count)
    let statistics = Array(g.inputs.suffix(2))
    let gamma = attributes.gammaIndex.map { [g.inputs[$0]] } ?? []
    let all = try g.graph.add(
      BatchNormInferenceGradient(attributes: attributes), [g.dy, g.inputs[0]] + statistics + gamma)
    result[0] = all[0]
    if let index = attributes.gammaIndex { result[index] = all[1] }
    if let index = attributes.betaIndex { result[index] = all[2] }
    // dμ = -γ/σ·Σdy and dσ² = -γ/(2σ²)·Σdy·x̂, for statistics that were computed from data.
    let (toMean, toVariance) = (g.inputs.count - 2, g.inputs.count - 1)
    guard g.needed[toMean] || g.needed[toVariance] else { return result }
    let epsilon = try g.scalar(attributes.epsilon, like: statistics[1])
    let inverse = try g.unary(.rsqrt, g.plus(statistics[1], epsilon))
    let factor = try gamma.first.map { try g.multiply($0, inverse) } ?? inverse
    result[toMean] = try g.negative(g.multiply(factor, all[2]))
    result[toVariance] = try g.scale(g.multiply(g.multiply(factor, inverse), all[1]), -0.5)
    return result
  }
}

/// (dx, dγ, dβ) from (dy, x, mean, variance, and γ where present); what dx has from the statistics is not in it.
public struct BatchNormInferenceGradient: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm_inference_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: attributes.scale ? 5 : 4)
    return [inputs[1], inputs[2], inputs[2]]
  }

  /// Second order, of all inputs.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let epsilon = attributes.epsilon
    return try secondOrder(&g, axis: attributes.axis, scale: attributes.scale) { g, leaves, expand, sum in
      let (dy, x, mean, variance) = (leaves[0], leaves[1], leaves[2], leaves[3])
      let inverse = try g.unary(.rsqrt, g.plus(variance, g.scalar(epsilon, like: variance)))
      let deviation = try g.multiply(g.minus(x, expand(mean, false)), expand(inverse, false))
      let factor = try leaves.count > 4 ? g.multiply(leaves[4], inverse) : inverse
      return [try g.multiply(expand(factor, false), dy), try sum(g.multiply(dy, deviation)), try sum(dy)]
    }
  }
}

let normalizationFactories: [String: OperationFactory] = [
  "moments": { Moments(axis: try $0.int("axis", default: -1)) },
  "batch_norm": {
    var attributes = try BatchNormAttributes(&$0)
    attributes.groupSize = try $0.int("group_size", default: 0)
    return BatchNorm(attributes: attributes)
  },
  "batch_norm_inference": { BatchNormInference(attributes: try BatchNormAttributes(&$0)) },
]
