import Tensor

/// Random numbers from a counter-based generator: the same state (seed, counter) gives the same numbers, on any number
/// of threads. Whoever uses a state advances it.
public struct RandomFill: Operation {
  public enum Distribution: Hashable, Sendable {
    case uniform(low: Double, high: Double)
    case normal(mean: Double, deviation: Double)
    /// Normal, redrawn beyond two standard deviations.
    case truncatedNormal(mean: Double, deviation: Double)
    /// A shuffled 0..<n.
    case permutation
  }

  public let distribution: Distribution
  public let type: TensorType

  public var name: String {
    switch distribution {
    case .uniform: "random_uniform"
    case .normal: "random_normal"
    case .truncatedNormal: "truncated_normal"
    case .permutation: "random_permutation"
    }
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectState(inputs[0])
    try type.shape.validate(name)
    guard distribution == .permutation || type.dtype.isFloat else {
      throw Failure.type("\(name): dtype is \(type.dtype), expected float32 or float64")
    }
    return [type]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

extension Operation {
  func expectState(_ type: TensorType) throws {
    guard type == TensorType(.uint32, [2]) else {
      throw Failure.value("\(name): state is \(type), expected uint32(2,) = (seed, counter)")
    }
  }
}

/// (y, mask): each element kept with probability 1 - rate and then divided by it, else 0.
public struct Dropout: Operation {
  public let rate: Double
  public var name: String { "dropout" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    try expectFloat(inputs[0], "x")
    try expectState(inputs[1])
    guard rate >= 0, rate < 1 else {
      throw Failure.value("dropout: rate is \(rate), expected 0 <= rate < 1")
    }
    return [inputs[0], TensorType(.bool, inputs[0].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(DropoutGradient(rate: rate), g.dy, g.outputs[1]), nil]
  }
}

/// dx = mask ? dy / (1 - rate) : 0.
public struct DropoutGradient: Operation {
  public let rate: Double
  public var name: String { "dropout_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[0]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(DropoutGradient(rate: rate), g.dy, g.inputs[1]), nil]
  }
}

let randomFactories: [String: OperationFactory] = [
  "random_uniform": {
    RandomFill(
      distribution: .uniform(low: try $0.double("minimum", default: 0), high: try $0.double("maximum", default: 1)),
      type: TensorType(try $0.dtype("dtype"), Shape(try $0.ints("shape"))))
  },
  "random_normal": {
    RandomFill(
      distribution: .normal(mean: try $0.double("mean", default: 0), deviation: try $0.double("std", default: 1)),
      type: TensorType(try $0.dtype("dtype"), Shape(try $0.ints("shape"))))
  },
  "truncated_normal": {
    RandomFill(
      distribution: .truncatedNormal(
        mean: try $0.double("mean", default: 0), deviation: try $0.double("std", default: 1)),
      type: TensorType(try $0.dtype("dtype"), Shape(try $0.ints("shape"))))
  },
  "random_permutation": {
    RandomFill(distribution: .permutation, type: TensorType(.int64, [try $0.int("n")]))
  },
  "dropout": { Dropout(rate: try $0.double("rate")) },
]
