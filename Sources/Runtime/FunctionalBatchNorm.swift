import Compiler
import Kernels
import Tensor

/// Batch normalization on callers' memory, straight to the kernels.
///
/// Everything is checked before anything is written. Tensors of any memory order without gaps are worked on in place.
public struct FunctionalBatchNorm {
  private let name: String
  private let x: StridedTensor
  private let triple: NormalizationShape

  /// Extent of the channel axis.
  public var channels: Int { triple.channels }

  /// Checks x and finds its channels.
  ///
  /// - Parameters:
  ///   - name: what error texts begin with.
  ///   - axis: the channel axis; negative ones count from the end.
  public init(_ name: String, _ x: StridedTensor, axis: Int) throws {
    guard x.dtype.isFloat else {
      throw Failure.type("\(name): x has dtype \(x.dtype), expected float32 or float64")
    }
    guard x.rank >= 2 else {
      throw Failure.value("\(name): x has shape \(x.shape), expected rank >= 2")
    }
    let axis = try normalizeAxis(axis, rank: x.rank, name)
    guard x.count > 0 else {
      throw Failure.value("\(name): x has shape \(x.shape), expected at least one value per channel")
    }
    guard x.pointer != nil else { throw Failure.value("\(name): x is NULL") }
    guard let triple = x.triple(axis: axis) else {
      throw Failure.value("\(name): x is not contiguous in any order of its axes, and copying is not allowed")
    }
    (self.name, self.x, self.triple) = (name, x, triple)
  }

  /// y = γ·(x - μ)/√(σ² + ε) + β by the batch's own μ and σ² (biased); also μ and 1/√(σ² + ε). y may be x.
  ///
  /// Source: Ioffe & Szegedy 2015, arXiv 1502.03167, algorithm 1.
  public func forward(
    gamma: StridedTensor?, beta: StridedTensor?, epsilon: Double, y: StridedTensor, mean: StridedTensor,
    inverseStd: StridedTensor
  ) throws {
    try checkEpsilon(epsilon)
    try checkParameter(gamma, "gamma")
    try checkParameter(beta, "beta")
    try checkParameter(mean, "mean")
    try checkParameter(inverseStd, "inv_std")
    try checkOutput(y, mayBe: x, "x")
    try checkApart(
      [MemorySpan("out", y), MemorySpan("mean", mean), MemorySpan("inv_std", inverseStd)],
      from: [MemorySpan("gamma", gamma), MemorySpan("beta", beta)])
    try checkApart([MemorySpan("mean", mean), MemorySpan("inv_std", inverseStd)], from: [MemorySpan("x", x)])
    func apply<T: KernelScalar>(_ t: T.Type) {
      batchNormForward(
        x: x.elements(t), gamma: gamma?.elements(t), beta: beta?.elements(t), y: y.mutableElements(t),
        mean: mean.mutableElements(t), variance: nil, inverseStd: inverseStd.mutableElements(t), shape: triple,
        epsilon: epsilon, relu: false)
    }
    if x.dtype == .float32 { apply(Float.self) } else { apply(Double.self) }
    try checkScratch()
  }

  /// Gradients of `forward` from the statistics that it gave; dx may be dy.
  ///
  /// With d = x - μ, s = 1/√(σ² + ε) and n values per channel: dβ = Σdy, dγ = s·Σ(dy·d),
  /// dx = γ·s·(dy - dβ/n - d·s·dγ/n).
  public func backward(
    dy: StridedTensor, gamma: StridedTensor?, mean: StridedTensor, inverseStd: StridedTensor, dx: StridedTensor,
    dgamma: StridedTensor, dbeta: StridedTensor
  ) throws {
    try checkLike(dy, "dy")
    try checkParameter(gamma, "gamma")
    try checkParameter(mean, "mean")
    try checkParameter(inverseStd, "inv_std")
    try checkParameter(dgamma, "dgamma")
    try checkParameter(dbeta, "dbeta")
    try checkOutput(dx, mayBe: dy, "dy")
    try checkApart(
      [MemorySpan("out", dx), MemorySpan("dgamma", dgamma), MemorySpan("dbeta", dbeta)],
      from: [
        MemorySpan("x", x), MemorySpan("gamma", gamma), MemorySpan("mean", mean), MemorySpan("inv_std", inverseStd),
      ])
    try checkApart([MemorySpan("dgamma", dgamma), MemorySpan("dbeta", dbeta)], from: [MemorySpan("dy", dy)])
    func apply<T: KernelScalar>(_ t: T.Type) {
      batchNormBackward(
        dy: dy.elements(t), x: x.elements(t), gamma: gamma?.elements(t), mean: mean.elements(t),
        inverseStd: inverseStd.elements(t), dx: dx.mutableElements(t), dgamma: dgamma.mutableElements(t),
        dbeta: dbeta.mutableElements(t), shape: triple)
    }
    if x.dtype == .float32 { apply(Float.self) } else { apply(Double.self) }
    try checkScratch()
  }

