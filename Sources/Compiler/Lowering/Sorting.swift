import Graph
import Kernels
import Tensor

extension Lowering {
  /// Lowers with the type of an operand's elements: `body` gets that of a float or a signed integer.
  fileprivate func forNumber(_ operand: Operand, _ body: (any ScatterElement.Type) throws -> Step) throws -> Step {
    switch operand.type.dtype {
    case .float32: return try body(Float.self)
    case .float64: return try body(Double.self)
    case .int32: return try body(Int32.self)
    case .int64: return try body(Int64.self)
    case let other: throw Failure.type("dtype \(other) is not supported here, expected floats, int32 or int64")
    }
  }
}

extension ArgSort: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y, descending, e) = (c.x, c.y, descending, axisExtents(c.x.shape, axis: axis))
    func make<T: ScatterElement>(_ t: T.Type) -> Step {
      { argSort($0.read(x, as: T.self), $0.write(y), outer: e.outer, n: e.n, inner: e.inner, descending: descending) }
    }
    return try c.forNumber(x) { make($0) }
  }
}

extension SearchSorted: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (sorted, values, y, right) = (c.inputs[0], c.inputs[1], c.y, right)
    func make<T: ScatterElement>(_ t: T.Type) -> Step {
      {
        searchSorted(
          $0.read(sorted, as: T.self), sorted.count, $0.read(values), $0.write(y), values.count, right: right)
      }
    }
    return try c.forNumber(values) { make($0) }
  }
}

extension TakeAlong: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, indices, y) = (c.inputs[0], c.inputs[1], c.y)
    let (source, target) = (axisExtents(x.shape, axis: axis), axisExtents(y.shape, axis: axis))
    func make<T: BitwiseCopyable>(_ t: T.Type) -> Step {
      {
        takeAlong(
          $0.read(x, as: T.self), $0.read(indices), $0.write(y), outer: target.outer, axis: source.n, n: target.n,
          inner: target.inner)
      }
    }
    // Only the size of an element matters.
    switch x.type.dtype.size {
    case 1: return make(UInt8.self)
    case 4: return make(Int32.self)
    default: return make(Int64.self)
    }
  }
}

extension TakeAlongGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, indices, dx) = (c.inputs[0], c.inputs[1], c.y)
    let (source, target) = (axisExtents(dx.shape, axis: axis), axisExtents(dy.shape, axis: axis))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        takeAlongBackward(
          $0.read(dy, as: T.self), $0.read(indices), $0.write(dx), outer: source.outer, axis: source.n, n: target.n,
          inner: source.inner)
      }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension Scatter: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, indices, updates, y, operation) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y, kernel)
    let (e, n) = (axisExtents(x.shape, axis: 0), indices.count)
    func make<T: ScatterElement>(_ t: T.Type) -> Step {
      {
        scatter(
          operation, $0.read(x, as: T.self), $0.read(indices), $0.read(updates), $0.write(y), rows: e.n, n: n,
          inner: e.inner)
      }
    }
    return try c.forNumber(x) { make($0) }
  }

  private var kernel: ScatterOperation {
    switch kind {
    case .set: .set
    case .add: .add
    case .multiply: .multiply
    case .max: .max
    case .min: .min
    }
  }
}

extension ScatterSetGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, indices, du, e) = (c.inputs[0], c.inputs[1], c.y, axisExtents(c.x.shape, axis: 0))
    let n = indices.count
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { scatterSetBackward($0.read(dy, as: T.self), $0.read(indices), $0.write(du), rows: e.n, n: n, inner: e.inner) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension CumulativeSum: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, reversed, e) = (c.x, c.y, reversed, axisExtents(c.x.shape, axis: axis))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { cumulativeSum($0.read(x, as: T.self), $0.write(y), outer: e.outer, n: e.n, inner: e.inner, reversed: reversed) }
    }
    return try c.forFloat(x) { make($0) }
  }
}
