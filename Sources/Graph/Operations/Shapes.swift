import Tensor

/// Operations that keep the elements and their order and change the shape only: they cost nothing at run time.
public struct Reshape: Operation {
  public enum Form: Hashable, Sendable {
    /// Extents of the result; one may be -1 and is worked out.
    case shape([Int])
    case expandDims(Int)
    case squeeze([Int])
    /// Axes from the given one on become one.
    case flatten(Int)
    /// The shape of the second input (of which only the shape is used).
    case like
  }

  public let form: Form
  public init(_ form: Form) { self.form = form }
  public var shapeOnlyInputs: [Int] { form == .like ? [1] : [] }

  public var name: String {
    switch form {
    case .shape: "reshape"
    case .expandDims: "expand_dims"
    case .squeeze: "squeeze"
    case .flatten: "flatten"
    case .like: "reshape_like"
    }
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: form == .like ? 2 : 1)
    let x = inputs[0].shape
    switch form {
    case .like: return [TensorType(inputs[0].dtype, inputs[1].shape)]
    case .shape(let dims): return [TensorType(inputs[0].dtype, try reshaped(x, dims))]
    case .expandDims(let axis):
      var dims = x.dims
      dims.insert(1, at: try normalizeAxis(axis, rank: x.rank + 1, name))
      return [TensorType(inputs[0].dtype, Shape(dims))]
    case .squeeze(let axes):
      let dropped = try axes.map { try normalizeAxis($0, rank: x.rank, name) }
      for axis in dropped where x[axis] != 1 && x[axis] != Shape.unknown {
        throw Failure.value("squeeze: x has shape \(x), expected extent 1 on axis \(axis)")
      }
      let kept = x.dims.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
      return [TensorType(inputs[0].dtype, Shape(kept))]
    case .flatten(let start):
      guard start >= 0, start <= x.rank else {
        throw Failure.value("flatten: start_axis \(start) is out of range for shape \(x)")
      }
      let dims = x.dims[..<start] + [x.product(start..<x.rank)]
      return [TensorType(inputs[0].dtype, Shape(Array(dims)))]
    }
  }

  private func reshaped(_ x: Shape, _ dims: [Int]) throws -> Shape {
    let wanted = Shape(dims)
    func misfit() -> Failure {
      Failure.value("reshape: x has shape \(x), which cannot become \(dims)")
    }
    guard dims.filter({ $0 == -1 }).count <= 1, dims.allSatisfy({ $0 >= -1 }) else {
      throw Failure.value("reshape: shape \(dims) has more than one -1 or negative extents")
    }
    let known = dims.filter { $0 != -1 }
    try Shape(known).validate("reshape")
    let fixed = known.reduce(1, *)
    guard x.isKnown else {
      // With an unknown extent only divisibility can be checked, later.
      return wanted
    }
    if dims.contains(-1) {
      guard fixed > 0 ? x.count % fixed == 0 : x.count == 0 else { throw misfit() }
      let rest = fixed > 0 ? x.count / fixed : 0
      return Shape(dims.map { $0 == -1 ? rest : $0 })
    }
    guard fixed == x.count else { throw misfit() }
    return wanted
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let dx = try g.add(Reshape(.like), g.dy, g.inputs[0])
    return form == .like ? [dx, nil] : [dx]
  }
}

/// Axes in another order: y's axis i is x's axis axes[i].
public struct Transpose: Operation {
  public let axes: [Int]
  public var name: String { "transpose" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let shape = inputs[0].shape
    let order = try axes.map { try normalizeAxis($0, rank: shape.rank, name) }
    guard order.sorted() == Array(0..<shape.rank) else {
      throw Failure.value("transpose: axes \(axes) are no permutation of the axes of shape \(shape)")
    }
    return [TensorType(inputs[0].dtype, Shape(order.map { shape[$0] }))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let order = axes.map { $0 < 0 ? $0 + axes.count : $0 }
    var inverse = [Int](repeating: 0, count: order.count)
    for (position, axis) in order.enumerated() { inverse[axis] = position }
    return [try g.add(Transpose(axes: inverse), g.dy)]
  }
}

/// x repeated to a shape by NumPy's rules; -1 keeps x's extent.
public struct BroadcastTo: Operation {
  public let shape: [Int]
  public var name: String { "broadcast_to" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let x = inputs[0].shape
    let offset = shape.count - x.rank
    guard offset >= 0 else {
      throw Failure.value("broadcast_to: x has shape \(x), which cannot become \(shape)")
    }
    var dims = shape
    for axis in dims.indices {
      let extent = axis < offset ? 1 : x[axis - offset]
      if dims[axis] == -1 { dims[axis] = extent }
      guard extent == 1 || extent == dims[axis] || extent == Shape.unknown, dims[axis] >= -1 else {
        throw Failure.value("broadcast_to: x has shape \(x), which cannot become \(shape)")
      }
    }
    return [TensorType(inputs[0].dtype, Shape(dims))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.sum(g.dy, to: g.inputs[0])] }
}

let shapeFactories: [String: OperationFactory] = [
  "reshape": { Reshape(.shape(try $0.ints("shape"))) },
  "expand_dims": { Reshape(.expandDims(try $0.int("axis"))) },
  "squeeze": { Reshape(.squeeze(try $0.ints("axes"))) },
  "flatten": { Reshape(.flatten(try $0.int("start_axis", default: 1))) },
  "transpose": { Transpose(axes: try $0.ints("axes")) },
  "broadcast_to": { BroadcastTo(shape: try $0.ints("shape")) },
]
