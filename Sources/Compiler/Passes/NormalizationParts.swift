import Graph
import Tensor

extension Draft {
  /// Takes batch normalizations of large tensors apart where they lie between convolutions, or where a convolution reads
  /// the gradient that they give: what they gather over the batch, numbers per channel made of that, and a map of each
  /// element. Gathering and maps can then join the convolutions (`blockTraining`) while their rows are in the cache.
  mutating func splitNormalizations() {
    let producers = producers()
    var readers = [[Int]](repeating: [], count: types.count)
    for (index, instruction) in instructions.enumerated() {
      for value in Set(instruction.reads) { readers[value].append(index) }
    }
    var result: [Instruction] = []
    for (index, instruction) in instructions.enumerated() {
      if let norm = instruction.operation.trainingNorm, isWorthSplitting(norm.attributes, instruction.inputs[0]),
        producers[instruction.inputs[0]] >= firstFree, isChainedConvolution(producers[instruction.inputs[0]]),
        readers[instruction.outputs[0]].contains(where: leadsToConvolution)
      {
        result += forwardParts(instruction, norm)
      } else if let norm = instruction.operation.normGradient, isWorthSplitting(norm, instruction.inputs[1]),
        index >= firstFree, readers[instruction.outputs[0]].contains(where: isChainedConvolution)
      {
        result += gradientParts(instruction, norm)
      } else if let fused = instruction.operation as? FusedPoolingGradient, !fused.channelsFirst,
        isWorthSplitting(fused.norm, instruction.inputs[2]), index >= firstFree,
        readers[instruction.outputs[0]].contains(where: isChainedConvolution)
      {
        result += gradientParts(instruction, fused)
      } else {
        result.append(instruction)
      }
    }
    instructions = result
  }

  private func isWorthSplitting(_ attributes: BatchNormAttributes, _ x: Int) -> Bool {
    let type = types[x]
    return attributes.groupSize == 0 && attributes.axis != 0 && attributes.axis != -type.shape.rank
      && type.shape[0] >= Draft.leastChainRows && type.byteCount >= 2 * Draft.blockBytes
  }

  private func isChainedConvolution(_ index: Int) -> Bool {
    instructions[index].operation.isConvolution && canChain(instructions[index])
  }

  /// Gathering alone, without a map that joins the next convolution, costs as much as it saves.
  private func leadsToConvolution(_ index: Int) -> Bool {
    instructions[index].operation.isElementwise || isChainedConvolution(index)
  }

  private mutating func forwardParts(
    _ instruction: Instruction, _ norm: (attributes: BatchNormAttributes, relu: Bool, pooling: Pooling?)
  ) -> [Instruction] {
    let (x, statistics) = (instruction.inputs[0], Array(instruction.outputs[1...3]))
    let type = types[statistics[0]]
    let moments = newValue(TensorType(.float64, [2, type.shape[0]]))
    let (scale, offset) = (newValue(type), newValue(type))
    return [
      Instruction(operation: BatchMoments(attributes: norm.attributes), inputs: [x], outputs: [moments]),
      Instruction(
        operation: BatchNormCoefficients(
          attributes: norm.attributes, count: types[x].shape.count / max(type.shape[0], 1)),
        inputs: [moments] + instruction.inputs.dropFirst(), outputs: statistics + [scale, offset]),
      Instruction(
        operation: Normalization(attributes: norm.attributes, relu: norm.relu, pooling: norm.pooling),
        inputs: [x, statistics[0], scale, offset], outputs: [instruction.outputs[0]] + instruction.outputs.dropFirst(4)),
    ]
  }

  private mutating func gradientParts(_ instruction: Instruction, _ norm: BatchNormAttributes) -> [Instruction] {
    let inputs = instruction.inputs
    let (dy, x, mean) = (inputs[0], inputs[1], inputs[2])
    // The ReLU's result, if there is one.
    let y = Array(inputs.dropFirst(norm.scale ? 5 : 4))
    let (sums, coefficients) = gradientCoefficients(instruction, norm, x: 1)
    return [
      Instruction(
        operation: BatchNormGradientSums(attributes: norm), inputs: [dy, x, mean] + y, outputs: [sums.inputs[0]]),
      sums,
      Instruction(
        operation: BatchNormGradientMap(attributes: norm), inputs: [dy, x, mean] + coefficients + y,
        outputs: [instruction.outputs[0]]),
    ]
  }

  /// With pooling behind it: only what was picked has a gradient.
  private mutating func gradientParts(_ instruction: Instruction, _ fused: FusedPoolingGradient) -> [Instruction] {
    let inputs = instruction.inputs
    let (dy, picked, x, mean) = (inputs[0], inputs[1], inputs[2], inputs[3])
    let (sums, coefficients) = gradientCoefficients(instruction, fused.norm, x: 2)
    return [
      Instruction(
        operation: BatchNormGradientSums(attributes: fused.norm, isPicked: fused.relu), inputs: [dy, picked, mean],
        outputs: [sums.inputs[0]]),
      sums,
      Instruction(
        operation: PoolingGradientMap(fused: fused), inputs: [dy, picked, x, mean] + coefficients,
        outputs: [instruction.outputs[0]] + instruction.outputs.dropFirst(3)),
    ]
  }

