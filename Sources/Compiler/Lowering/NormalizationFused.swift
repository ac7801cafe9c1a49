import Graph
import Kernels
import Tensor

extension FusedBatchNormPooling {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 2 * outputs[1].byteCount }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, mean, variance, inverse) = (c.x, c.outputs[0], c.outputs[1], c.outputs[2], c.outputs[3])
    let picked = keepsPicked ? c.outputs[4] : nil
    let gamma = norm.attributes.gammaIndex.map { c.inputs[$0] }
    let beta = norm.attributes.betaIndex.map { c.inputs[$0] }
    let shape = poolingShape(pooling, x: x.type, y: y.type, channelsFirst: channelsFirst)
    let (epsilon, relu, temporary, channelsFirst) = (norm.attributes.epsilon, relu, c.temporary, channelsFirst)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormMaxPooling2D(
          x: memory.read(x, as: T.self), gamma: gamma.map { memory.read($0) }, beta: beta.map { memory.read($0) },
          y: memory.write(y), picked: picked.map { memory.write($0) }, mean: memory.write(mean),
          variance: memory.write(variance), inverseStd: memory.write(inverse), coefficients: memory.write(temporary),
          shape: shape, epsilon: epsilon, relu: relu, channelsFirst: channelsFirst)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

/// The pooling's extents, those of channels-last images.
private func poolingShape(_ pooling: Pooling, x: TensorType, y: TensorType, channelsFirst: Bool) -> PoolingShape {
  channelsFirst
    ? PoolingStages(pooling, x: x.channelsLast, y: y.channelsLast).planes : PoolingStages(pooling, x: x, y: y).planes
}

extension FusedPoolingGradient {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(2, 0)] }
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 3 * outputs[1].byteCount }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, picked, x) = (c.inputs[0], c.inputs[1], c.inputs[2])
    let (mean, inverse, gamma) = (c.inputs[3], c.inputs[4], norm.scale ? c.inputs[5] : nil)
    let (dx, dgamma, dbeta, dbias) = (c.outputs[0], c.outputs[1], c.outputs[2], rectifies ? c.outputs[3] : nil)
    let shape = poolingShape(pooling, x: x.type, y: dy.type, channelsFirst: channelsFirst)
    let (relu, temporary, channelsFirst) = (relu, c.temporary, channelsFirst)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormMaxPooling2DBackward(
          dy: memory.read(dy, as: T.self), picked: memory.read(picked), x: memory.read(x),
          gamma: gamma.map { memory.read($0) }, mean: memory.read(mean), inverseStd: memory.read(inverse),
          dx: memory.write(dx), dgamma: memory.write(dgamma), dbeta: memory.write(dbeta),
          dbias: dbias.map { memory.write($0) }, coefficients: memory.write(temporary), shape: shape, relu: relu,
          channelsFirst: channelsFirst)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension FusedInferencePooling {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 2 * inputs[1].byteCount }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, temporary) = (c.x, c.y, c.temporary)
    let gamma = norm.attributes.gammaIndex.map { c.inputs[$0] }
    let beta = norm.attributes.betaIndex.map { c.inputs[$0] }
    let (mean, variance) = (c.inputs[c.inputs.count - 2], c.inputs[c.inputs.count - 1])
    let shape = PoolingStages(pooling, x: x.type, y: y.type).planes
    let (epsilon, relu) = (norm.attributes.epsilon, relu)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormInferenceMaxPooling2D(
          x: memory.read(x, as: T.self), gamma: gamma.map { memory.read($0) }, beta: beta.map { memory.read($0) },
          movingMean: memory.read(mean), movingVariance: memory.read(variance), y: memory.write(y),
          coefficients: memory.write(temporary), shape: shape, epsilon: epsilon, relu: relu)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension FoldedWeights {
  func lower(_ c: Lowering) throws -> Step {
    let (w, weights, newBias) = (c.inputs[0], c.outputs[0], c.outputs[1])
    let bias = hasBias ? c.inputs[1] : nil
    // γ and β stand where they do behind x, here behind w and b.
    let first = hasBias ? 1 : 0
    let gamma = norm.gammaIndex.map { c.inputs[$0 + first] }
    let beta = norm.betaIndex.map { c.inputs[$0 + first] }
    let (mean, variance) = (c.inputs[c.inputs.count - 2], c.inputs[c.inputs.count - 1])
    let (channels, epsilon) = (newBias.count, norm.epsilon)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        foldBatchNorm(
          w: memory.read(w, as: T.self), bias: bias.map { memory.read($0) }, gamma: gamma.map { memory.read($0) },
          beta: beta.map { memory.read($0) }, movingMean: memory.read(mean), movingVariance: memory.read(variance),
          weights: memory.write(weights), newBias: memory.write(newBias), rows: w.count / max(channels, 1),
          channels: channels, epsilon: epsilon)
      }
    }
    return try c.forFloat(w) { make($0) }
  }
}

extension ReluNormGradient {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, mean, inverse) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3])
    let (gamma, y) = (norm.attributes.scale ? c.inputs[4] : nil, c.inputs[c.inputs.count - 1])
    let (dx, dgamma, dbeta) = (c.outputs[0], c.outputs[1], c.outputs[2])
    let shape = try norm.attributes.shape(of: x.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormReluBackward(
          dy: memory.read(dy, as: T.self), x: memory.read(x), y: memory.read(y), gamma: gamma.map { memory.read($0) },
          mean: memory.read(mean), inverseStd: memory.read(inverse), dx: memory.write(dx), dgamma: memory.write(dgamma),
          dbeta: memory.write(dbeta), shape: shape)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}
