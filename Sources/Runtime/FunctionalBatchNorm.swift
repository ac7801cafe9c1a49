import Kernels
import Tensor

/// Batch normalization on callers' memory, straight to the kernels.
///
/// Tensors are described by shape and element strides; any memory order without gaps is worked on in place.
public struct StridedTensor {
  public let pointer: UnsafeMutableRawPointer?
  public let dtype: DType
  public let shape: Shape
  public let strides: [Int]

  public init(pointer: UnsafeMutableRawPointer?, dtype: DType, shape: Shape, strides: [Int]) {
    self.pointer = pointer
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
  }

  /// Bytes from the first element to the last, for memory without gaps.
  var byteCount: Int { shape.count * dtype.size }

  func overlaps(_ other: StridedTensor) -> Bool {
    guard let p = pointer, let q = other.pointer, byteCount > 0, other.byteCount > 0 else { return false }
    return p < q + other.byteCount && q < p + byteCount
  }

  /// The tensor as (outer, C, inner) around an axis, nil when its memory has gaps or repeats.
  func triple(axis: Int) -> (outer: Int, channels: Int, inner: Int)? {
    // Walk from the innermost axis outwards: each step must be the product of the extents inside it.
    let order = shape.dims.indices.filter { shape[$0] != 1 }.sorted { strides[$0] < strides[$1] }
    var (step, inner) = (1, 1)
    var seenAxis = false
    for axisNow in order {
      guard strides[axisNow] == step else { return nil }
      if axisNow == axis { seenAxis = true } else if !seenAxis { inner *= shape[axisNow] }
      step *= shape[axisNow]
    }
    let channels = shape[axis]
    if !seenAxis { return (1, channels, shape.count) }
    return (channels * inner > 0 ? shape.count / (channels * inner) : 0, channels, inner)
  }
}

/// Checks that the three functions share. Everything is checked before anything is written.
struct BatchNormCheck {
  let name: String
  let x: StridedTensor
  let channels: Int
  let triple: NormalizationShape

  init(_ name: String, _ x: StridedTensor, axis: Int) throws {
    self.name = name
    self.x = x
    guard x.dtype.isFloat else {
      throw Failure.type("\(name): x has dtype \(x.dtype), expected float32 or float64")
    }
    guard x.shape.rank >= 2 else {
      throw Failure.value("\(name): x has shape \(x.shape), expected rank >= 2")
    }
    let axis = try normalizeAxis(axis, rank: x.shape.rank, name)
    channels = x.shape[axis]
    guard x.shape.count > 0 else {
      throw Failure.value("\(name): x has shape \(x.shape), expected at least one value per channel")
    }
    guard let triple = x.triple(axis: axis) else {
      throw Failure.value("\(name): x is not contiguous in any order of its axes (copy=False)")
    }
    self.triple = NormalizationShape(outer: triple.outer, channels: triple.channels, inner: triple.inner)
  }

  /// A (C,) argument.
  func parameter(_ tensor: StridedTensor?, _ argument: String) throws {
    guard let tensor else { return }
    guard tensor.dtype == x.dtype else {
      throw Failure.type("\(name): \(argument) has dtype \(tensor.dtype), expected \(x.dtype) as x has")
    }
    guard tensor.shape == [channels] else {
      throw Failure.value("\(name): \(argument) has shape \(tensor.shape), expected (C,) = (\(channels),)")
    }
    guard channels <= 1 || tensor.strides == [1] else {
      throw Failure.value("\(name): \(argument) is not contiguous")
    }
  }

  /// A tensor in the shape and memory order of x.
  func like(_ tensor: StridedTensor, _ argument: String) throws {
    guard tensor.dtype == x.dtype else {
      throw Failure.type("\(name): \(argument) has dtype \(tensor.dtype), expected \(x.dtype) as x has")
    }
    guard tensor.shape == x.shape else {
      throw Failure.value("\(name): \(argument) has shape \(tensor.shape), expected \(x.shape) as x has")
    }
    for axis in 0..<x.shape.rank where x.shape[axis] != 1 && tensor.strides[axis] != x.strides[axis] {
      throw Failure.value(
        "\(name): \(argument) has strides \(tensor.strides), expected \(x.strides) as x has (in elements)")
    }
  }

  /// `out` may be one of `same` exactly, but overlap nothing otherwise.
  func output(_ out: StridedTensor, same: [StridedTensor], apart: [(StridedTensor?, String)]) throws {
    try like(out, "out")
    for tensor in same where out.overlaps(tensor) && out.pointer != tensor.pointer {
      throw Failure.value("\(name): out overlaps an input in part, expected the same memory or none of it")
    }
    for case (let tensor?, let argument) in apart where out.overlaps(tensor) {
      throw Failure.value("\(name): out overlaps \(argument), expected memory of its own")
    }
  }

