import Graph
import Tensor

extension Draft {
  /// What a thread's second-level cache is to hold of the rows in work.
  private static let blockBytes = 1 << 20

  /// Joins steps that treat the rows of large tensors alone into one that computes a few rows at a time, so that what
  /// one step writes is still in the cache when the next one reads it, and threads meet once instead of at each step.
  mutating func blockRows() throws {
    try blockPrediction()
    try blockChains()
  }

  /// Whatever computes the rows of a prediction from those of the inputs.
  private mutating func blockPrediction() throws {
    let inputs = sources.filter { if case .input = $0.place { true } else { false } }.map(\.value)
    guard let rows = inputs.first.flatMap({ types[$0].shape.dims.first }), rows >= 4 else { return }
    let seeds = Set(inputs.filter { types[$0].shape.dims.first == rows })
    func group(_ accepts: (Int, Int) -> Bool) -> RowGroup {
      var group = RowGroup(rows: rows, seeds: seeds)
      for index in firstFree..<instructions.count { group.consider(index, self) { accepts($0, $1) } }
      return group
    }
    // The rows of one instruction decide how many fit; then weights must not outweigh the rows that they are read for.
    guard let blockRows = blockRows(of: group { _, _ in true }, leastBytes: Draft.blockBytes / 2) else { return }
    try join(group { perRow, whole in whole <= perRow * blockRows }, blockRows)
  }

  /// Chains of elementwise operations, also in training.
  private mutating func blockChains() throws {
    var start = firstFree
    while start < instructions.count {
      defer { start += 1 }
      let first = instructions[start]
      guard first.operation.isElementwise, let type = first.outputs.first.map({ types[$0] }),
        let rows = type.shape.dims.first, rows >= 8, type.byteCount >= Draft.blockBytes
      else { continue }
      var group = RowGroup(rows: rows, seeds: Set(first.inputs))
      // What a chain does not reach soon is not in the cache any more.
      for index in start..<min(instructions.count, start + 64) {
        group.consider(index, self) { _, _ in instructions[index].operation.isElementwise }
      }
      if let blockRows = blockRows(of: group, leastBytes: 3 * Draft.blockBytes), let last = group.body.last,
        try join(group, blockRows)
      {
        start = last - group.body.count + 1
      }
    }
  }

  /// Checks come first.
  private var firstFree: Int { (instructions.lastIndex { $0.operation.canFail } ?? -1) + 1 }

  /// How many rows of a group fit the cache; nil where it moves fewer bytes than make blocks worth it. That must not
  /// depend on the number of threads, but there are blocks enough for several.
  private func blockRows(of group: RowGroup, leastBytes: Int) -> Int? {
    guard group.body.count >= 2, group.largestRow > 0, group.rows * group.largestRow >= leastBytes else { return nil }
    let fitting = Draft.blockBytes / group.largestRow
    guard fitting >= 1 else { return nil }
    let most = max(1, min(fitting, group.rows / 4))
    return 1 << (Int.bitWidth - 1 - most.leadingZeroBitCount)
  }

  /// Puts one instruction in place of a group; false where it saves too little.
  @discardableResult
  private mutating func join(_ group: RowGroup, _ blockRows: Int) throws -> Bool {
    guard group.body.count >= 2, let last = group.body.last else { return false }
    let isInside = Set(group.body)
    let inside = group.body.map { instructions[$0] }
    let outside = instructions.indices.filter { !isInside.contains($0) }
    let read = Set(outside.flatMap { instructions[$0].reads } + outputs + assignments.map(\.value))
    let made = inside.flatMap(\.outputs)
    let results = made.filter(read.contains)
    func bytes(_ values: [Int]) -> Int { values.reduce(0) { $0 + types[$1].byteCount } }
    guard bytes(made) >= 2 * bytes(results) else { return false }

    let operands = group.sliced.sorted() + group.whole.sorted()
    let operation = RowBlocks(
      try RowBlockPlan(
        instructions: inside, types: types, operands: operands, slicedCount: group.sliced.count, results: results,
        rows: group.rows, blockRows: blockRows))
    // At the place of the last instruction; what is in between and depends on the group comes behind it.
    let waiting = outside.filter { $0 < last && !group.behind.isDisjoint(with: instructions[$0].outputs) }
    let isWaiting = Set(waiting)
    instructions =
      outside.filter { $0 < last && !isWaiting.contains($0) }.map { instructions[$0] }
      + [Instruction(operation: operation, inputs: operands, outputs: results)]
      + (waiting + outside.filter { $0 > last }).map { instructions[$0] }
    return true
  }
}

/// Instructions that can be joined to work by rows.
private struct RowGroup {
  let rows: Int
  /// Indices of instructions.
  private(set) var body: [Int] = []
  /// Values from outside that are read by rows, and those that are read whole.
  private(set) var sliced = Set<Int>()
  private(set) var whole = Set<Int>()
  /// What depends on the body without being made in it.
  private(set) var behind = Set<Int>()
  /// Most bytes that an instruction moves for one row.
  private(set) var largestRow = 0

  private var inside = Set<Int>()
  /// Values by whose rows an instruction can join: where the group begins, and what it has made.
  private var seeds: Set<Int>

  init(rows: Int, seeds: Set<Int>) { (self.rows, self.seeds) = (rows, seeds) }

  /// Takes in an instruction if that is right and `accepts` (bytes per row, bytes of operands that it reads whole) says
  /// so. Instructions come in order.
  mutating func consider(_ index: Int, _ draft: Draft, accepts: (Int, Int) -> Bool) {
    let instruction = draft.instructions[index]
    if join(instruction, draft, accepts) {
      body.append(index)
      inside.formUnion(instruction.outputs)
      seeds.formUnion(instruction.outputs)
    } else if instruction.inputs.contains(where: { inside.contains($0) || behind.contains($0) }) {
      behind.formUnion(instruction.outputs)
    }
  }

  private mutating func join(_ instruction: Instruction, _ draft: Draft, _ accepts: (Int, Int) -> Bool) -> Bool {
    let (inputs, outputs) = (draft.types(instruction.inputs), draft.types(instruction.outputs))
    guard instruction.operation.shapeOnlyInputs.isEmpty, outputs.first?.shape.dims.first == rows,
      let positions = instruction.operation.rowInputs(inputs, outputs), !positions.isEmpty
    else { return false }
    let byRows = Set(positions.map { instruction.inputs[$0] })
    let others = Set(inputs.indices.filter { !positions.contains($0) }.map { instruction.inputs[$0] })
    guard !byRows.isDisjoint(with: seeds), behind.isDisjoint(with: instruction.inputs), byRows.isDisjoint(with: others),
      inside.isDisjoint(with: others), sliced.isDisjoint(with: others), whole.isDisjoint(with: byRows)
    else { return false }
    let rowBytes = positions.map { inputs[$0].byteCount / rows } + outputs.map { $0.byteCount / rows }
    let perRow = rowBytes.reduce(0, +)
    guard accepts(perRow, others.reduce(0) { $0 + draft.types[$1].byteCount }) else { return false }
    sliced.formUnion(byRows.subtracting(inside))
    whole.formUnion(others)
    largestRow = max(largestRow, perRow)
    return true
  }
}