  /// y = γ·(x - moving mean)/√(moving variance + ε) + β. y may be x.
  public func inference(
    gamma: StridedTensor?, beta: StridedTensor?, movingMean: StridedTensor, movingVariance: StridedTensor,
    epsilon: Double, y: StridedTensor
  ) throws {
    try checkEpsilon(epsilon)
    try checkParameter(gamma, "gamma")
    try checkParameter(beta, "beta")
    try checkParameter(movingMean, "moving_mean")
    try checkParameter(movingVariance, "moving_variance")
    try checkOutput(y, mayBe: x, "x")
    try checkApart(
      [MemorySpan("out", y)],
      from: [
        MemorySpan("gamma", gamma), MemorySpan("beta", beta), MemorySpan("moving_mean", movingMean),
        MemorySpan("moving_variance", movingVariance),
      ])
    func apply<T: KernelScalar>(_ t: T.Type) {
      batchNormInference(
        x: x.elements(t), gamma: gamma?.elements(t), beta: beta?.elements(t), movingMean: movingMean.elements(t),
        movingVariance: movingVariance.elements(t), y: y.mutableElements(t), shape: triple, epsilon: epsilon,
        relu: false)
    }
    if x.dtype == .float32 { apply(Float.self) } else { apply(Double.self) }
    try checkScratch()
  }
}

// MARK: Checks

extension FunctionalBatchNorm {
  private func checkEpsilon(_ epsilon: Double) throws {
    guard epsilon > 0, epsilon.isFinite else {
      throw Failure.value("\(name): epsilon is \(epsilon), expected a finite number > 0")
    }
  }

  private func checkType(_ tensor: StridedTensor, _ argument: String) throws {
    guard tensor.dtype == x.dtype else {
      throw Failure.type("\(name): \(argument) has dtype \(tensor.dtype), expected \(x.dtype) as x has")
    }
    guard tensor.pointer != nil || tensor.count == 0 else { throw Failure.value("\(name): \(argument) is NULL") }
  }

  /// A (C,) argument.
  private func checkParameter(_ tensor: StridedTensor?, _ argument: String) throws {
    guard let tensor else { return }
    try checkType(tensor, argument)
    guard tensor.rank == 1, tensor.extent(0) == channels else {
      throw Failure.value("\(name): \(argument) has shape \(tensor.shape), expected (C,) = (\(channels),)")
    }
    guard tensor.isGapless else {
      throw Failure.value("\(name): \(argument) is not contiguous, and copying is not allowed")
    }
  }

  /// A tensor in the shape and memory order of x.
  private func checkLike(_ tensor: StridedTensor, _ argument: String) throws {
    try checkType(tensor, argument)
    guard tensor.hasSameShape(as: x) else {
      throw Failure.value("\(name): \(argument) has shape \(tensor.shape), expected \(x.shape) as x has")
    }
    guard tensor.hasSameStrides(as: x) else {
      throw Failure.value("\(name): \(argument) has its axes in another order in memory than x, expected the same")
    }
  }

  /// `out` is one input exactly or apart from it.
  private func checkOutput(_ out: StridedTensor, mayBe input: StridedTensor, _ argument: String) throws {
    try checkLike(out, "out")
    guard out.pointer == input.pointer || !MemorySpan("out", out).overlaps(MemorySpan("", input)) else {
      throw Failure.value("\(name): out overlaps \(argument) in part, expected the same memory or none of it")
    }
  }

  /// Outputs share no memory with each other and none with these inputs.
  @inline(__always)
  private func checkApart(_ outputs: [MemorySpan], from inputs: [MemorySpan]) throws {
    for (index, output) in outputs.enumerated() {
      for other in outputs[..<index] where output.overlaps(other) { throw overlap(output, other) }
      for input in inputs where output.overlaps(input) { throw overlap(output, input) }
    }
  }

  private func overlap(_ output: MemorySpan, _ other: MemorySpan) -> Failure {
    .value("\(name): \(output.name) overlaps \(other.name), expected memory of its own")
  }
}