  func epsilon(_ epsilon: Double) throws {
    guard epsilon > 0, epsilon.isFinite else {
      throw Failure.value("\(name): epsilon is \(epsilon), expected a finite number > 0")
    }
  }
}

private func read<T>(_ tensor: StridedTensor, _: T.Type) -> UnsafePointer<T> {
  UnsafePointer(tensor.pointer!.assumingMemoryBound(to: T.self))
}

private func write<T>(_ tensor: StridedTensor, _: T.Type) -> UnsafeMutablePointer<T> {
  tensor.pointer!.assumingMemoryBound(to: T.self)
}

public enum FunctionalBatchNorm {
  /// y, mean and 1/√(σ² + ε) of a training step; y may be x.
  public static func forward(
    _ x: StridedTensor, gamma: StridedTensor?, beta: StridedTensor?, axis: Int, epsilon: Double, y: StridedTensor,
    mean: StridedTensor, inverseStd: StridedTensor
  ) throws {
    let check = try BatchNormCheck("batch_norm", x, axis: axis)
    try check.epsilon(epsilon)
    try check.parameter(gamma, "gamma")
    try check.parameter(beta, "beta")
    try check.parameter(mean, "mean")
    try check.parameter(inverseStd, "inv_std")
    try check.output(y, same: [x], apart: [(gamma, "gamma"), (beta, "beta")])
    func apply<T: KernelScalar>(_ t: T.Type) {
      batchNormForward(
        read(x, t), gamma: gamma.map { read($0, t) }, beta: beta.map { read($0, t) }, write(y, t),
        mean: write(mean, t), variance: nil, inverseStd: write(inverseStd, t), check.triple, epsilon: epsilon,
        relu: false)
    }
    if x.dtype == .float32 { apply(Float.self) } else { apply(Double.self) }
  }

  /// dx, dγ and dβ from the statistics that `forward` gave; dx may be dy.
  public static func backward(
    _ dy: StridedTensor, _ x: StridedTensor, gamma: StridedTensor?, mean: StridedTensor, inverseStd: StridedTensor,
    axis: Int, dx: StridedTensor, dgamma: StridedTensor, dbeta: StridedTensor
  ) throws {
    let check = try BatchNormCheck("batch_norm_backward", x, axis: axis)
    try check.like(dy, "dy")
    try check.parameter(gamma, "gamma")
    try check.parameter(mean, "mean")
    try check.parameter(inverseStd, "inv_std")
    try check.parameter(dgamma, "dgamma")
    try check.parameter(dbeta, "dbeta")
    try check.output(
      dx, same: [dy], apart: [(x, "x"), (gamma, "gamma"), (mean, "mean"), (inverseStd, "inv_std")])
    func apply<T: KernelScalar>(_ t: T.Type) {
      batchNormBackward(
        read(dy, t), read(x, t), gamma: gamma.map { read($0, t) }, mean: read(mean, t),
        inverseStd: read(inverseStd, t), dx: write(dx, t), dgamma: write(dgamma, t), dbeta: write(dbeta, t),
        check.triple)
    }
    if x.dtype == .float32 { apply(Float.self) } else { apply(Double.self) }
  }

  /// y by moving statistics; y may be x.
  public static func inference(
    _ x: StridedTensor, gamma: StridedTensor?, beta: StridedTensor?, movingMean: StridedTensor,
    movingVariance: StridedTensor, axis: Int, epsilon: Double, y: StridedTensor
  ) throws {
    let check = try BatchNormCheck("batch_norm_inference", x, axis: axis)
    try check.epsilon(epsilon)
    try check.parameter(gamma, "gamma")
    try check.parameter(beta, "beta")
    try check.parameter(movingMean, "moving_mean")
    try check.parameter(movingVariance, "moving_variance")
    try check.output(
      y, same: [x],
      apart: [
        (gamma, "gamma"), (beta, "beta"), (movingMean, "moving_mean"), (movingVariance, "moving_variance"),
      ])
    func apply<T: KernelScalar>(_ t: T.Type) {
      batchNormInference(
        read(x, t), gamma: gamma.map { read($0, t) }, beta: beta.map { read($0, t) },
        movingMean: read(movingMean, t), movingVariance: read(movingVariance, t), write(y, t), check.triple,
        epsilon: epsilon, relu: false)
    }
    if x.dtype == .float32 { apply(Float.self) } else { apply(Double.self) }
  }
}
