import Graph
import Kernels
import Tensor

extension Reshape: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { true }
  func lower(_ c: Lowering) throws -> Step { { _ in } }
}

extension Transpose: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    // Axes of extent 1 may go anywhere.
    let order = axes.map { $0 < 0 ? $0 + axes.count : $0 }.filter { inputs[0].shape[$0] != 1 }
    return order == order.sorted()
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let order = axes.map { $0 < 0 ? $0 + axes.count : $0 }
    let plan = try requirePlan(StridedCopy(transposing: x.shape.dims, permutation: order), x.shape)
    let size = x.type.dtype.size
    return { copyStrided($0.raw(x), $0.raw(y), plan, elementBytes: size) }
  }
}

extension Operation {
  /// Unwraps a kernel's plan, which there is for up to eight axes.
  func requirePlan<P>(_ plan: P?, _ shape: Shape) throws -> P {
    guard let plan else {
      throw Failure.value("\(name): shape \(shape) has too many axes that cannot be merged, expected at most 8")
    }
    return plan
  }
}

extension BroadcastTo: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    inputs[0].shape.count == outputs[0].shape.count
  }

  func lower(_ c: Lowering) throws -> Step { try broadcastCopy(c) }
}

extension BroadcastLike: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool {
    inputs[0].shape.count == outputs[0].shape.count
  }

  func lower(_ c: Lowering) throws -> Step { try broadcastCopy(c) }
}

extension Operation {
  fileprivate func broadcastCopy(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let plan = try requirePlan(StridedCopy(broadcasting: x.shape.dims, to: y.shape.dims), y.shape)
    let size = x.type.dtype.size
    return { copyStrided($0.raw(x), $0.raw(y), plan, elementBytes: size) }
  }
}
