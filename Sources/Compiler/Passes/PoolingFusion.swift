import Graph
import Tensor

extension Draft {
  /// Batch normalization, ReLU if there is one, and max pooling as one step; backward the gradients of all three, of a
  /// ReLU in front of the normalization and of the bias there as one. The normalized tensor and its gradient, as large
  /// as x, then never exist.
  mutating func fusePooling() {
    let uses = useCounts()
    let readers = readers()
    let producers = producers()
    var replaced = [Int: Instruction]()
    var gone = Set<Int>()
    for index in instructions.indices {
      guard let pooling = instructions[index].operation as? Pooling,
        let forward = pooledNormalization(index, pooling, producers)
      else { continue }
      let norm = instructions[forward.norm]
      let (y, pooled) = (norm.outputs[0], instructions[index].outputs[0])
      // Besides the pooling, only its gradient and that of the ReLU may read what it pools.
      let others = readers[y].filter { $0 != index }
      var operation = FusedBatchNormPooling(norm: forward.operation, relu: forward.relu, pooling: pooling)
      guard !outputs.contains(y), !assignments.contains(where: { $0.value == y }) else { continue }
      if others.isEmpty {
        replaced[forward.norm] = Instruction(
          operation: operation, inputs: norm.inputs, outputs: [pooled] + norm.outputs.dropFirst())
        gone.insert(index)
        continue
      }
      guard let chain = gradientChain(y, pooled, norm, forward.relu, uses, readers), Set(others) == chain.readersOfY
      else { continue }
      let picked = newValue(types[pooled])
      operation.keepsPicked = true
      replaced[forward.norm] = Instruction(
        operation: operation, inputs: norm.inputs, outputs: [pooled] + norm.outputs.dropFirst() + [picked])
      let (unpool, gradient) = (instructions[chain.unpool], instructions[chain.norm])
      var outputs = gradient.outputs
      if let relu = chain.reluInFront.map({ instructions[$0] }) {
        outputs = [relu.outputs[0]] + outputs.dropFirst() + relu.outputs.dropFirst()
      }
      replaced[chain.norm] = Instruction(
        operation: FusedPoolingGradient(
          norm: forward.operation.attributes, relu: forward.relu, pooling: pooling,
          rectifies: chain.reluInFront != nil),
        inputs: [unpool.inputs[0], picked] + gradient.inputs.dropFirst(), outputs: outputs)
      gone.formUnion([index, chain.unpool] + [chain.relu, chain.reluInFront].compactMap { $0 })
    }
    instructions = instructions.indices.filter { !gone.contains($0) }.map { replaced[$0] ?? instructions[$0] }
  }

  /// The training normalization, over the last axis of the whole batch, that makes what is pooled in windows apart.
  private func pooledNormalization(_ index: Int, _ pooling: Pooling, _ producers: [Int])
    -> (norm: Int, operation: BatchNorm, relu: Bool)?
  {
    let maker = producers[instructions[index].inputs[0]]
    guard pooling.isMaximum, pooling.size.count == 2, pooling.window.strides == pooling.size, maker >= 0,
      instructions[maker].outputs[0] == instructions[index].inputs[0]
    else { return nil }
    let (operation, relu): (BatchNorm, Bool)
    switch instructions[maker].operation {
    case let norm as BatchNorm: (operation, relu) = (norm, false)
    case let fused as FusedBatchNorm: (operation, relu) = (fused.norm, true)
    default: return nil
    }
    let isLastAxis = operation.attributes.axis == -1 || operation.attributes.axis == 3
    return isLastAxis && operation.attributes.groupSize == 0 ? (maker, operation, relu) : nil
  }

  /// Positions of the instructions that bring the pooled tensor's gradient back to the normalization's input.
  private struct GradientChain {
    let unpool: Int
    let relu: Int?
    let norm: Int
    let reluInFront: Int?
    var readersOfY: Set<Int> { Set([unpool] + (relu.map { [$0] } ?? [])) }
  }

  private func gradientChain(
    _ y: Int, _ pooled: Int, _ norm: Instruction, _ hasRelu: Bool, _ uses: [Int], _ readers: [[Int]]
  ) -> GradientChain? {
    guard
      let unpool = readers[y].first(where: {
        instructions[$0].operation is MaxPoolingGradient && Array(instructions[$0].inputs.dropFirst()) == [y, pooled]
      })
    else { return nil }
    func onlyReader(_ value: Int) -> Int? { uses[value] == 1 ? readers[value].first : nil }
    guard var next = onlyReader(instructions[unpool].outputs[0]) else { return nil }
    var (relu, gradientValue): (Int?, Int) = (nil, instructions[unpool].outputs[0])
    if hasRelu {
      guard instructions[next].operation is ReluGradient, instructions[next].inputs == [gradientValue, y] else {
        return nil
      }
      (relu, gradientValue) = (next, instructions[next].outputs[0])
      guard let after = onlyReader(gradientValue) else { return nil }
      next = after
    }
    let gradient = instructions[next]
    let x = norm.inputs[0]
    guard gradient.operation is BatchNormGradient, gradient.inputs[0] == gradientValue, gradient.inputs[1] == x,
      gradient.inputs[2] == norm.outputs[1], gradient.inputs[3] == norm.outputs[3]
    else { return nil }
    var reluInFront = onlyReader(gradient.outputs[0])
    if let position = reluInFront {
      let isRelu = instructions[position].operation is ReluBiasGradient
      if !isRelu || instructions[position].inputs != [gradient.outputs[0], x] { reluInFront = nil }
    }
    return GradientChain(unpool: unpool, relu: relu, norm: next, reluInFront: reluInFront)
  }

  /// The instructions that read each value.
  private func readers() -> [[Int]] {
    var readers = [[Int]](repeating: [], count: types.count)
    for (index, instruction) in instructions.enumerated() {
      for value in Set(instruction.reads) { readers[value].append(index) }
    }
    return readers
  }
}

/// (y, mean, variance, 1/σ [, x at each window's maximum]) from x [, γ] [, β].
struct FusedBatchNormPooling: Lowerable {
  let norm: BatchNorm
  let relu: Bool
  let pooling: Pooling
  var keepsPicked = false
  var name: String { "batch_norm" + (relu ? "+relu" : "") + "+max_pool2d" }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    let types = try norm.infer(inputs)
    let pooled = try pooling.infer([types[0]])
    return pooled + types.dropFirst() + (keepsPicked ? pooled : [])
  }
}

/// (dx, dγ, dβ [, dbias]) from dy, picked x, x, mean, 1/σ [, γ].
struct FusedPoolingGradient: Lowerable {
  let norm: BatchNormAttributes
  let relu: Bool
  let pooling: Pooling
  /// The gradient goes on through a ReLU with bias, whose result x is.
  let rectifies: Bool

  var name: String {
    "max_pool2d_gradient" + (relu ? "+relu_gradient" : "") + "+batch_norm_gradient"
      + (rectifies ? "+relu_gradient+bias_gradient" : "")
  }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    [inputs[2]] + [TensorType](repeating: inputs[3], count: rectifies ? 3 : 2)
  }
}
