import Graph
import Tensor

extension Draft {
  /// Batch normalization, ReLU if there is one, and max pooling as one step; backward the gradients of all three, of a
  /// ReLU in front of the normalization and of the bias there as one. The normalized tensor and its gradient, as large
  /// as x, then never exist.
  ///
  /// Pooling is of channels-last images. Where the normalization is of channels-first ones, the changes of layout around
  /// the pooling and its gradient go as well.
  mutating func fusePooling() {
    let uses = useCounts()
    let readers = readers()
    let producers = producers()
    var replaced = [Int: Instruction]()
    var gone = Set<Int>()
    for index in instructions.indices {
      guard let forward = pooledNormalization(index, readers, producers) else { continue }
      let norm = instructions[forward.norm]
      var operation = FusedBatchNormPooling(
        norm: forward.operation, relu: forward.relu, pooling: forward.pooling, channelsFirst: forward.layout != nil)
      let results = [forward.pooled] + norm.outputs.dropFirst()
      // Nobody but what is fused may read what will not exist.
      func areRead(_ expected: [(value: Int, by: Set<Int>)]) -> Bool {
        expected.allSatisfy { value, by in Set(readers[value]) == by && uses[value] == by.count }
      }
      if areRead(forward.hidden(and: [], behindRelu: [])) {
        replaced[forward.norm] = Instruction(operation: operation, inputs: norm.inputs, outputs: results)
        gone.formUnion(forward.fused)
        continue
      }
      guard let chain = gradientChain(forward, uses, readers, producers),
        areRead(forward.hidden(and: [chain.unpool], behindRelu: Set([chain.relu].compactMap { $0 })))
      else { continue }
      let picked = newValue(types[forward.pooled])
      operation.keepsPicked = true
      replaced[forward.norm] = Instruction(operation: operation, inputs: norm.inputs, outputs: results + [picked])
      let gradient = instructions[chain.norm]
      var outputs = gradient.outputs
      if let front = chain.front { outputs = [front.dx] + outputs.dropFirst() + [front.dbias] }
      replaced[chain.norm] = Instruction(
        operation: FusedPoolingGradient(
          norm: forward.operation.attributes, relu: forward.relu, pooling: forward.pooling,
          rectifies: chain.front != nil, channelsFirst: forward.layout != nil),
        inputs: [chain.dy, picked] + gradient.inputs.dropFirst(), outputs: outputs)
      gone.formUnion(forward.fused + chain.fused)
    }
    instructions = instructions.indices.filter { !gone.contains($0) }.map { replaced[$0] ?? instructions[$0] }
  }

  /// Positions of a training normalization and what follows it up to the pooling's result, and their values.
  private struct PooledNormalization {
    let pool, norm: Int
    let operation: BatchNorm
    let relu: Bool
    let pooling: Pooling
    /// The changes of layout in front of and behind the pooling of channels-first images.
    let layout: (front: Int, behind: Int)?
    /// The normalized images, and the pooled ones, in the normalization's layout.
    let y, pooled: Int
    /// The same as the pooling has them.
    let source, result: Int

    /// What goes.
    var fused: [Int] { [pool] + (layout.map { [$0.front, $0.behind] } ?? []) }

    /// Values that will not exist, and who may read them: `unpool` reads what the pooling has, `relu` what is pooled.
    func hidden(and unpool: Set<Int>, behindRelu relu: Set<Int>) -> [(value: Int, by: Set<Int>)] {
      guard let layout else { return [(y, unpool.union(relu).union([pool]))] }
      return [(y, relu.union([layout.front])), (source, unpool.union([pool])), (result, unpool.union([layout.behind]))]
    }
  }

  /// The normalization over the channels of the whole batch that makes what is pooled in windows side by side.
  private func pooledNormalization(_ index: Int, _ readers: [[Int]], _ producers: [Int]) -> PooledNormalization? {
    guard let pooling = instructions[index].operation as? Pooling, pooling.isMaximum, pooling.size.count == 2,
      pooling.window.strides == pooling.size
    else { return nil }
    let (source, result) = (instructions[index].inputs[0], instructions[index].outputs[0])
    var (y, pooled, layout): (Int, Int, (front: Int, behind: Int)?) = (source, result, nil)
    if producers[source] >= 0, instructions[producers[source]].turnsChannels(.toLast) {
      // Windows of other sizes would be walked number by number.
      guard pooling.size == [2, 2],
        let behind = readers[result].first(where: { instructions[$0].turnsChannels(.toFirst) })
      else { return nil }
      layout = (producers[source], behind)
      y = instructions[producers[source]].inputs[0]
      pooled = instructions[behind].outputs[0]
    }
    let maker = producers[y]
    guard maker >= 0, instructions[maker].outputs[0] == y else { return nil }
    let (operation, relu): (BatchNorm, Bool)
    switch instructions[maker].operation {
    case let norm as BatchNorm: (operation, relu) = (norm, false)
    case let fused as FusedBatchNorm: (operation, relu) = (fused.norm, true)
    default: return nil
    }
    let axis = operation.attributes.axis
    let isOverChannels = layout == nil ? axis == -1 || axis == 3 : axis == 1 || axis == -3
    guard isOverChannels, operation.attributes.groupSize == 0 else { return nil }
    return PooledNormalization(
      pool: index, norm: maker, operation: operation, relu: relu, pooling: pooling, layout: layout, y: y,
      pooled: pooled, source: source, result: result)
  }

