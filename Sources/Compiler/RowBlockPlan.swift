import Graph
import Parallel
import Synchronization
import Tensor

/// Steps for some rows of a batch at a time, each thread with an arena of its own.
///
/// How rows are cut depends on shapes only, and no row is computed twice.
final class RowBlockPlan: @unchecked Sendable {
  let name: String
  let outputTypes: [TensorType]
  /// For the arenas of all threads.
  let arenaBytes: Int

  /// Pairs (operand, result) that may share memory: of each block, the operand has been read when the result is written.
  let inPlacePairs: [(input: Int, output: Int)]
  /// More threads than this find no arena.
  let threadLimit: Int

  private let rows: Int
  private let blockRows: Int
  /// Steps of full blocks, and of a smaller last one.
  private let variants: [Variant]
  private let slots: Int
  private let slotBytes: Int
  private let tableBytes: Int
  /// Bytes of one row of each operand that is read by rows.
  private let operandRowBytes: [Int]
  /// Bytes of each result, for a row or for a block.
  private let resultBytes: [(count: Int, isGathered: Bool)]
  /// The next block that no thread has taken. Runs of a plan do not overlap.
  private let next = Atomic<Int>(0)

  private struct Variant {
    let steps: [Step]
    /// Values by where they lie: (value, offset), (value, operand), (value, result).
    let inArena: [(Int, Int)]
    let operands: [(Int, Int)]
    let results: [(Int, Int)]
    let valueCount: Int
    let arenaBytes: Int

    init(_ draft: Draft) throws {
      var draft = draft
      let lowered = try LoweredSteps(&draft, staged: draft.sources.map { _ in false })
      var (inArena, operands, results): ([(Int, Int)], [(Int, Int)], [(Int, Int)]) = ([], [], [])
      for value in draft.types.indices {
        switch lowered.placement.places[value] {
        case .arena(let offset): inArena.append((value, offset))
        case .input(let index): operands.append((value, index))
        case .output(let index): results.append((value, index))
        case .constant, .variable, nil: break
        }
      }
      steps = lowered.steps
      (self.inArena, self.operands, self.results) = (inArena, operands, results)
      valueCount = draft.types.count
      arenaBytes = lowered.placement.arenaBytes
    }
  }

  /// - Parameters:
  ///   - types: of all values, for the whole batch.
  ///   - operands: values that the instructions read from outside; the first `slicedCount` of them by rows.
  ///   - results: values that are read outside.
  ///   - gathered: values that are gathered over all rows; those of all blocks, one behind the other, are the result.
  init(
    instructions: [Instruction], types: [TensorType], operands: [Int], slicedCount: Int, results: [Int],
    gathered: Set<Int>, rows: Int, blockRows: Int
  ) throws {
    self.rows = rows
    self.blockRows = blockRows
    name = "rows(" + instructions.map(\.operation.name).joined(separator: ", ") + ")"
    let blocks = (rows - 1) / blockRows + 1
    outputTypes = results.map { value in
      guard gathered.contains(value) else { return types[value] }
      return TensorType(types[value].dtype, Shape([blocks] + types[value].shape.dims))
    }
    let operandRowBytes = operands.prefix(slicedCount).map { types[$0].byteCount / rows }
    let resultBytes: [(count: Int, isGathered: Bool)] = results.map {
      gathered.contains($0) ? (types[$0].byteCount, true) : (types[$0].byteCount / rows, false)
    }
    (self.operandRowBytes, self.resultBytes) = (operandRowBytes, resultBytes)
    let byRows = operands.prefix(slicedCount) + instructions.flatMap(\.outputs).filter { !gathered.contains($0) }
    let order = ReadsAndWrites(instructions, types)
    inPlacePairs = operands.indices.prefix(slicedCount).flatMap { operand in
      results.indices
        .filter { !resultBytes[$0].isGathered && resultBytes[$0].count == operandRowBytes[operand] }
        .filter { order.isRead(operands[operand], before: results[$0]) }
        .map { (input: operand, output: $0) }
    }
    let sizes = [blockRows, rows % blockRows].filter { $0 > 0 }
    variants = try sizes.map { size in
      var types = types
      for value in byRows { types[value].shape.dims[0] = size }
      return try Variant(
        Draft(
          sources: operands.enumerated().map { ($0.element, .input($0.offset)) }, types: types,
          instructions: instructions, outputs: results, assignments: []))
    }
    slots = max(1, min(blocks, threadCount))
    threadLimit = slots < blocks ? slots : Int.max
    tableBytes = (variants.map(\.valueCount).max()! * MemoryLayout<UnsafeRawPointer>.stride + 63) & ~63
    slotBytes = tableBytes + ((variants.map(\.arenaBytes).max()! + 63) & ~63)
    arenaBytes = slots * slotBytes
  }

