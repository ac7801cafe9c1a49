import Graph
import Tensor

extension Draft {
  /// Brings bias and ReLU next to the convolution or product whose result is first reshaped (over one axis) or
  /// transposed (channels first), so that they fuse: elementwise operations may come before a change of layout as well.
  mutating func sinkLayouts() {
    let uses = useCounts()
    var result: [Instruction?] = []
    var makers = [Int: Int]()
    // Results of what has been moved in front of a layout.
    var moved = Set<Int>()
    func append(_ instruction: Instruction) {
      for value in instruction.outputs { makers[value] = result.count }
      result.append(instruction)
    }
    for instruction in instructions {
      guard let position = instruction.inputs.firstIndex(where: { makers[$0].map { result[$0]?.isLayout } == true }),
        uses[instruction.inputs[position]] == 1, let place = makers[instruction.inputs[position]],
        let layout = result[place],
        makers[layout.inputs[0]].map({ result[$0]?.isLinear }) == true
          || moved.contains(layout.inputs[0]),
        let inputs = inputsBefore(layout, instruction, position, result, makers)
      else {
        append(instruction)
        continue
      }
      let early = newValue(types[layout.inputs[0]])
      result[place] = nil
      append(Instruction(operation: instruction.operation, inputs: inputs, outputs: [early]))
      append(Instruction(operation: layout.operation, inputs: [early], outputs: instruction.outputs))
      moved.insert(early)
    }
    instructions = result.compactMap { $0 }
  }

  /// The inputs that a ReLU or the addition of a bias behind a layout has in front of it, nil for anything else.
  private func inputsBefore(
    _ layout: Instruction, _ user: Instruction, _ position: Int, _ instructions: [Instruction?], _ makers: [Int: Int]
  ) -> [Int]? {
    if (user.operation as? Unary)?.kind == .relu { return layout.inputs }
    guard (user.operation as? Binary)?.kind == .add, types[user.outputs[0]] == types[layout.outputs[0]] else {
      return nil
    }
    let (before, after) = (types[layout.inputs[0]].shape, types[layout.outputs[0]].shape)
    var bias = user.inputs[1 - position]
    switch layout.operation {
    case is Reshape:
      guard after.rank >= 1, before.dims.last == after.dims.last else { return nil }
    case let transpose as Transpose:
      // The bias has been given axes of extent 1 behind the one of the channels.
      let axes = transpose.axes.map { $0 < 0 ? $0 + before.rank : $0 }
      guard let channel = axes.firstIndex(of: before.rank - 1), let maker = makers[bias],
        let reshape = instructions[maker], reshape.operation is Reshape
      else { return nil }
      let spread = types[bias].shape
      let place = channel - (after.rank - spread.rank)
      guard place >= 0, spread[place] == spread.count else { return nil }
      bias = reshape.inputs[0]
    default: return nil
    }
    guard types[bias].shape == [before.dims.last ?? -1] else { return nil }
    return [layout.inputs[0], bias]
  }
}

extension Instruction {
  fileprivate var isLayout: Bool { operation is Transpose || (operation as? Reshape).map { $0.form != .like } == true }
  fileprivate var isLinear: Bool { operation is Convolution || operation is MatrixMultiply }
}
