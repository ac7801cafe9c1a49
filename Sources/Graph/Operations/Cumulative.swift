import Tensor

/// Sums of all elements up to each along an axis, or (reversed) from each on.
public struct CumulativeSum: Operation {
  public let axis: Int
  public let reversed: Bool
  public var name: String { "cumsum" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectFloat(inputs[0], "x")
    _ = try normalizeAxis(axis, rank: inputs[0].shape.rank, name)
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(CumulativeSum(axis: axis, reversed: !reversed), g.dy)]
  }
}

let cumulativeFactories: [String: OperationFactory] = [
  "cumsum": { CumulativeSum(axis: try $0.int("axis"), reversed: try $0.bool("reverse", default: false)) }
]