  /// - Parameter temporary: `arenaBytes` bytes.
  func run(_ memory: Memory, _ operands: [Operand], _ results: [Operand], _ temporary: UnsafeMutableRawPointer) {
    struct Context {
      let plan: RowBlockPlan
      let memory: Memory
      let operands: [Operand]
      let results: [Operand]
      let temporary: UnsafeMutableRawPointer
    }
    next.store(0, ordering: .relaxed)
    let context = Context(plan: self, memory: memory, operands: operands, results: results, temporary: temporary)
    parallel(min(slots, threadCount), context) { context, slot in
      context.plan.work(
        context.memory, context.operands, context.results, context.temporary + slot * context.plan.slotBytes)
    }
  }

  /// Computes blocks until none is left.
  private func work(_ memory: Memory, _ operands: [Operand], _ results: [Operand], _ slot: UnsafeMutableRawPointer) {
    let (table, arena) = (slot.assumingMemoryBound(to: UnsafeMutableRawPointer.self), slot + tableBytes)
    let blocks = (rows - 1) / blockRows + 1
    while true {
      let block = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if block >= blocks { return }
      let firstRow = block * blockRows
      let variant = variants[rows - firstRow >= blockRows ? 0 : variants.count - 1]
      for value in 0..<variant.valueCount { table[value] = arena }
      for (value, offset) in variant.inArena { table[value] = arena + offset }
      for (value, index) in variant.operands {
        let start = index < operandRowBytes.count ? firstRow * operandRowBytes[index] : 0
        table[value] = memory.raw(operands[index]) + start
      }
      for (value, index) in variant.results {
        let (count, isGathered) = resultBytes[index]
        table[value] = memory.raw(results[index]) + (isGathered ? block : firstRow) * count
      }
      let own = Memory(table: UnsafePointer(table))
      for step in variant.steps {
        // Only checks of data throw, and no block contains one.
        try? step(own)
      }
    }
  }
}

/// When the instructions of a block read and write values; reading a view counts as reading what it is a view of.
private struct ReadsAndWrites {
  private var lastReads: [Int: Int] = [:]
  private var writes: [Int: Int] = [:]

  init(_ instructions: [Instruction], _ types: [TensorType]) {
    var roots: [Int: Int] = [:]
    for (index, instruction) in instructions.enumerated() {
      for value in instruction.reads { lastReads[roots[value] ?? value] = index }
      let (inputs, outputs) = (instruction.inputs.map { types[$0] }, instruction.outputs.map { types[$0] })
      if instruction.operation.isView(inputs, outputs) {
        roots[instruction.outputs[0]] = roots[instruction.inputs[0]] ?? instruction.inputs[0]
      } else {
        for value in instruction.outputs { writes[value] = index }
      }
    }
  }

  /// False also for results that are views.
  func isRead(_ operand: Int, before result: Int) -> Bool {
    guard let last = lastReads[operand], let write = writes[result] else { return false }
    return last < write
  }
}

/// Consecutive operations on a large batch, a few rows at a time.
struct RowBlocks: Lowerable {
  private let plan: RowBlockPlan

  init(_ plan: RowBlockPlan) { self.plan = plan }

  var name: String { plan.name }
  var threadLimit: Int { plan.threadLimit }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { plan.outputTypes }
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { plan.arenaBytes }
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    plan.inPlacePairs
  }

  func lower(_ c: Lowering) throws -> Step {
    let (plan, operands, results, temporary) = (plan, c.inputs, c.outputs, c.temporary)
    return { plan.run($0, operands, results, $0.raw(temporary)) }
  }
}
