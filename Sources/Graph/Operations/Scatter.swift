import Tensor

/// y[.., k, ..] = x[.., indices[.., k, ..], ..] along an axis; the other extents agree.
public struct TakeAlong: Operation {
  public let axis: Int
  public var name: String { "take_along_axis" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (x, indices) = (inputs[0], inputs[1])
    guard indices.dtype == .int64 else {
      throw Failure.type("take_along_axis: indices have dtype \(indices.dtype), expected int64")
    }
    let along = try normalizeAxis(axis, rank: x.shape.rank, name)
    var dims = indices.shape.dims
    if dims.count == x.shape.rank { dims[along] = x.shape[along] }
    guard dims.count == x.shape.rank, Shape(dims).isCompatible(with: x.shape) else {
      throw Failure.value(
        "take_along_axis: indices have shape \(indices.shape), x has \(x.shape): they may differ on axis \(along) only")
    }
    return [TensorType(x.dtype, indices.shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(TakeAlongGradient(axis: axis), g.dy, g.inputs[1], g.inputs[0]), nil]
  }
}

/// Adds the first input at the indices along an axis into zeros of the third input's shape.
public struct TakeAlongGradient: Operation {
  public let axis: Int
  public var name: String { "take_along_axis_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(TakeAlong(axis: axis), g.dy, g.inputs[1]), nil, nil]
  }
}

/// x with rows of `updates` combined into its rows at `indices`, in order.
public struct Scatter: Operation {
  public enum Kind: String, CaseIterable { case set, add, multiply, max, min }

  public let kind: Kind
  public var name: String { "scatter" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    let (x, indices, updates) = (inputs[0], inputs[1], inputs[2])
    try expectSortable(x, "x")
    try expectSame(x, updates, ("x", "updates"))
    guard indices.dtype == .int64 else {
      throw Failure.type("scatter: indices have dtype \(indices.dtype), expected int64")
    }
    try expectRank(indices, 1, "indices")
    guard x.shape.rank >= 1, updates.shape.isCompatible(with: Shape(indices.shape.dims + x.shape.dims[1...])) else {
      throw Failure.value(
        "scatter: updates have shape \(updates.shape), x has \(x.shape) and indices \(indices.shape): expected a row of x"
          + " for each index")
    }
    return [x]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, indices, updates, dy) = (g.inputs[0], g.inputs[1], g.inputs[2], g.dy)
    switch kind {
    case .add: return [dy, nil, try g.add(Take(axis: 0), dy, indices)]
    case .set:
      return [
        try g.add(Scatter(kind: .set), dy, indices, g.zeros(like: updates)), nil,
        try g.add(ScatterSetGradient(), dy, indices, updates),
      ]
    case .max, .min:
      // Shared evenly among the elements that are the extremum.
      let y = g.outputs[0]
      let isX = try g.add(Comparison(kind: .equal), x, y)
      let isUpdate = try g.add(Comparison(kind: .equal), updates, g.add(Take(axis: 0), y, indices))
      let count = try g.add(Scatter(kind: .add), g.ones(isX, like: x), indices, g.ones(isUpdate, like: updates))
      let share = try g.divide(dy, count)
      return [try g.masked(isX, share), nil, try g.masked(isUpdate, g.add(Take(axis: 0), share, indices))]
    case .multiply:
      // The product of the others: all but the element itself, which may be one zero among them.
      let (zeroX, zeroUpdate) = (try g.isZero(x), try g.isZero(updates))
      let (safeX, safeUpdate) = (try g.onesWhere(zeroX, x), try g.onesWhere(zeroUpdate, updates))
      let product = try g.multiply(dy, g.add(Scatter(kind: .multiply), safeX, indices, safeUpdate))
      let zeros = try g.add(Scatter(kind: .add), g.ones(zeroX, like: x), indices, g.ones(zeroUpdate, like: updates))
      let toNonzero = try g.masked(g.isZero(zeros), product)
      let toZero = try g.masked(g.isZero(g.minus(zeros, g.scalar(1, like: zeros))), product)
      let (nonzeroRows, zeroRows) = (
        try g.add(Take(axis: 0), toNonzero, indices), try g.add(Take(axis: 0), toZero, indices)
      )
      return [
        try g.add(Where(), zeroX, toZero, g.divide(toNonzero, safeX)), nil,
        try g.add(Where(), zeroUpdate, zeroRows, g.divide(nonzeroRows, safeUpdate)),
      ]
    }
  }
}

extension GradientBuilder {
  fileprivate func isZero(_ x: Value) throws -> Value { try add(Comparison(kind: .equal), x, scalar(0, like: x)) }

  /// 1 where the mask is true, else 0, in the dtype of `value`.
  fileprivate func ones(_ mask: Value, like value: Value) throws -> Value {
    try add(Where(), mask, scalar(1, like: value), scalar(0, like: value))
  }

  /// x with ones where the mask is true.
  fileprivate func onesWhere(_ mask: Value, _ x: Value) throws -> Value {
    try add(Where(), mask, scalar(1, like: x), x)
  }
}

/// Rows of the first input at the indices, where an index stands for the last time; else zeros. Shaped as the third.
public struct ScatterSetGradient: Operation {
  public var name: String { "scatter_set_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(Scatter(kind: .set), g.zeros(like: g.inputs[0]), g.inputs[1], g.dy), nil, nil]
  }
}

let scatterFactories: [String: OperationFactory] = [
  "take_along_axis": { TakeAlong(axis: try $0.int("axis")) },
  "scatter": {
    let text = try $0.string("kind")
    guard let kind = Scatter.Kind(rawValue: text) else {
      throw Failure.value("scatter: kind is '\(text)', expected set, add, multiply, max or min")
    }
    return Scatter(kind: kind)
  },
]
