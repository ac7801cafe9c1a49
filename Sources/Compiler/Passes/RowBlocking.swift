import Graph
import Tensor

extension Draft {
  /// What a thread's second-level cache is to hold of the rows in work.
  static let blockBytes = 1 << 20

  /// Joins steps that treat the rows of large tensors alone into one that computes a few rows at a time, so that what
  /// one step writes is still in the cache when the next one reads it, and threads meet once instead of at each step.
  mutating func blockRows() throws {
    try blockPrediction()
    splitNormalizations()
    try blockTraining()
    try blockChains()
  }

  /// Whatever computes the rows of a prediction from those of the inputs.
  private mutating func blockPrediction() throws {
    let inputs = sources.filter { if case .input = $0.place { true } else { false } }.map(\.value)
    guard let rows = inputs.first.flatMap({ types[$0].shape.dims.first }), rows >= 4 else { return }
    let seeds = Set(inputs.filter { types[$0].shape.dims.first == rows })
    func group(_ accepts: (Int, Int) -> Bool) -> RowGroup {
      var group = RowGroup(rows: rows, seeds: seeds)
      for index in firstFree..<instructions.count {
        group.consider(index, self) { $0.gathered.isEmpty && accepts($1, $2) }
      }
      return group
    }
    // The rows of one instruction decide how many fit; then weights must not outweigh the rows that they are read for.
    guard let blockRows = blockRows(of: group { _, _ in true }, leastBytes: Draft.blockBytes / 2) else { return }
    let fitting = group { perRow, whole in whole <= perRow * blockRows }
    if savesResults(fitting) { try join(fitting, blockRows) }
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
        group.consider(index, self) { _, _, _ in instructions[index].operation.isElementwise }
      }
      if savesResults(group), let blockRows = blockRows(of: group, leastBytes: 3 * Draft.blockBytes),
        let last = group.body.last
      {
        try join(group, blockRows)
        start = last - group.body.count + 1
      }
    }
  }

  /// Checks come first.
  var firstFree: Int { (instructions.lastIndex { $0.operation.canFail } ?? -1) + 1 }

  /// How many rows of a group fit the cache; nil where it moves fewer bytes than make blocks worth it. That must not
  /// depend on the number of threads, but there are blocks enough for several.
  func blockRows(of group: RowGroup, leastBytes: Int, leastBlocks: Int = 4) -> Int? {
    guard group.body.count >= 2, group.largestRow > 0, group.rows * group.largestRow >= leastBytes else { return nil }
    let fitting = Draft.blockBytes / group.largestRow
    guard fitting >= 1 else { return nil }
    let most = max(1, min(fitting, group.rows / leastBlocks))
    return 1 << (Int.bitWidth - 1 - most.leadingZeroBitCount)
  }

  /// Values that a group makes, and those of them that are read outside.
  func results(of group: RowGroup) -> (made: [Int], results: [Int]) {
    let isInside = Set(group.body)
    let outside = instructions.indices.filter { !isInside.contains($0) }
    let read = Set(outside.flatMap { instructions[$0].reads } + outputs + assignments.map(\.value))
    let made = group.body.flatMap { instructions[$0].outputs }
    return (made, made.filter(read.contains))
  }

  /// Whether half of what the group makes need not leave the cache.
  private func savesResults(_ group: RowGroup) -> Bool {
    func bytes(_ values: [Int]) -> Int { values.reduce(0) { $0 + types[$1].byteCount } }
    let (made, results) = self.results(of: group)
    return bytes(made) >= 2 * bytes(results)
  }

  /// Puts one instruction in place of a group, and behind it those that make the batch's results of what blocks gather.
  mutating func join(_ group: RowGroup, _ blockRows: Int) throws {
    guard let last = group.body.last else { return }
    let isInside = Set(group.body)
    let inside = group.body.map { instructions[$0].withoutShapes }
    let outside = instructions.indices.filter { !isInside.contains($0) }
    let results = self.results(of: group).results
    let operands = group.sliced.sorted() + group.whole.sorted()
    let plan = try RowBlockPlan(
      instructions: inside, types: types, operands: operands, slicedCount: group.sliced.count, results: results,
      gathered: Set(group.gathered.keys), rows: group.rows, blockRows: blockRows)
    var merges: [Instruction] = []
    let outputs = zip(results, plan.outputTypes).map { value, type in
      guard let gathering = group.gathered[value] else { return value }
      let parts = newValue(type)
      merges.append(
        Instruction(operation: gathering.merge(rows: group.rows, blockRows), inputs: [parts], outputs: [value]))
      return parts
    }
    // At the place of the last instruction; what is in between and depends on the group comes behind it.
    let waiting = outside.filter { $0 < last && !group.behind.isDisjoint(with: instructions[$0].outputs) }
    let isWaiting = Set(waiting)
    instructions =
      outside.filter { $0 < last && !isWaiting.contains($0) }.map { instructions[$0] }
      + [Instruction(operation: RowBlocks(plan), inputs: operands, outputs: outputs)] + merges
      + (waiting + outside.filter { $0 > last }).map { instructions[$0] }
  }
}

