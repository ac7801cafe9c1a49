import Graph
import Tensor

extension Draft {
  /// Fuses chains of operations into one step each. Rules look at pairs (a producer with a single use, its user), so
  /// longer chains fuse step by step.
  mutating func fuse() {
    sinkLayouts()
    fuseEpilogues()
    fuseReluBiasGradients()
    fusePooling()
    fuseReluNormGradients()
    foldInference()
  }

  /// Convolution, matrix product or batch normalization, then bias, then ReLU.
  private mutating func fuseEpilogues() {
    let uses = useCounts()
    var producers = producers()
    var isGone = [Bool](repeating: false, count: instructions.count)
    for index in instructions.indices {
      let user = instructions[index]
      for (position, value) in user.inputs.enumerated() {
        let maker = producers[value]
        guard maker >= 0, !isGone[maker], uses[value] == 1, instructions[maker].outputs[0] == value,
          let fused = fusedEpilogue(instructions[maker], user, position)
        else { continue }
        // A linear operation moves to its user, where the bias exists; a normalization stays, since its statistics may
        // have been read in between.
        let place = fused.operation is FusedLinear ? index : maker
        isGone[place == index ? maker : index] = true
        instructions[place] = fused
        for output in fused.outputs { producers[output] = place }
        break
      }
    }
    instructions = instructions.indices.filter { !isGone[$0] }.map { instructions[$0] }
  }

  private func fusedEpilogue(_ maker: Instruction, _ user: Instruction, _ position: Int) -> Instruction? {
    let isRelu = (user.operation as? Unary)?.kind == .relu
    let isAdd = (user.operation as? Binary)?.kind == .add
    if isRelu, let norm = maker.operation as? BatchNorm {
      let outputs = [user.outputs[0]] + maker.outputs.dropFirst()
      return Instruction(operation: FusedBatchNorm(norm: norm), inputs: maker.inputs, outputs: outputs)
    }
    if isRelu, let norm = maker.operation as? BatchNormInference {
      return Instruction(
        operation: FusedBatchNormInference(norm: norm), inputs: maker.inputs, outputs: user.outputs)
    }
    var linear: FusedLinear
    switch maker.operation {
    case let op as FusedLinear: linear = op
    case let op as Convolution: linear = FusedLinear(base: .convolution(op))
    case let op as MatrixMultiply where types[maker.inputs[1]].shape.rank == 2 && !op.transposeA:
      linear = FusedLinear(base: .product(op))
    default: return nil
    }
    guard !linear.relu else { return nil }
    if isRelu {
      linear.relu = true
      return Instruction(operation: linear, inputs: maker.inputs, outputs: user.outputs)
    }
    let bias = user.inputs.count == 2 ? user.inputs[1 - position] : -1
    guard isAdd, !linear.bias, types[bias].shape == [types[maker.outputs[0]].shape.dims.last ?? -1] else { return nil }
    linear.bias = true
    return Instruction(operation: linear, inputs: maker.inputs + [bias], outputs: user.outputs)
  }

  /// ReLU's gradient and the sum over all but the last axis that gives the bias its gradient.
  private mutating func fuseReluBiasGradients() {
    let producers = producers()
    var isGone = [Bool](repeating: false, count: instructions.count)
    for index in instructions.indices {
      let user = instructions[index]
      guard user.operation is SumTo else { continue }
      let maker = producers[user.inputs[0]]
      let (from, to) = (types[user.inputs[0]].shape, types[user.outputs[0]].shape)
      guard maker >= 0, instructions[maker].operation is ReluGradient, from.rank >= 2, to == [from.dims.last ?? -1]
      else { continue }
      instructions[maker].operation = ReluBiasGradient()
      instructions[maker].outputs.append(user.outputs[0])
      isGone[index] = true
    }
    instructions = instructions.indices.filter { !isGone[$0] }.map { instructions[$0] }
  }
}

extension Draft {
  /// The gradients of a ReLU and of the batch normalization in front of it.
  fileprivate mutating func fuseReluNormGradients() {
    let (uses, producers) = (useCounts(), producers())
    var gone = Set<Int>()
    for index in instructions.indices {
      guard let gradient = instructions[index].operation as? BatchNormGradient, gradient.attributes.groupSize == 0
      else { continue }
      let inputs = instructions[index].inputs
      let maker = producers[inputs[0]]
      guard maker >= 0, uses[inputs[0]] == 1, instructions[maker].operation is ReluGradient else { continue }
      instructions[index].operation = ReluNormGradient(norm: gradient)
      instructions[index].inputs =
        [instructions[maker].inputs[0]] + inputs.dropFirst() + [instructions[maker].inputs[1]]
      gone.insert(maker)
    }
    instructions = instructions.indices.filter { !gone.contains($0) }.map { instructions[$0] }
  }
}

/// (dx, dγ, dβ) from dy, x, mean, 1/σ [, γ] and the ReLU's result.
struct ReluNormGradient: Lowerable {
  let norm: BatchNormGradient
  var name: String { "relu_gradient+batch_norm_gradient" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { try norm.infer(Array(inputs.dropLast())) }
}

/// Convolution or matrix product with bias and ReLU in its epilogue. Inputs x, w [, bias] [, kept weights].
struct FusedLinear: Lowerable {
  enum Base {
    case convolution(Convolution)
    case product(MatrixMultiply)
  }

  let base: Base
  var bias = false
  var relu = false
  var kept: KeptWeights?

  var name: String {
    let head = if case .convolution(let op) = base { op.name } else { "matmul" }
    return head + (bias ? "+bias" : "") + (relu ? "+relu" : "")
  }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    switch base {
    case .convolution(let op): try op.infer(Array(inputs.prefix(2)))
    case .product(let op): try op.infer(Array(inputs.prefix(2)))
    }
  }
}

/// Batch normalization of a training step with ReLU.
struct FusedBatchNorm: Lowerable {
  let norm: BatchNorm
  var name: String { "batch_norm+relu" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { try norm.infer(inputs) }
}

/// Batch normalization by moving statistics with ReLU.
struct FusedBatchNormInference: Lowerable {
  let norm: BatchNormInference
  var name: String { "batch_norm_inference+relu" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { try norm.infer(inputs) }
}

/// (dx, dbias) from (dy, y).
struct ReluBiasGradient: Lowerable {
  var name: String { "relu_gradient+bias_gradient" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    [inputs[0], TensorType(inputs[0].dtype, [inputs[0].shape.dims.last ?? 1])]
  }
}
