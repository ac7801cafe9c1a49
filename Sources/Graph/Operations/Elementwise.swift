import Tensor

/// y = f(x), element by element.
public struct Unary: Operation {
  public enum Kind: String, CaseIterable {
    case negative, abs, sign, square, sqrt, rsqrt, reciprocal, exp, expm1, log, log1p, tanh, sigmoid, relu, softplus
    case silu, mish, gelu, erf, sin, cos, arctan, floor, ceil, round
    /// The one of Hendrycks & Gimpel 2016 (arXiv 1606.08415) by tanh.
    case approximateGelu = "gelu_tanh"
  }

  public let kind: Kind
  public init(kind: Kind) { self.kind = kind }
  public var name: String { kind.rawValue }

  static let factories: [String: OperationFactory] = Dictionary(
    uniqueKeysWithValues: Kind.allCases.map { kind in (kind.rawValue, { _ in Unary(kind: kind) }) })

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, y, dy) = (g.inputs[0], g.outputs[0], g.dy)
    switch kind {
    case .negative: return [try g.negative(dy)]
    case .abs: return [try g.multiply(dy, g.unary(.sign, x))]
    case .sign, .floor, .ceil, .round: return [nil]
    case .square: return [try g.multiply(dy, g.scale(x, 2))]
    case .sqrt: return [try g.divide(g.scale(dy, 0.5), y)]
    case .rsqrt: return [try g.multiply(g.scale(dy, -0.5), g.multiply(y, g.unary(.square, y)))]
    case .reciprocal: return [try g.negative(g.multiply(dy, g.unary(.square, y)))]
    case .exp: return [try g.multiply(dy, y)]
    case .expm1: return [try g.multiply(dy, g.plus(y, g.scalar(1, like: y)))]
    case .log: return [try g.divide(dy, x)]
    case .log1p: return [try g.divide(dy, g.plus(x, g.scalar(1, like: x)))]
    case .tanh: return [try g.add(ActivationGradient(kind: .tanh), dy, y)]
    case .sigmoid: return [try g.add(ActivationGradient(kind: .sigmoid), dy, y)]
    case .relu: return [try g.add(ReluGradient(), dy, y)]
    case .softplus: return [try g.add(ActivationGradient(kind: .softplus), dy, x)]
    case .silu: return [try g.add(ActivationGradient(kind: .silu), dy, x)]
    case .mish: return [try g.add(ActivationGradient(kind: .mish), dy, x)]
    case .gelu: return [try g.add(ActivationGradient(kind: .gelu), dy, x)]
    case .approximateGelu: return [try g.add(ActivationGradient(kind: .approximateGelu), dy, x)]
    case .erf:
      let bell = try g.unary(.exp, g.negative(g.unary(.square, x)))
      return [try g.multiply(dy, g.scale(bell, 1.128_379_167_095_512_6))]
    case .sin: return [try g.multiply(dy, g.unary(.cos, x))]
    case .cos: return [try g.negative(g.multiply(dy, g.unary(.sin, x)))]
    case .arctan: return [try g.divide(dy, g.plus(g.unary(.square, x), g.scalar(1, like: x)))]
    }
  }
}

/// dx = y > 0 ? dy : 0.
public struct ReluGradient: Operation {
  public var name: String { "relu_gradient" }
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[0]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(ReluGradient(), g.dy, g.inputs[1]), nil]
  }
}

/// y = x for x > 0, else slope · x.
public struct LeakyRelu: Operation {
  public let slope: Double
  public var name: String { "leaky_relu" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(LeakyReluGradient(slope: slope), g.dy, g.inputs[0])]
  }
}

/// dx = x > 0 ? dy : slope · dy.
public struct LeakyReluGradient: Operation {
  public let slope: Double
  public var name: String { "leaky_relu_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[0]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(LeakyReluGradient(slope: slope), g.dy, g.inputs[1]), nil]
  }
}

/// y = min(max(x, minimum), maximum).
public struct Clip: Operation {
  public let minimum: Double
  public let maximum: Double
  public var name: String { "clip" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    guard minimum <= maximum else {
      throw Failure.value("clip: minimum \(minimum) is above maximum \(maximum)")
    }
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let x = g.inputs[0]
    let above = try g.add(Comparison(kind: .greaterEqual), x, g.scalar(minimum, like: x))
    let below = try g.add(Comparison(kind: .lessEqual), x, g.scalar(maximum, like: x))
    return [try g.masked(g.add(Logical(kind: .and), above, below), g.dy)]
  }
}

/// The same values, seen as they are (`identity`) or as constants by differentiation (`stop_gradient`).
public struct Identity: Operation {
  public let stopsGradient: Bool
  public var name: String { stopsGradient ? "stop_gradient" : "identity" }
  public var acceptsHalf: Bool { true }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [stopsGradient ? nil : g.dy] }
}

/// Values converted to another dtype; floats to integers toward zero.
public struct Cast: Operation {
  public let dtype: DType
  public init(dtype: DType) { self.dtype = dtype }
  public var name: String { "cast" }
  public var acceptsHalf: Bool { true }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    return [TensorType(dtype, inputs[0].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let source = g.type(g.inputs[0]).dtype
    return [source.isDifferentiable && dtype.isDifferentiable ? try g.add(Cast(dtype: source), g.dy) : nil]
  }
}

/// A tensor of the shape and dtype of its input, filled with one value.
public struct FillLike: Operation {
  public let value: Double
  public init(value: Double) { self.value = value }
  public var name: String { "fill_like" }
  public var shapeOnlyInputs: [Int] { [0] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

let elementwiseFactories: [String: OperationFactory] = [
  "relu_gradient": { _ in ReluGradient() },
  "leaky_relu": { LeakyRelu(slope: try $0.double("negative_slope")) },
  "clip": { Clip(minimum: try $0.double("minimum"), maximum: try $0.double("maximum")) },
  "identity": { _ in Identity(stopsGradient: false) },
  "stop_gradient": { _ in Identity(stopsGradient: true) },
  "cast": { Cast(dtype: try $0.dtype("dtype")) },
  "fill_like": { FillLike(value: try $0.double("value")) },
]
