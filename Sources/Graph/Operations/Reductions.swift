import Tensor

/// Which axes an operation reduces, and the shape that leaves.
public struct ReducedAxes: Hashable, Sendable {
  /// nil reduces all.
  public let axes: [Int]?
  public let keepsDims: Bool

  public init(axes: [Int]?, keepsDims: Bool) {
    self.axes = axes
    self.keepsDims = keepsDims
  }

  /// The axes of a tensor of that rank, sorted and unique.
  public func resolve(rank: Int, _ name: String) throws -> [Int] {
    guard let axes else { return Array(0..<rank) }
    let resolved = try axes.map { try normalizeAxis($0, rank: rank, name) }
    guard Set(resolved).count == resolved.count else {
      throw Failure.value("\(name): axes \(axes) name an axis twice")
    }
    return resolved.sorted()
  }

  func shape(of input: Shape, _ name: String) throws -> Shape {
    let reduced = try resolve(rank: input.rank, name)
    if keepsDims {
      return Shape(input.dims.enumerated().map { reduced.contains($0.offset) ? 1 : $0.element })
    }
    return Shape(input.dims.enumerated().filter { !reduced.contains($0.offset) }.map(\.element))
  }
}

/// sum, mean, max, min or prod over axes.
public struct Reduction: Operation {
  public enum Kind: String, CaseIterable {
    case sum, mean, max, min, prod
  }

  public let kind: Kind
  public let axes: ReducedAxes
  public var name: String { kind.rawValue }

  public init(kind: Kind, axes: [Int]?, keepsDims: Bool) {
    self.kind = kind
    self.axes = ReducedAxes(axes: axes, keepsDims: keepsDims)
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    let shape = inputs[0].shape
    if kind == .max || kind == .min {
      for axis in try axes.resolve(rank: shape.rank, name) where shape[axis] == 0 {
        throw Failure.value("\(name): x has shape \(shape), expected no empty axis to reduce")
      }
    }
    return [TensorType(inputs[0].dtype, try axes.shape(of: shape, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, y, dy) = (g.inputs[0], g.outputs[0], g.dy)
    let spread = ExpandTo(axes: axes, divides: false)
    switch kind {
    case .sum: return [try g.add(spread, dy, x)]
    case .mean: return [try g.add(ExpandTo(axes: axes, divides: true), dy, x)]
    case .max, .min:
      // Elements that tie share the gradient.
      let isExtremum = try g.add(Comparison(kind: .equal), x, g.add(spread, y, x))
      let mark = try g.add(Cast(dtype: g.type(x).dtype), isExtremum)
      let ties = try g.add(Reduction(kind: .sum, axes: axes.axes, keepsDims: axes.keepsDims), mark)
      return [try g.multiply(g.add(spread, g.divide(dy, ties), x), mark)]
    case .prod: return [try g.divide(g.add(spread, g.multiply(dy, y), x), x)]
    }
  }
}

/// The adjoint of a sum (or, divided by the number of summed elements, of a mean): a reduced tensor spread over the
/// shape of the second input, of which only the shape is used.
public struct ExpandTo: Operation {
  public let axes: ReducedAxes
  public let divides: Bool
  public var name: String { "expand_to" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [TensorType(inputs[0].dtype, inputs[1].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(Reduction(kind: divides ? .mean : .sum, axes: axes.axes, keepsDims: axes.keepsDims), g.dy), nil]
  }
}

/// Sums over the axes along which the second input (shape only) was broadcast to the first.
public struct SumTo: Operation {
  public var name: String { "sum_to" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [TensorType(inputs[0].dtype, inputs[1].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(BroadcastLike(), g.dy, g.inputs[0]), nil]
  }
}

/// The first input broadcast to the shape of the second (shape only).
public struct BroadcastLike: Operation {
  public var name: String { "broadcast_like" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [TensorType(inputs[0].dtype, inputs[1].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.sum(g.dy, to: g.inputs[0]), nil] }
}

/// any or all over boolean axes.
public struct LogicalReduction: Operation {
  public let isAll: Bool
  public let axes: ReducedAxes
  public var name: String { isAll ? "all" : "any" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    guard inputs[0].dtype == .bool else {
      throw Failure.type("\(name): x has dtype \(inputs[0].dtype), expected bool")
    }
    return [TensorType(.bool, try axes.shape(of: inputs[0].shape, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

/// Index of the first largest (smallest) element along an axis; NaN counts as the extremum, as in NumPy.
public struct ArgExtremum: Operation {
  public let isMaximum: Bool
  public let axis: Int
  public let keepsDims: Bool
  public var name: String { isMaximum ? "argmax" : "argmin" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    let shape = inputs[0].shape
    let resolved = try normalizeAxis(axis, rank: shape.rank, name)
    guard shape[resolved] != 0 else {
      throw Failure.value("\(name): x has shape \(shape), expected a nonempty axis \(axis)")
    }
    return [
      TensorType(.int64, try ReducedAxes(axes: [axis], keepsDims: keepsDims).shape(of: shape, name))
    ]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

let reductionFactories: [String: OperationFactory] = {
  var all: [String: OperationFactory] = [:]
  for kind in Reduction.Kind.allCases {
    all[kind.rawValue] = {
      Reduction(kind: kind, axes: try $0.optionalInts("axes"), keepsDims: try $0.bool("keepdims", default: false))
    }
  }
  for isAll in [true, false] {
    all[isAll ? "all" : "any"] = {
      let axes = ReducedAxes(axes: try $0.optionalInts("axes"), keepsDims: try $0.bool("keepdims", default: false))
      return LogicalReduction(isAll: isAll, axes: axes)
    }
  }
  for isMaximum in [true, false] {
    all[isMaximum ? "argmax" : "argmin"] = {
      ArgExtremum(
        isMaximum: isMaximum, axis: try $0.int("axis"), keepsDims: try $0.bool("keepdims", default: false))
    }
  }
  return all
}()
