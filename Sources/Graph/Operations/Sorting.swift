import Tensor

/// The indices that sort an axis; equal elements keep their order, NaN counts as the largest.
public struct ArgSort: Operation {
  public let axis: Int
  public let descending: Bool
  public var name: String { "argsort" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    try expectSortable(inputs[0], "x")
    _ = try normalizeAxis(axis, rank: inputs[0].shape.rank, name)
    return [TensorType(.int64, inputs[0].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

/// Where values would be inserted into an ascending vector: before equal elements, or behind them (`right`).
public struct SearchSorted: Operation {
  public let right: Bool
  public var name: String { "searchsorted" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    try expectSortable(inputs[0], "sorted_sequence")
    try expectRank(inputs[0], 1, "sorted_sequence")
    try expectSame(inputs[0], inputs[1], ("sorted_sequence", "values"))
    return [TensorType(.int64, inputs[1].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil, nil] }
}

extension Operation {
  /// The dtypes whose elements kernels compare, add and multiply.
  func expectSortable(_ type: TensorType, _ argument: String) throws {
    switch type.dtype {
    case .float32, .float64, .int32, .int64: break
    case let other:
      throw Failure.type("\(name): \(argument) has dtype \(other), expected float32, float64, int32 or int64")
    }
  }
}

let sortingFactories: [String: OperationFactory] = [
  "argsort": { ArgSort(axis: try $0.int("axis"), descending: try $0.bool("descending", default: false)) },
  "searchsorted": { SearchSorted(right: try $0.bool("right", default: false)) },
]
