import Tensor

/// All elements of a truth value have to be true, or the run fails with a message before it has changed anything.
///
/// It holds for the whole graph, whether or not its output (the condition) is used.
public struct Requirement: Operation {
  public let message: String
  public var name: String { "require" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    guard inputs[0].dtype == .bool else {
      throw Failure.type("require: the condition has dtype \(inputs[0].dtype), expected bool")
    }
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

/// The number of elements along axes (all without `axes`), as a scalar: extents that are unknown until a run.
public struct ExtentProduct: Operation {
  public let axes: ReducedAxes
  public let dtype: DType
  public var name: String { "extent_product" }
  public var shapeOnlyInputs: [Int] { [0] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    _ = try axes.resolve(rank: inputs[0].shape.rank, name)
    guard dtype.isFloat else { throw Failure.type("extent_product: dtype is \(dtype), expected float32 or float64") }
    return [TensorType(dtype, [])]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

let conditionFactories: [String: OperationFactory] = [
  "require": { Requirement(message: try $0.string("message")) },
  "extent_product": {
    ExtentProduct(
      axes: ReducedAxes(axes: try $0.optionalInts("axes"), keepsDims: false), dtype: try $0.dtype("dtype"))
  },
]
