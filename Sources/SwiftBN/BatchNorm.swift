// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The names are those of swiftbn.h.
import CSwiftBN
import Runtime
import Tensor

/// x of a batch normalization, and views of the tensors that go with it.
private struct BatchNormCall {
  let x: StridedTensor
  let job: FunctionalBatchNorm
  /// Points to the number of channels.
  private let channels: UnsafePointer<Int>

  /// The body sees a call whose pointers are valid while it runs.
  static func run(
    _ name: String, _ tensor: UnsafePointer<swiftbn_tensor>?, axis: Int32, _ body: (BatchNormCall) throws -> Void
  ) -> swiftbn_status {
    guarded {
      let tensor = try required(tensor, "\(name): x").pointee
      let type = try type(tensor.dtype, tensor.rank, tensor.shape, "\(name): x")
      try type.shape.validate("\(name): x")
      let strides = tensor.strides.map { strides in (0..<type.shape.rank).map { Int(strides[$0]) } }
      try type.shape.dims.withUnsafeBufferPointer { extents in
        try withOptionalPointer(strides) { strides in
          let x = StridedTensor(
            pointer: tensor.data, dtype: type.dtype, rank: extents.count, extents: extents.baseAddress,
            strides: strides)
          let job = try FunctionalBatchNorm(name, x, axis: Int(axis))
          try withUnsafePointer(to: job.channels) { try body(BatchNormCall(x: x, job: job, channels: $0)) }
        }
      }
    }
  }

  /// A tensor laid out as x.
  func tensor(_ pointer: UnsafeRawPointer?) -> StridedTensor {
    StridedTensor(
      pointer: UnsafeMutableRawPointer(mutating: pointer), dtype: x.dtype, rank: x.rank, extents: x.extents,
      strides: x.strides)
  }

  /// A vector of one element per channel.
  func vector(_ pointer: UnsafeRawPointer?) -> StridedTensor {
    StridedTensor(
      pointer: UnsafeMutableRawPointer(mutating: pointer), dtype: x.dtype, rank: 1, extents: channels, strides: nil)
  }

  func optional(_ pointer: UnsafeRawPointer?) -> StridedTensor? { pointer.map { vector($0) } }
}

private func withOptionalPointer(_ values: [Int]?, _ body: (UnsafePointer<Int>?) throws -> Void) rethrows {
  guard let values else { return try body(nil) }
  try values.withUnsafeBufferPointer { try body($0.baseAddress) }
}

@c @implementation
public func swiftbn_batch_norm(
  _ x: UnsafePointer<swiftbn_tensor>!, _ gamma: UnsafeRawPointer!, _ beta: UnsafeRawPointer!, _ axis: Int32,
  _ epsilon: Double, _ y: UnsafeMutableRawPointer!, _ mean: UnsafeMutableRawPointer!,
  _ inv_std: UnsafeMutableRawPointer!
) -> swiftbn_status {
  BatchNormCall.run("swiftbn_batch_norm", x, axis: axis) { call in
    try call.job.forward(
      gamma: call.optional(gamma), beta: call.optional(beta), epsilon: epsilon, y: call.tensor(y),
      mean: call.vector(mean), inverseStd: call.vector(inv_std))
  }
}

@c @implementation
public func swiftbn_batch_norm_backward(
  _ dy: UnsafeRawPointer!, _ x: UnsafePointer<swiftbn_tensor>!, _ gamma: UnsafeRawPointer!,
  _ mean: UnsafeRawPointer!, _ inv_std: UnsafeRawPointer!, _ axis: Int32, _ dx: UnsafeMutableRawPointer!,
  _ dgamma: UnsafeMutableRawPointer!, _ dbeta: UnsafeMutableRawPointer!
) -> swiftbn_status {
  BatchNormCall.run("swiftbn_batch_norm_backward", x, axis: axis) { call in
    try call.job.backward(
      dy: call.tensor(dy), gamma: call.optional(gamma), mean: call.vector(mean), inverseStd: call.vector(inv_std),
      dx: call.tensor(dx), dgamma: call.vector(dgamma), dbeta: call.vector(dbeta))
  }
}

@c @implementation
public func swiftbn_batch_norm_inference(
  _ x: UnsafePointer<swiftbn_tensor>!, _ gamma: UnsafeRawPointer!, _ beta: UnsafeRawPointer!,
  _ moving_mean: UnsafeRawPointer!, _ moving_variance: UnsafeRawPointer!, _ axis: Int32, _ epsilon: Double,
  _ y: UnsafeMutableRawPointer!
) -> swiftbn_status {
  BatchNormCall.run("swiftbn_batch_norm_inference", x, axis: axis) { call in
    try call.job.inference(
      gamma: call.optional(gamma), beta: call.optional(beta), movingMean: call.vector(moving_mean),
      movingVariance: call.vector(moving_variance), epsilon: epsilon, y: call.tensor(y))
  }
}