  /// Positions of the instructions that bring the pooled tensor's gradient back to the normalization's input.
  private struct GradientChain {
    let unpool, norm: Int
    let relu: Int?
    /// The pooled tensor's gradient in the normalization's layout.
    let dy: Int
    /// The gradient of the ReLU in front of the normalization and that of its bias.
    let front: (dx: Int, dbias: Int)?
    /// What goes.
    let fused: [Int]
  }

  private func gradientChain(
    _ forward: PooledNormalization, _ uses: [Int], _ readers: [[Int]], _ producers: [Int]
  ) -> GradientChain? {
    let norm = instructions[forward.norm]
    func onlyReader(_ value: Int) -> Int? { uses[value] == 1 ? readers[value].first : nil }
    guard
      let unpool = readers[forward.source].first(where: {
        instructions[$0].operation is MaxPoolingGradient
          && Array(instructions[$0].inputs.dropFirst()) == [forward.source, forward.result]
      })
    else { return nil }
    var (dy, value, fused) = (instructions[unpool].inputs[0], instructions[unpool].outputs[0], [unpool])
    if forward.layout != nil {
      guard producers[dy] >= 0, instructions[producers[dy]].turnsChannels(.toLast), let back = onlyReader(value),
        instructions[back].turnsChannels(.toFirst)
      else { return nil }
      fused += uses[dy] == 1 ? [producers[dy], back] : [back]
      (dy, value) = (instructions[producers[dy]].inputs[0], instructions[back].outputs[0])
    }
    var relu: Int?
    if forward.relu {
      guard let position = onlyReader(value), instructions[position].operation is ReluGradient,
        instructions[position].inputs == [value, forward.y]
      else { return nil }
      (relu, value) = (position, instructions[position].outputs[0])
      fused.append(position)
    }
    let x = norm.inputs[0]
    guard let position = onlyReader(value), instructions[position].operation is BatchNormGradient,
      instructions[position].inputs[0] == value, instructions[position].inputs[1] == x,
      instructions[position].inputs[2] == norm.outputs[1], instructions[position].inputs[3] == norm.outputs[3]
    else { return nil }
    let front = onlyReader(instructions[position].outputs[0]).flatMap {
      reluInFront($0, instructions[position].outputs[0], x, readers, channelsFirst: forward.layout != nil)
    }
    return GradientChain(
      unpool: unpool, norm: position, relu: relu, dy: dy, front: front.map { ($0.dx, $0.dbias) },
      fused: fused + (front?.fused ?? []))
  }

  /// The gradient of a ReLU with bias, whose result x is, if that is what reads the gradient of x.
  private func reluInFront(_ position: Int, _ gradient: Int, _ x: Int, _ readers: [[Int]], channelsFirst: Bool)
    -> (dx: Int, dbias: Int, fused: [Int])?
  {
    let instruction = instructions[position]
    guard instruction.inputs == [gradient, x] else { return nil }
    if !channelsFirst {
      guard instruction.operation is ReluBiasGradient else { return nil }
      return (instruction.outputs[0], instruction.outputs[1], [position])
    }
    // The bias has been given axes of extent 1 behind the one of the channels.
    let channels = types[x].shape[1]
    guard instruction.operation is ReluGradient,
      let sum = readers[instruction.outputs[0]].first(where: {
        instructions[$0].operation is SumTo
          && [[channels, 1, 1], [1, channels, 1, 1]].contains(types[instructions[$0].outputs[0]].shape.dims)
      })
    else { return nil }
    return (instruction.outputs[0], instructions[sum].outputs[0], [position, sum])
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

extension Instruction {
  fileprivate enum Turn {
    case toLast, toFirst
  }

  /// Whether this brings the channels of images to another place.
  fileprivate func turnsChannels(_ turn: Turn) -> Bool {
    guard let axes = (operation as? Transpose)?.axes, axes.count == 4 else { return false }
    return axes.map { $0 < 0 ? $0 + 4 : $0 } == (turn == .toLast ? [0, 2, 3, 1] : [0, 3, 1, 2])
  }
}

/// (y, mean, variance, 1/σ [, x at each window's maximum]) from x [, γ] [, β].
struct FusedBatchNormPooling: Lowerable {
  let norm: BatchNorm
  let relu: Bool
  /// Of channels-last images; x and y have their channels first with `channelsFirst`.
  let pooling: Pooling
  let channelsFirst: Bool
  var keepsPicked = false
  var name: String { "batch_norm" + (relu ? "+relu" : "") + "+max_pool2d" }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    let types = try norm.infer(inputs)
    var pooled = try pooling.infer([channelsFirst ? types[0].channelsLast : types[0]])
    if channelsFirst { pooled = pooled.map(\.channelsFirst) }
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
  let channelsFirst: Bool

  var name: String {
    "max_pool2d_gradient" + (relu ? "+relu_gradient" : "") + "+batch_norm_gradient"
      + (rectifies ? "+relu_gradient+bias_gradient" : "")
  }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    [inputs[2]] + [TensorType](repeating: inputs[3], count: rectifies ? 3 : 2)
  }
}

extension TensorType {
  /// The type of images whose channels are moved from or to the second axis.
  var channelsLast: TensorType { TensorType(dtype, [shape[0], shape[2], shape[3], shape[1]]) }
  var channelsFirst: TensorType { TensorType(dtype, [shape[0], shape[3], shape[1], shape[2]]) }
}
