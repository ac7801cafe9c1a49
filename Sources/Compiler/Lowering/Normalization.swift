import Graph
import Kernels
import Tensor

/// x as (outer, C, inner).
private func normalizationShape(_ x: Shape, axis: Int) throws -> NormalizationShape {
  let axis = try normalizeAxis(axis, rank: x.rank, "batch_norm")
  return NormalizationShape(
    outer: x.dims[..<axis].reduce(1, *), channels: x[axis], inner: x.dims[(axis + 1)...].reduce(1, *))
}

extension BatchNormAttributes {
  func shape(of x: Shape) throws -> NormalizationShape { try normalizationShape(x, axis: axis) }

  /// The groups that are normalized on their own, nil if that is the whole batch.
  func groups(of x: Shape) throws -> NormalizationGroups? {
    guard try groups(of: x, "batch_norm") != nil else { return nil }
    let whole = try shape(of: x)
    let perSample = whole.outer / max(x[0], 1)
    return NormalizationGroups(whole, outer: max(1, min(groupSize, max(x[0], 1)) * perSample))
  }
}

extension BatchNorm: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }
  func lower(_ c: Lowering) throws -> Step { try lower(c, relu: false) }

  func lower(_ c: Lowering, relu: Bool) throws -> Step {
    let (x, y, mean, variance, inverse) = (c.x, c.outputs[0], c.outputs[1], c.outputs[2], c.outputs[3])
    let gamma = attributes.gammaIndex.map { c.inputs[$0] }
    let beta = attributes.betaIndex.map { c.inputs[$0] }
    let (shape, groups) = (try attributes.shape(of: x.shape), try attributes.groups(of: x.shape))
    let epsilon = attributes.epsilon
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        let (gamma, beta): (UnsafePointer<T>?, UnsafePointer<T>?) = (
          gamma.map { memory.read($0) }, beta.map { memory.read($0) }
        )
        if let groups {
          ghostBatchNormForward(
            x: memory.read(x), gamma: gamma, beta: beta, y: memory.write(y), mean: memory.write(mean),
            variance: memory.write(variance), inverseStd: memory.write(inverse), groups: groups, epsilon: epsilon,
            relu: relu)
        } else {
          batchNormForward(
            x: memory.read(x), gamma: gamma, beta: beta, y: memory.write(y), mean: memory.write(mean),
            variance: memory.write(variance), inverseStd: memory.write(inverse), shape: shape, epsilon: epsilon,
            relu: relu)
        }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension Moments: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, mean, variance) = (c.x, c.outputs[0], c.outputs[1])
    let shape = try normalizationShape(x.shape, axis: axis)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        batchMoments(
          x: $0.read(x, as: T.self), mean: $0.write(mean), variance: $0.write(variance), shape: shape)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension FusedBatchNorm {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }
  func lower(_ c: Lowering) throws -> Step { try norm.lower(c, relu: true) }
}

extension BatchNormGradient: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  /// dγ and dβ of each group.
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    attributes.groupSize > 0 ? 2 * inputs[2].byteCount : 0
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, mean, inverse) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3])
    let gamma = attributes.scale ? c.inputs[4] : nil
    let (dx, dgamma, dbeta) = (c.outputs[0], c.outputs[1], c.outputs[2])
    let (shape, groups) = (try attributes.shape(of: x.shape), try attributes.groups(of: x.shape))
    let temporary = c.temporary
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        let gamma: UnsafePointer<T>? = gamma.map { memory.read($0) }
        if let groups {
          ghostBatchNormBackward(
            dy: memory.read(dy), x: memory.read(x), gamma: gamma, mean: memory.read(mean),
            inverseStd: memory.read(inverse), dx: memory.write(dx), dgamma: memory.write(dgamma),
            dbeta: memory.write(dbeta), partials: memory.write(temporary), groups: groups)
        } else {
          batchNormBackward(
            dy: memory.read(dy), x: memory.read(x), gamma: gamma, mean: memory.read(mean),
            inverseStd: memory.read(inverse), dx: memory.write(dx), dgamma: memory.write(dgamma),
            dbeta: memory.write(dbeta), shape: shape)
        }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension BatchNormInference: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }
  func lower(_ c: Lowering) throws -> Step { try lower(c, relu: false) }

  func lower(_ c: Lowering, relu: Bool) throws -> Step {
    let (x, y) = (c.x, c.y)
    let gamma = attributes.gammaIndex.map { c.inputs[$0] }
    let beta = attributes.betaIndex.map { c.inputs[$0] }
    let (mean, variance) = (c.inputs[c.inputs.count - 2], c.inputs[c.inputs.count - 1])
    let (shape, epsilon) = (try attributes.shape(of: x.shape), attributes.epsilon)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormInference(
          x: memory.read(x, as: T.self), gamma: gamma.map { memory.read($0) }, beta: beta.map { memory.read($0) },
          movingMean: memory.read(mean), movingVariance: memory.read(variance), y: memory.write(y), shape: shape,
          epsilon: epsilon, relu: relu)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension FusedBatchNormInference {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }
  func lower(_ c: Lowering) throws -> Step { try norm.lower(c, relu: true) }
}

extension BatchNormInferenceGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, mean, variance) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3])
    let gamma = attributes.scale ? c.inputs[4] : nil
    let (dx, dgamma, dbeta) = (c.outputs[0], c.outputs[1], c.outputs[2])
    let (shape, epsilon) = (try attributes.shape(of: x.shape), attributes.epsilon)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormInferenceBackward(
          dy: memory.read(dy, as: T.self), x: memory.read(x), gamma: gamma.map { memory.read($0) },
          movingMean: memory.read(mean), movingVariance: memory.read(variance), dx: memory.write(dx),
          dgamma: memory.write(dgamma), dbeta: memory.write(dbeta), shape: shape, epsilon: epsilon)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}
