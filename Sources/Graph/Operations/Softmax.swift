import Tensor

/// y = exp(x) / sum(exp(x)) along an axis, or its logarithm.
public struct Softmax: Operation {
  public let isLogarithm: Bool
  public let axis: Int
  public var name: String { isLogarithm ? "log_softmax" : "softmax" }

  public init(isLogarithm: Bool = false, axis: Int = -1) {
    self.isLogarithm = isLogarithm
    self.axis = axis
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    _ = try normalizeAxis(axis, rank: inputs[0].shape.rank, name)
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (y, dy) = (g.outputs[0], g.dy)
    guard isLogarithm else { return [try g.add(SoftmaxGradient(axis: axis), dy, y)] }
    let total = try g.add(Reduction(kind: .sum, axes: [axis], keepsDims: true), dy)
    return [try g.minus(dy, g.multiply(g.unary(.exp, y), total))]
  }
}

/// dx = y · (dy - sum(dy · y)) along the axis.
public struct SoftmaxGradient: Operation {
  public let axis: Int
  public var name: String { "softmax_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[0]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (dy, y, h) = (g.inputs[0], g.inputs[1], g.dy)
    func total(_ x: Value) throws -> Value { try g.add(Reduction(kind: .sum, axes: [axis], keepsDims: true), x) }
    let toY = try g.minus(
      g.multiply(h, g.minus(dy, total(g.multiply(dy, y)))), g.multiply(dy, total(g.multiply(h, y))))
    return [try g.add(SoftmaxGradient(axis: axis), h, y), toY]
  }
}

/// loss = -log softmax(logits)[label] (sparse) or -sum(targets · log softmax(logits)), along the last axis.
public struct SoftmaxCrossEntropy: Operation {
  public let isSparse: Bool
  public var name: String { isSparse ? "sparse_softmax_cross_entropy" : "softmax_cross_entropy" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (logits, targets) = (inputs[0], inputs[1])
    try expectFloat(logits, "logits")
    guard logits.shape.rank >= 1, logits.shape.dims.last != 0 else {
      throw Failure.value("\(name): logits have shape \(logits.shape), expected (..., K) with K >= 1")
    }
    let rows = Shape(Array(logits.shape.dims.dropLast()))
    if isSparse {
      guard targets.dtype == .int32 || targets.dtype == .int64 else {
        throw Failure.type("\(name): labels have dtype \(targets.dtype), expected int32 or int64")
      }
      guard targets.shape.isCompatible(with: rows) else {
        throw Failure.value(
          "\(name): labels have shape \(targets.shape), expected \(rows) for logits of shape \(logits.shape)")
      }
    } else {
      try expectSame(logits, targets, ("logits", "targets"))
      guard targets.shape.isCompatible(with: logits.shape) else {
        throw Failure.value("\(name): targets have shape \(targets.shape), expected \(logits.shape) as logits have")
      }
    }
    return [TensorType(logits.dtype, rows)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (logits, targets) = (g.inputs[0], g.inputs[1])
    var toTargets: Value?
    if !isSparse && g.needed[1] {
      let logarithms = try g.add(Softmax(isLogarithm: true), logits)
      toTargets = try g.negative(g.multiply(g.add(Reshape(.expandDims(-1)), g.dy), logarithms))
    }
    return [
      g.needed[0] ? try g.add(SoftmaxCrossEntropyGradient(isSparse: isSparse), g.dy, logits, targets) : nil,
      toTargets,
    ]
  }
}

/// dlogits from (dloss, logits, labels or targets).
public struct SoftmaxCrossEntropyGradient: Operation {
  public let isSparse: Bool
  public var name: String { isSparse ? "sparse_softmax_cross_entropy_gradient" : "softmax_cross_entropy_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [inputs[1]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    // dlogits = dloss · (softmax · sum(targets) - targets), written out so that it can be differentiated again.
    let (dloss, logits, h) = (g.inputs[0], g.inputs[1], g.dy)
    let spread = try g.add(Reshape(.expandDims(-1)), dloss)
    let p = try g.add(Softmax(), logits)
    var targets = g.inputs[2]
    if isSparse {
      let type = g.type(logits)
      guard let depth = type.shape.dims.last, depth != Shape.unknown else {
        throw Failure.value("\(name): needs a known number of classes for its second derivative")
      }
      targets = try g.add(OneHot(depth: depth, dtype: type.dtype), targets)
    }
    let mass = try g.add(Reduction(kind: .sum, axes: [-1], keepsDims: true), targets)
    let inner = try g.multiply(h, g.minus(g.multiply(p, mass), targets))
    let toLoss = try g.add(Reduction(kind: .sum, axes: [-1], keepsDims: false), inner)
    let toLogits = try g.add(SoftmaxGradient(axis: -1), g.multiply(h, g.multiply(spread, mass)), p)
    return [toLoss, toLogits, nil]
  }
}

let softmaxFactories: [String: OperationFactory] = [
  "softmax": { Softmax(axis: try $0.int("axis", default: -1)) },
  "log_softmax": { Softmax(isLogarithm: true, axis: try $0.int("axis", default: -1)) },
  "sparse_softmax_cross_entropy": { _ in SoftmaxCrossEntropy(isSparse: true) },
  "softmax_cross_entropy": { _ in SoftmaxCrossEntropy(isSparse: false) },
]
