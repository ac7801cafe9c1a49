import Tensor

/// dx = dy · f'(x) in one pass, from the output of f for tanh and sigmoid, from its input for the others.
public struct ActivationGradient: Operation {
  public enum Kind: String, CaseIterable, Sendable {
    case tanh, sigmoid, softplus, silu, mish, gelu
    case approximateGelu = "gelu_tanh"
  }

  public let kind: Kind
  public init(kind: Kind) { self.kind = kind }
  public var name: String { "\(kind.rawValue)_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[0]]
  }

  /// Second order: the slope, in elementary operations, is differentiated.
  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (dy, saved, dz) = (g.inputs[0], g.inputs[1], g.dy)
    let toGradient = g.needed[0] ? try g.add(self, dz, saved) : nil
    guard g.needed[1] else { return [toGradient, nil] }
    // A copy, so that its gradient is that of the slope alone.
    let leaf = try g.add(Identity(stopsGradient: false), saved)
    let toSaved = try g.graph.gradients(of: [slope(g, leaf)], seeds: [g.multiply(dz, dy)], for: [leaf])
    return [toGradient, toSaved[0]]
  }

  private func slope(_ g: GradientBuilder, _ v: Value) throws -> Value {
    func scalar(_ number: Double) throws -> Value { try g.scalar(number, like: v) }
    func oneMinus(_ a: Value) throws -> Value { try g.minus(scalar(1), a) }
    func half(onePlus a: Value) throws -> Value { try g.scale(g.plus(a, scalar(1)), 0.5) }
    switch kind {
    case .tanh: return try oneMinus(g.unary(.square, v))
    case .sigmoid: return try g.multiply(v, oneMinus(v))
    case .softplus: return try g.unary(.sigmoid, v)
    case .silu:
      let s = try g.unary(.sigmoid, v)
      return try g.multiply(s, g.plus(g.multiply(v, oneMinus(s)), scalar(1)))
    case .mish:
      let t = try g.unary(.tanh, g.unary(.softplus, v))
      let rest = try g.multiply(g.unary(.sigmoid, v), oneMinus(g.unary(.square, t)))
      return try g.plus(t, g.multiply(v, rest))
    case .gelu:
      // Φ(x) + x·φ(x)
      let bell = try g.scale(g.unary(.exp, g.scale(g.unary(.square, v), -0.5)), 0.398_942_280_401_432_7)
      let whole = try half(onePlus: g.unary(.erf, g.scale(v, 0.5.squareRoot())))
      return try g.plus(whole, g.multiply(v, bell))
    case .approximateGelu:
      // (1 + t)/2 + x·(1 - t²)·u'/2 with t = tanh(u), u = √(2/π)·(x + 0.044715·x³)
      let (root, cubic) = (0.797_884_560_802_865_4, 0.044715)
      let square = try g.unary(.square, v)
      let u = try g.scale(g.multiply(v, g.plus(g.scale(square, cubic), scalar(1))), root)
      let t = try g.unary(.tanh, u)
      let du = try g.scale(g.plus(g.scale(square, 3 * cubic), scalar(1)), 0.5 * root)
      return try g.plus(half(onePlus: t), g.multiply(v, g.multiply(oneMinus(g.unary(.square, t)), du)))
    }
  }
}