  /// What makes dγ and dβ of a gradient whose inputs have x, mean, 1/σ [, γ] at a place; and its new results scale, slope
  /// and constant.
  private mutating func gradientCoefficients(_ instruction: Instruction, _ norm: BatchNormAttributes, x: Int)
    -> (Instruction, coefficients: [Int])
  {
    let known = Array(instruction.inputs[x..<x + (norm.scale ? 4 : 3)])
    let type = types[known[1]]
    let sums = newValue(TensorType(.float64, [2, type.shape[0]]))
    let coefficients = (0..<3).map { _ in newValue(type) }
    return (
      Instruction(
        operation: BatchNormGradientCoefficients(attributes: norm), inputs: [sums] + known,
        outputs: instruction.outputs[1...2] + coefficients),
      coefficients
    )
  }
}

extension Operation {
  /// Normalization by the batch's own statistics, with what follows it in the same step.
  fileprivate var trainingNorm: (attributes: BatchNormAttributes, relu: Bool, pooling: Pooling?)? {
    switch self {
    case let op as BatchNorm: (op.attributes, false, nil)
    case let op as FusedBatchNorm: (op.norm.attributes, true, nil)
    case let op as FusedBatchNormPooling where !op.channelsFirst: (op.norm.attributes, op.relu, op.pooling)
    default: nil
    }
  }

  /// Its gradient, with or without that of a ReLU behind it.
  fileprivate var normGradient: BatchNormAttributes? {
    switch self {
    case let op as BatchNormGradient: op.attributes
    case let op as ReluNormGradient: op.norm.attributes
    default: nil
    }
  }
}

/// Mean and sum of squared deviations (2, C) of x, in Double.
struct BatchMoments: Lowerable {
  let attributes: BatchNormAttributes
  var name: String { "batch_moments" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    let axis = try normalizeAxis(attributes.axis, rank: inputs[0].shape.rank, name)
    return [TensorType(.float64, [2, inputs[0].shape[axis]])]
  }
}

/// The moments (2, C) of a batch from those of its blocks (blocks, 2, C).
struct MergedMoments: Lowerable {
  /// Elements per channel of a block, and of the last one.
  let blockCount, lastCount: Int
  var name: String { "merge_moments" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    [TensorType(.float64, Shape(Array(inputs[0].shape.dims.dropFirst())))]
  }
}

/// (mean, variance, 1/σ, scale, offset) from moments [, γ] [, β].
struct BatchNormCoefficients: Lowerable {
  let attributes: BatchNormAttributes
  /// Elements per channel.
  let count: Int
  var name: String { "batch_norm_coefficients" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    [TensorType](repeating: inputs[inputs.count - 1], count: 5)
  }
}

/// (y [, x at each window's maximum]) from x, mean, scale, offset.
struct Normalization: Lowerable {
  let attributes: BatchNormAttributes
  let relu: Bool
  let pooling: Pooling?
  var name: String { "normalize" + (relu ? "+relu" : "") + (pooling == nil ? "" : "+max_pool2d") }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { try pooling.map { try $0.infer(inputs) } ?? [inputs[0]] }
}

/// (Σ g, Σ g (x - mean)) (2, C) in Double, from dy, x, mean [, the ReLU's result].
struct BatchNormGradientSums: Lowerable {
  let attributes: BatchNormAttributes
  /// x is what a pooling behind the ReLU picked.
  var isPicked = false
  var name: String { "batch_norm_gradient_sums" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [TensorType(.float64, [2, inputs[2].shape[0]])] }
}

/// (dγ, dβ, scale, slope, constant) from the sums, x, mean, 1/σ [, γ].
struct BatchNormGradientCoefficients: Lowerable {
  let attributes: BatchNormAttributes
  var name: String { "batch_norm_gradient_coefficients" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [TensorType](repeating: inputs[2], count: 5) }
}

/// dx from dy, x, mean, scale, slope, constant [, the ReLU's result].
struct BatchNormGradientMap: Lowerable {
  let attributes: BatchNormAttributes
  var name: String { "batch_norm_gradient_map" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [inputs[0]] }
}

/// (dx [, dbias]) from dy, picked x, x, mean, scale, slope, constant.
struct PoolingGradientMap: Lowerable {
  let fused: FusedPoolingGradient
  var name: String {
    "max_pool2d_gradient" + (fused.relu ? "+relu_gradient" : "") + "+batch_norm_gradient_map"
      + (fused.rectifies ? "+relu_gradient+bias_gradient" : "")
  }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [inputs[2]] + (fused.rectifies ? [inputs[3]] : []) }
}
