import Tensor

/// One step of an optimizer on one weight, as Keras 3 defines it. Outputs are new values of the weight and its slots.
public struct OptimizerStep: Operation {
  public enum Rule: Hashable, Sendable {
    /// inputs w, g, lr [, velocity]
    case sgd(momentum: Double, nesterov: Bool)
    /// inputs w, g, m, v, lr, step [, v̂]; `weightDecay` shrinks w by lr·weightDecay first
    case adam(beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, amsgrad: Bool)
    /// inputs w, g, velocity, lr [, momentum] [, average gradient]
    case rmsprop(rho: Double, momentum: Double, epsilon: Double, centered: Bool)
  }

  public let rule: Rule

  public var name: String {
    switch rule {
    case .sgd: "sgd"
    case .adam: "adam"
    case .rmsprop: "rmsprop"
    }
  }

  /// Inputs that have the weight's shape: w, g and the slots.
  public var tensorInputs: [Int] {
    switch rule {
    case .sgd(let momentum, _): momentum != 0 ? [0, 1, 3] : [0, 1]
    case .adam(_, _, _, _, let amsgrad): amsgrad ? [0, 1, 2, 3, 6] : [0, 1, 2, 3]
    case .rmsprop(_, let momentum, _, let centered):
      [0, 1, 2] + Array(4..<(4 + (momentum > 0 ? 1 : 0) + (centered ? 1 : 0)))
    }
  }

  public var scalarInputs: [Int] {
    switch rule {
    case .sgd: [2]
    case .adam: [4, 5]
    case .rmsprop: [3]
    }
  }

  /// For each output the input whose new value it is.
  public var updatedInputs: [Int] { tensorInputs.filter { $0 != 1 } }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: tensorInputs.count + scalarInputs.count)
    let w = inputs[0]
    try expectFloat(w, "w")
    for index in tensorInputs {
      guard inputs[index].dtype == w.dtype, inputs[index].shape.isCompatible(with: w.shape) else {
        throw Failure.value("\(name): input \(index) is \(inputs[index]), expected \(w) as the weight is")
      }
    }
    for index in scalarInputs {
      guard inputs[index] == TensorType(w.dtype, []) else {
        throw Failure.value("\(name): input \(index) is \(inputs[index]), expected a scalar of dtype \(w.dtype)")
      }
    }
    return updatedInputs.map { _ in w }
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { g.inputs.map { _ in nil } }
}

let optimizerFactories: [String: OperationFactory] = [
  "sgd": {
    OptimizerStep(
      rule: .sgd(momentum: try $0.double("momentum", default: 0), nesterov: try $0.bool("nesterov", default: false)))
  },
  "adam": {
    OptimizerStep(
      rule: .adam(
        beta1: try $0.double("beta_1", default: 0.9), beta2: try $0.double("beta_2", default: 0.999),
        epsilon: try $0.double("epsilon", default: 1e-7), weightDecay: try $0.double("weight_decay", default: 0),
        amsgrad: try $0.bool("amsgrad", default: false)))
  },
  "rmsprop": {
    OptimizerStep(
      rule: .rmsprop(
        rho: try $0.double("rho", default: 0.9), momentum: try $0.double("momentum", default: 0),
        epsilon: try $0.double("epsilon", default: 1e-7), centered: try $0.bool("centered", default: false)))
  },
]
