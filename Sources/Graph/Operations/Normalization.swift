import Tensor

/// What forward and backward batch normalization share: the channel axis, ε, and which of γ and β there are.
public struct BatchNormAttributes: Hashable, Sendable {
  public let axis: Int
  public let epsilon: Double
  public let scale: Bool
  public let center: Bool

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

  var parameterNames: [String] { (scale ? ["gamma"] : []) + (center ? ["beta"] : []) }
}

/// y = γ·(x - μ)/√(σ² + ε) + β with the batch's own mean μ and biased variance σ² per channel.
///
/// Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithm 1. Inputs x, then γ and β where present; outputs y, μ, σ²,
/// 1/√(σ² + ε), the last three of shape (C,).
public struct BatchNorm: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1 + attributes.parameterCount)
    let channels = try attributes.channels(inputs, parameters: attributes.parameterNames, name)
    let statistics = TensorType(inputs[0].dtype, [channels])
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
    // Gradients that reach the statistics themselves: dμ/dx = 1/m, dσ²/dx = 2(x - μ)/m, d(1/σ)/dσ² = -1/(2σ³).
    var toVariance = g.outputGradients[2]
    if let d = g.outputGradients[3] {
      let cube = try g.multiply(inverse, g.unary(.square, inverse))
      let part = try g.multiply(g.scale(d, -0.5), cube)
      toVariance = try toVariance.map { try g.plus($0, part) } ?? part
    }
    let rank = g.type(x).shape.rank
    let channel = try normalizeAxis(attributes.axis, rank: rank, name)
    let expand = ExpandTo(axes: ReducedAxes(axes: (0..<rank).filter { $0 != channel }, keepsDims: false), divides: true)
    if let d = g.outputGradients[1] {
      let part = try g.add(expand, d, x)
      dx = try dx.map { try g.plus($0, part) } ?? part
    }
    if let d = toVariance {
      let spread = ExpandTo(axes: expand.axes, divides: false)
      let part = try g.multiply(g.add(expand, g.scale(d, 2), x), g.minus(x, g.add(spread, mean, x)))
      dx = try dx.map { try g.plus($0, part) } ?? part
    }
    result[0] = dx
    return result
  }
}

/// (dx, dγ, dβ) from (dy, x, μ, 1/σ, and γ where present); dγ and dβ are computed whether or not γ and β exist.
public struct BatchNormGradient: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: attributes.scale ? 5 : 4)
    return [inputs[1], inputs[2], inputs[2]]
  }
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
    return result
  }
}

/// (dx, dγ, dβ) from (dy, x, moving mean, moving variance, and γ where present); the statistics are constants.
public struct BatchNormInferenceGradient: Operation {
  public let attributes: BatchNormAttributes
  public var name: String { "batch_norm_inference_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: attributes.scale ? 5 : 4)
    return [inputs[1], inputs[2], inputs[2]]
  }
}

let normalizationFactories: [String: OperationFactory] = [
  "batch_norm": { BatchNorm(attributes: try BatchNormAttributes(&$0)) },
  "batch_norm_inference": { BatchNormInference(attributes: try BatchNormAttributes(&$0)) },
]
