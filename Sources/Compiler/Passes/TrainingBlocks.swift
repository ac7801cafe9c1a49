import Graph
import Tensor

extension Draft {
  /// Smaller batches are not cut.
  static let leastChainRows = 8
  /// Weights are packed or transformed, and their gradients added up, for every block: they must be small beside it.
  private static let weightShare = 16

  /// Convolutions in training with what lies before and behind them: normalization, ReLU, pooling and their gradients,
  /// and what is gathered over the batch (statistics, gradients of weights and biases) as far as it can be gathered block
  /// by block.
  mutating func blockTraining() throws {
    var start = firstFree
    while start < instructions.count {
      defer { start += 1 }
      let first = instructions[start]
      guard isChained(first),
        let form = first.operation.rowForm(types(first.inputs), types(first.outputs)), let seed = form.inputs.first,
        let rows = types[first.inputs[seed]].shape.dims.first, rows >= Draft.leastChainRows
      else { continue }
      var group = RowGroup(rows: rows, seeds: Set(form.inputs.map { first.inputs[$0] }))
      for index in start..<min(instructions.count, start + 64) {
        group.consider(index, self) { _, _, _ in isChained(instructions[index]) }
      }
      guard group.body.first == start, group.body.contains(where: { instructions[$0].operation.isConvolution }),
        savedBytes(group) >= 2 * Draft.blockBytes,
        let blockRows = blockRows(of: group, leastBytes: 2 * Draft.blockBytes, leastBlocks: 16),
        let last = group.body.last
      else { continue }
      try join(group, blockRows)
      start = last - group.body.count + 1
    }
  }

  private func isChained(_ instruction: Instruction) -> Bool {
    instruction.operation.isBetweenConvolutions || (instruction.operation.isConvolution && canChain(instruction))
  }

  /// The weights of a convolution, or their gradient, are small.
  func canChain(_ instruction: Instruction) -> Bool {
    let type = instruction.operation is ConvolutionWeightGradient ? instruction.outputs[0] : instruction.inputs[1]
    return types[type].byteCount * Draft.weightShare <= Draft.blockBytes
  }

  /// Bytes that instructions of a group find in the cache, and those that need not be written to memory.
  private func savedBytes(_ group: RowGroup) -> Int {
    let (made, results) = self.results(of: group)
    var uses: [Int: Int] = [:]
    for index in group.body { for value in Set(instructions[index].reads) { uses[value, default: 0] += 1 } }
    let kept = Set(results)
    return made.reduce(0) { sum, value in
      let isLarge = group.gathered[value] == nil && types[value].byteCount >= Draft.blockBytes
      return isLarge ? sum + types[value].byteCount * (uses[value, default: 0] + (kept.contains(value) ? 0 : 1)) : sum
    }
  }
}
