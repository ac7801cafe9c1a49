import Graph
import Tensor

extension Draft {
  /// What a thread's second-level cache is to hold of the rows in work.
  private static let blockBytes = 1 << 20

  /// Joins steps that treat the rows of a large batch alone into one that computes a few rows at a time, so that what
  /// one step writes is still in the cache when the next one reads it, and threads meet once instead of at each step.
  mutating func blockRows() throws {
    guard let rows = batchRows, let blocking = chooseBlocks(rows: rows) else { return }
    let (body, blockRows) = (blocking.body, blocking.blockRows)
    let isInBody = Set(body)
    let inside = body.map { instructions[$0] }
    let made = Set(inside.flatMap(\.outputs))
    // What others need of the body.
    let readOutside = Set(
      instructions.indices.filter { !isInBody.contains($0) }.flatMap { instructions[$0].reads }
        + outputs + assignments.map(\.value))
    let results = inside.flatMap(\.outputs).filter { readOutside.contains($0) }
    let resultBytes = results.reduce(0) { $0 + types[$1].byteCount }
    let madeBytes = made.reduce(0) { $0 + types[$1].byteCount }
    guard madeBytes >= 2 * resultBytes else { return }

    let operands = blocking.sliced.sorted() + blocking.whole.sorted()
    let operation = RowBlocks(
      try RowBlockPlan(
        instructions: inside, types: types, operands: operands, slicedCount: blocking.sliced.count, results: results,
        rows: rows, blockRows: blockRows))
    let joined = Instruction(operation: operation, inputs: operands, outputs: results)
    // Behind it comes what depends on it.
    var depends = made
    var (before, after): ([Instruction], [Instruction]) = ([], [])
    for (index, instruction) in instructions.enumerated() where !isInBody.contains(index) {
      if instruction.inputs.contains(where: depends.contains) {
        depends.formUnion(instruction.outputs)
        after.append(instruction)
      } else {
        before.append(instruction)
      }
    }
    instructions = before + [joined] + after
  }

  /// The batch: the extent of the first input's first axis.
  private var batchRows: Int? {
    let inputs = sources.filter { if case .input = $0.place { true } else { false } }
    guard let rows = inputs.first.flatMap({ types[$0.value].shape.dims.first }), rows >= 2 else { return nil }
    return rows
  }

  private struct Blocking {
    var blockRows = 0
    /// Indices of instructions.
    var body: [Int] = []
    /// Values from outside that are read by rows, and those that are read whole.
    var sliced = Set<Int>()
    var whole = Set<Int>()
  }

  /// The instructions to join, nil when it does not pay.
  private func chooseBlocks(rows: Int) -> Blocking? {
    // The rows of one instruction decide how many fit; then weights must not outweigh the rows that they are read for.
    let all = blocking(rows: rows) { _, _ in true }
    guard let rowBytes = all.body.map({ bytes(instructions[$0], rows).perRow }).max(), rowBytes > 0 else { return nil }
    let fitting = Draft.blockBytes / rowBytes
    guard fitting >= 1, rows / 3 >= fitting else { return nil }
    // Enough blocks for several threads, whatever their number: results must not depend on it.
    let most = max(1, min(fitting, rows / 8))
    let blockRows = 1 << (Int.bitWidth - 1 - most.leadingZeroBitCount)
    var chosen = blocking(rows: rows) { perRow, whole in whole <= perRow * blockRows }
    chosen.blockRows = blockRows
    return chosen.body.count >= 2 ? chosen : nil
  }

  /// Bytes that an instruction moves for each row, and of operands that it reads whole.
  private func bytes(_ instruction: Instruction, _ rows: Int) -> (perRow: Int, whole: Int) {
    let byRows = instruction.operation.rowInputs(types(instruction.inputs), types(instruction.outputs)) ?? []
    var result = (perRow: 0, whole: 0)
    for (position, value) in instruction.inputs.enumerated() {
      if byRows.contains(position) {
        result.perRow += types[value].byteCount / rows
      } else {
        result.whole += types[value].byteCount
      }
    }
    for value in instruction.outputs { result.perRow += types[value].byteCount / rows }
    return result
  }

  /// What can be joined of the instructions that `pays` (bytes per row, bytes of whole operands) accepts.
  private func blocking(rows: Int, pays: (Int, Int) -> Bool) -> Blocking {
    var result = Blocking()
    // Rows that come from inputs, made inside or outside of the body; what depends on the body but is not in it.
    var fromInputs = Set<Int>()
    for (value, place) in sources {
      if case .input = place, types[value].shape.dims.first == rows { fromInputs.insert(value) }
    }
    var (inside, behind) = (Set<Int>(), Set<Int>())
    let firstFree = (instructions.lastIndex { $0.operation.canFail } ?? -1) + 1
    for index in firstFree..<max(firstFree, instructions.count) {
      let instruction = instructions[index]
      let (inputs, outputs) = (types(instruction.inputs), types(instruction.outputs))
      func join() -> Bool {
        guard instruction.operation.shapeOnlyInputs.isEmpty, outputs.first?.shape.dims.first == rows,
          let positions = instruction.operation.rowInputs(inputs, outputs), !positions.isEmpty
        else { return false }
        let sliced = Set(positions.map { instruction.inputs[$0] })
        let whole = Set(inputs.indices.filter { !positions.contains($0) }.map { instruction.inputs[$0] })
        guard !sliced.isDisjoint(with: fromInputs), behind.isDisjoint(with: instruction.inputs),
          inside.union(result.sliced).union(sliced).isDisjoint(with: whole), result.whole.isDisjoint(with: sliced)
        else { return false }
        let (perRow, wholeBytes) = bytes(instruction, rows)
        guard pays(perRow, wholeBytes) else { return false }
        result.sliced.formUnion(sliced.subtracting(inside))
        result.whole.formUnion(whole)
        return true
      }
      if join() {
        result.body.append(index)
        inside.formUnion(instruction.outputs)
        fromInputs.formUnion(instruction.outputs)
      } else if instruction.inputs.contains(where: { inside.contains($0) || behind.contains($0) }) {
        behind.formUnion(instruction.outputs)
      }
    }
    return result
  }
}