extension Instruction {
  /// Without the inputs of which only the shape is used: steps do not ask for them.
  fileprivate var withoutShapes: Instruction {
    Instruction(operation: operation, inputs: reads, outputs: outputs)
  }
}

/// Instructions that can be joined to work by rows.
struct RowGroup {
  let rows: Int
  /// Indices of instructions.
  private(set) var body: [Int] = []
  /// Values from outside that are read by rows, and those that are read whole.
  private(set) var sliced = Set<Int>()
  private(set) var whole = Set<Int>()
  /// Values that are gathered over the rows.
  private(set) var gathered: [Int: RowGathering] = [:]
  /// What depends on the body without being made in it by rows.
  private(set) var behind = Set<Int>()
  /// Most bytes that an instruction moves for one row.
  private(set) var largestRow = 0

  private var inside = Set<Int>()
  /// Values by whose rows an instruction can join: where the group begins, and what it has made.
  private var seeds: Set<Int>

  init(rows: Int, seeds: Set<Int>) { (self.rows, self.seeds) = (rows, seeds) }

  /// Takes in an instruction if that is right and `accepts` (its form, bytes per row, bytes that it reads or gathers
  /// whole) says so. Instructions come in order.
  mutating func consider(_ index: Int, _ draft: Draft, accepts: (RowForm, Int, Int) -> Bool) {
    let instruction = draft.instructions[index]
    if let form = join(instruction, draft, accepts) {
      body.append(index)
      for (position, value) in instruction.outputs.enumerated() {
        if let gathering = form.gathered[position] {
          gathered[value] = RowGathering(gathering, instruction, draft)
          behind.insert(value)
        } else {
          inside.insert(value)
          seeds.insert(value)
        }
      }
    } else if instruction.inputs.contains(where: { inside.contains($0) || behind.contains($0) }) {
      behind.formUnion(instruction.outputs)
    }
  }

  private mutating func join(_ instruction: Instruction, _ draft: Draft, _ accepts: (RowForm, Int, Int) -> Bool)
    -> RowForm?
  {
    let (inputs, outputs) = (draft.types(instruction.inputs), draft.types(instruction.outputs))
    let read = instruction.reads
    // Shapes are left out, so they must stand behind all else.
    guard Array(instruction.inputs.prefix(read.count)) == read,
      let form = instruction.operation.rowForm(inputs, outputs), !form.inputs.isEmpty,
      form.inputs.allSatisfy({ inputs[$0].shape.dims.first == rows })
    else { return nil }
    let byRows = Set(form.inputs.map { instruction.inputs[$0] })
    let others = Set(read.indices.filter { !form.inputs.contains($0) }.map { read[$0] })
    guard !byRows.isDisjoint(with: seeds), behind.isDisjoint(with: read), byRows.isDisjoint(with: others),
      inside.isDisjoint(with: others), sliced.isDisjoint(with: others), whole.isDisjoint(with: byRows)
    else { return nil }
    let mapped = outputs.indices.filter { form.gathered[$0] == nil }
    guard mapped.allSatisfy({ outputs[$0].shape.dims.first == rows }) else { return nil }
    let perRow = (form.inputs.map { inputs[$0] } + mapped.map { outputs[$0] }).reduce(0) { $0 + $1.byteCount / rows }
    let wholeBytes = (draft.types(Array(others)) + form.gathered.keys.map { outputs[$0] }).reduce(0) {
      $0 + $1.byteCount
    }
    guard accepts(form, perRow, wholeBytes) else { return nil }
    sliced.formUnion(byRows.subtracting(inside))
    whole.formUnion(others)
    largestRow = max(largestRow, perRow)
    return form
  }
}

/// How a gathered value of blocks becomes that of the batch.
struct RowGathering {
  private let form: RowForm.Gathering
  /// Of the tensor that it is gathered from, for each row and channel.
  private let elementsPerRow: Int

  init(_ form: RowForm.Gathering, _ instruction: Instruction, _ draft: Draft) {
    self.form = form
    let (from, to) = (draft.types[instruction.inputs[0]].shape, draft.types[instruction.outputs[0]].shape)
    elementsPerRow = from.count / max(1, from[0] * (to.dims.last ?? 1))
  }

  func merge(rows: Int, _ blockRows: Int) -> any Lowerable {
    switch form {
    case .sum: return Reduction(kind: .sum, axes: [0], keepsDims: false)
    case .moments:
      let last = rows - (rows - 1) / blockRows * blockRows
      return MergedMoments(blockCount: blockRows * elementsPerRow, lastCount: last * elementsPerRow)
    }
  }
}
