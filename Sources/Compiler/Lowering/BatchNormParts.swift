import Graph
import Kernels
import Tensor

extension BatchMoments {
  func lower(_ c: Lowering) throws -> Step {
    let (x, moments, shape) = (c.x, c.y, try attributes.shape(of: c.x.shape))
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { channelMoments($0.read(x, as: T.self), moments: $0.write(moments), shape: shape) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension MergedMoments {
  func lower(_ c: Lowering) throws -> Step {
    let (blocks, moments) = (c.x, c.y)
    let (count, channels, blockCount, lastCount) = (blocks.shape[0], moments.shape[1], blockCount, lastCount)
    return {
      mergeMoments(
        $0.read(blocks), count: count, blockCount: blockCount, lastCount: lastCount, moments: $0.write(moments),
        channels: channels)
    }
  }
}

extension BatchNormCoefficients {
  func lower(_ c: Lowering) throws -> Step {
    let (moments, results, count, epsilon) = (c.x, c.outputs, count, attributes.epsilon)
    let gamma = attributes.gammaIndex.map { c.inputs[$0] }
    let beta = attributes.betaIndex.map { c.inputs[$0] }
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        normalizationCoefficients(
          moments: memory.read(moments), count: count, gamma: gamma.map { memory.read($0, as: T.self) },
          beta: beta.map { memory.read($0) }, mean: memory.write(results[0]), variance: memory.write(results[1]),
          inverseStd: memory.write(results[2]), scale: memory.write(results[3]), offset: memory.write(results[4]),
          channels: results[0].count, epsilon: epsilon)
      }
    }
    return try c.forFloat(results[0]) { make($0) }
  }
}

extension Normalization {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    pooling == nil ? [(0, 0)] : []
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, mean, scale, offset, y) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3], c.y)
    let picked = c.outputs.count > 1 ? c.outputs[1] : nil
    let (shape, relu) = (try attributes.shape(of: x.shape), relu)
    let windows = pooling.map { PoolingStages($0, x: x.type, y: y.type).planes }
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      guard let windows else {
        return {
          normalize(
            $0.read(x, as: T.self), mean: $0.read(mean), scale: $0.read(scale), offset: $0.read(offset), $0.write(y),
            shape: shape, relu: relu)
        }
      }
      return { memory in
        normalizeMaxPooling2D(
          x: memory.read(x, as: T.self), mean: memory.read(mean), scale: memory.read(scale),
          offset: memory.read(offset), y: memory.write(y), picked: picked.map { memory.write($0) }, shape: windows,
          relu: relu)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension BatchNormGradientSums {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, mean, sums) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y)
    let y = c.inputs.count > 3 ? c.inputs[3] : nil
    let (shape, isPicked) = (try attributes.shape(of: x.shape), isPicked)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormGradientSums(
          dy: memory.read(dy, as: T.self), x: memory.read(x), y: y.map { memory.read($0) }, mean: memory.read(mean),
          sums: memory.write(sums), shape: shape, isPicked: isPicked)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension BatchNormGradientCoefficients {
  func lower(_ c: Lowering) throws -> Step {
    let (sums, x, mean, inverse, results) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3], c.outputs)
    let gamma = attributes.scale ? c.inputs[4] : nil
    let shape = try attributes.shape(of: x.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormGradientCoefficients(
          sums: memory.read(sums), x: memory.read(x, as: T.self), gamma: gamma.map { memory.read($0) },
          mean: memory.read(mean), inverseStd: memory.read(inverse), dgamma: memory.write(results[0]),
          dbeta: memory.write(results[1]), scale: memory.write(results[2]), slope: memory.write(results[3]),
          constant: memory.write(results[4]), shape: shape)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension BatchNormGradientMap {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, dx) = (c.inputs[0], c.inputs[1], c.y)
    let (mean, scale, slope, constant) = (c.inputs[2], c.inputs[3], c.inputs[4], c.inputs[5])
    let y = c.inputs.count > 6 ? c.inputs[6] : nil
    let shape = try attributes.shape(of: x.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormGradientMap(
          dy: memory.read(dy, as: T.self), x: memory.read(x), y: y.map { memory.read($0) }, mean: memory.read(mean),
          scale: memory.read(scale), slope: memory.read(slope), constant: memory.read(constant), dx: memory.write(dx),
          shape: shape)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension PoolingGradientMap {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(2, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, picked, x, mean) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3])
    let (scale, slope, constant) = (c.inputs[4], c.inputs[5], c.inputs[6])
    let (dx, dbias) = (c.outputs[0], fused.rectifies ? c.outputs[1] : nil)
    let (shape, relu) = (PoolingStages(fused.pooling, x: x.type, y: dy.type).planes, fused.relu)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        batchNormMaxPooling2DGradientMap(
          dy: memory.read(dy, as: T.self), picked: memory.read(picked), x: memory.read(x), mean: memory.read(mean),
          scale: memory.read(scale), slope: memory.read(slope),
          constant: memory.read(constant), dx: memory.write(dx), dbias: dbias.map { memory.write($0) }, shape: shape,
          relu: relu)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}
