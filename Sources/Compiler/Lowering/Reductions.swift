import Graph
import Kernels
import Tensor

extension ReducedAxes {
  func plan(_ shape: Shape, _ operation: any Operation) throws -> ReductionPlan {
    let axes = try resolve(rank: shape.rank, operation.name)
    guard let plan = ReductionPlan(shape: shape.dims, reduced: Set(axes)) else {
      throw Failure.value(
        "\(operation.name): axes \(axes) of shape \(shape) alternate too often, expected at most two runs of reduced"
          + " axes; reduce in two steps")
    }
    return plan
  }
}

extension Reduction: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    inputs[0].shape.count == outputs[0].shape.count && inputs[0].shape.count > 0
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, kind) = (c.x, c.y, kind)
    let plan = try axes.plan(x.shape, self)
    let scale = kind == .mean ? 1 / Double(plan.reducedCount) : 1
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      switch kind {
      case .sum: return { reduceSum($0.read(x, as: T.self), $0.write(y), plan, scale: 1) }
      // An empty mean is 0 · ∞ = NaN, as in NumPy.
      case .mean: return { reduceSum($0.read(x, as: T.self), $0.write(y), plan, scale: scale) }
      case .max: return { reduce(.max, $0.read(x, as: T.self), $0.write(y), plan) }
      case .min: return { reduce(.min, $0.read(x, as: T.self), $0.write(y), plan) }
      case .prod: return { reduce(.product, $0.read(x, as: T.self), $0.write(y), plan) }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension ExpandTo: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    inputs[0].shape.count == outputs[0].shape.count
  }

  func lower(_ c: Lowering) throws -> Step {
    let (y, x) = (c.x, c.y)
    let plan = try axes.plan(x.shape, self)
    let scale = divides ? 1 / Double(plan.reducedCount) : 1
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { expand($0.read(y, as: T.self), $0.write(x), plan, scale: T(scale)) }
    }
    return try c.forFloat(y) { make($0) }
  }
}

extension SumTo: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    inputs[0].shape.count == outputs[0].shape.count
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let skipped = x.shape.rank - y.shape.rank
    let summed = x.shape.dims.indices.filter { $0 < skipped || (y.shape[$0 - skipped] == 1 && x.shape[$0] != 1) }
    let plan = try ReducedAxes(axes: summed, keepsDims: false).plan(x.shape, self)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { reduceSum($0.read(x, as: T.self), $0.write(y), plan, scale: 1) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension LogicalReduction: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y, isAll) = (c.x, c.y, isAll)
    let plan = try axes.plan(x.shape, self)
    return { reduceLogical(isAll: isAll, $0.read(x), $0.write(y), plan) }
  }
}

extension ArgExtremum: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y, isMaximum, e) = (c.x, c.y, isMaximum, axisExtents(c.x.shape, axis: axis))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        argExtremum(
          isMaximum: isMaximum, $0.read(x, as: T.self), $0.write(y), outer: e.outer, n: e.n, inner: e.inner)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}
