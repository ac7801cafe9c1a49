import Graph
import Kernels
import Tensor

extension ReducedAxes {
  func plan(_ shape: Shape, _ operation: any Operation) throws -> ReductionPlan {
    let axes = try resolve(rank: shape.rank, operation.name)
    return try operation.requirePlan(ReductionPlan(shape: shape.dims, axes: Set(axes)), shape)
  }
}

extension Reduction: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    inputs[0].shape.count == outputs[0].shape.count && inputs[0].shape.count > 0
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, kind) = (c.x, c.y, kind)
    let plan = try axes.plan(x.shape, self)
    let operation: ReductionOperation =
      switch kind {
      case .sum: .sum
      case .mean: .mean
      case .max: .max
      case .min: .min
      case .prod: .product
      }
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { reduce(operation, $0.read(x, as: T.self), $0.write(y), plan) }
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
      { broadcastTo($0.read(y, as: T.self), $0.write(x), plan, scale: T(scale)) }
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
      { reduce(.sum, $0.read(x, as: T.self), $0.write(y), plan) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension ExtentProduct: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let count = try axes.resolve(rank: c.x.shape.rank, name).reduce(1) { $0 * c.x.shape[$1] }
    let y = c.y
    func make<T: KernelScalar>(_ t: T.Type) -> Step { { $0.write(y, as: T.self)[0] = T(count) } }
    return try c.forFloat(y) { make($0) }
  }
}

extension LogicalReduction: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y, isAll) = (c.x, c.y, isAll)
    let plan = try axes.plan(x.shape, self)
    return { isAll ? reduceAll($0.read(x), $0.write(y), plan) : reduceAny($0.read(x), $0.write(y), plan) }
  }
}

extension ArgExtremum: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y, isMaximum, e) = (c.x, c.y, isMaximum, axisExtents(c.x.shape, axis: axis))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      if isMaximum {
        return { argMax($0.read(x, as: T.self), $0.write(y), outer: e.outer, n: e.n, inner: e.inner) }
      }
      return { argMin($0.read(x, as: T.self), $0.write(y), outer: e.outer, n: e.n, inner: e.inner) }
    }
    return try c.forFloat(x) { make($0) }
  }
}
