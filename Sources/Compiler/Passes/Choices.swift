import Graph
import Tensor

/// A condition of one element, and what it has to be.
struct Choice: Hashable {
  let condition: Int
  let isTrue: Bool
}

/// What has to be chosen for values, and for the results of instructions, to be used at all.
struct Needs {
  var ofInstructions: [Set<Choice>]
  /// Nil for values without a use.
  var ofValues: [Set<Choice>?]
}

extension Draft {
  /// `where` with a condition of one element uses one of its two operands, so that what only the other one needs can be
  /// left out. Checks of indices count as no uses: each waits for what the uses of its indices wait for.
  func needs() -> Needs {
    var values = [Set<Choice>?](repeating: nil, count: types.count)
    func common(_ known: Set<Choice>?, _ more: Set<Choice>) -> Set<Choice> { known?.intersection(more) ?? more }
    for value in outputs + assignments.map(\.value) { values[value] = [] }
    var found = [Set<Choice>](repeating: [], count: instructions.count)
    for (index, instruction) in instructions.enumerated().reversed() where !(instruction.operation is IndexCheck) {
      var own: Set<Choice>?
      for need in instruction.outputs.compactMap({ values[$0] }) { own = common(own, need) }
      // Requirements are checked whatever is chosen.
      found[index] = instruction.operation.canFail ? [] : own ?? []
      let chooses = instruction.operation is Where && types[instruction.inputs[0]].shape.count == 1
      let unread = instruction.operation.shapeOnlyInputs
      for (position, value) in instruction.inputs.enumerated() where !unread.contains(position) {
        var need = found[index]
        if chooses && position > 0 {
          need.insert(Choice(condition: instruction.inputs[0], isTrue: position == 1))
        }
        values[value] = common(values[value], need)
      }
    }
    for (index, instruction) in instructions.enumerated() {
      guard let check = instruction.operation as? IndexCheck, !check.isOfOriginal else { continue }
      found[index] = values[instruction.inputs[0]] ?? []
    }
    return Needs(ofInstructions: found, ofValues: values)
  }

  /// For each instruction what has to be chosen for it, as far as that is known before it.
  ///
  /// A condition is kept in memory from where it is computed to its `where`, which comes behind all that waits for it;
  /// and what a condition itself waits for, everything that waits for the condition does, too.
  func choices() -> [[Choice]] {
    let producers = producers()
    return needs().ofInstructions.enumerated().map { index, need in need.filter { producers[$0.condition] < index } }
  }

  /// The instructions that compute a value, if it takes next to nothing to do so before everything else.
  func cheapProducers(of value: Int, _ producers: [Int]) -> Set<Int>? {
    var found = Set<Int>()
    var open = [value]
    while let value = open.popLast() {
      let producer = producers[value]
      guard producer >= 0, found.insert(producer).inserted else { continue }
      let instruction = instructions[producer]
      let bytes = (instruction.reads + instruction.outputs).reduce(0) { $0 + types[$1].byteCount }
      guard bytes <= 4096, instruction.operation.checkedIndices(types(instruction.inputs)) == nil else { return nil }
      open += instruction.reads
    }
    return found
  }
}

/// A step that is left out unless all is chosen as it needs.
func skipping(_ step: @escaping Step, unless choices: [(condition: Operand, isTrue: Bool)]) -> Step {
  if choices.isEmpty { return step }
  return { memory in
    for choice in choices where (memory.read(choice.condition, as: UInt8.self).pointee != 0) != choice.isTrue { return }
    try step(memory)
  }
}
