import Graph
import Kernels
import Tensor

extension Unary: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, operation) = (c.x, c.y, kernel)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { Kernels.unary(operation, $0.read(x, as: T.self), $0.write(y, as: T.self), x.count) }
    }
    return try c.forFloat(x) { make($0) }
  }

  private var kernel: UnaryOperation {
    switch kind {
    case .negative: .negative
    case .abs: .abs
    case .sign: .sign
    case .square: .square
    case .sqrt: .sqrt
    case .rsqrt: .rsqrt
    case .reciprocal: .reciprocal
    case .exp: .exp
    case .expm1: .expm1
    case .log: .log
    case .log1p: .log1p
    case .tanh: .tanh
    case .sigmoid: .sigmoid
    case .relu: .relu
    case .softplus: .softplus
    case .silu: .silu
    case .mish: .mish
    case .gelu: .gelu
    case .approximateGelu: .approximateGelu
    case .erf: .erf
    case .sin: .sin
    case .cos: .cos
    case .arctan: .arctan
    case .floor: .floor
    case .ceil: .ceil
    case .round: .round
    }
  }
}

extension ReluGradient: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, y, dx) = (c.inputs[0], c.inputs[1], c.y)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { reluBackward($0.read(dy, as: T.self), $0.read(y), $0.write(dx), dy.count) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension ActivationGradient: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    [(0, 0), (1, 0)]
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, saved, dx, activation) = (c.inputs[0], c.inputs[1], c.y, kernel)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { activationBackward(activation, $0.read(dy, as: T.self), $0.read(saved), $0.write(dx), dy.count) }
    }
    return try c.forFloat(dy) { make($0) }
  }

  private var kernel: ActivationWithGradient {
    switch kind {
    case .tanh: .tanh
    case .sigmoid: .sigmoid
    case .softplus: .softplus
    case .silu: .silu
    case .mish: .mish
    case .gelu: .gelu
    case .approximateGelu: .approximateGelu
    }
  }
}

extension LeakyRelu: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, slope) = (c.x, c.y, slope)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { leakyRelu($0.read(x, as: T.self), $0.write(y), x.count, slope: T(slope)) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension LeakyReluGradient: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, dx, slope) = (c.inputs[0], c.inputs[1], c.y, slope)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { leakyReluBackward($0.read(dy, as: T.self), $0.read(x), $0.write(dx), dy.count, slope: T(slope)) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension Clip: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, minimum, maximum) = (c.x, c.y, minimum, maximum)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { clip($0.read(x, as: T.self), $0.write(y), x.count, low: T(minimum), high: T(maximum)) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension Identity: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { true }
  func lower(_ c: Lowering) throws -> Step { { _ in } }
}

extension Materialize {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let bytes = y.type.byteCount
    return { $0.raw(y).copyMemory(from: $0.raw(x), byteCount: bytes) }
  }
}

extension FillLike: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (y, value) = (c.y, value)
    func make<T: KernelScalar>(_ t: T.Type) -> Step { { fill($0.write(y, as: T.self), y.count, T(value)) } }
    guard y.type.dtype.isFloat else {
      guard value == 0 else { throw Failure.type("fill_like: dtype \(y.type.dtype) can be filled with 0 only") }
      let bytes = y.type.byteCount
      return { $0.raw(y).initializeMemory(as: UInt8.self, repeating: 0, count: bytes) }
    }
    return try c.forFloat(y) { make($0) }
  }
}

extension Cast: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { inputs[0].dtype == outputs[0].dtype }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let (source, target) = (x.type.dtype, y.type.dtype)
    return { convert($0.raw(x), source, $0.raw(y), target, x.count) }
  }
}
