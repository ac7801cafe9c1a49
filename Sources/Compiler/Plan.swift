import Graph
import Parallel
import Tensor

/// One step of a plan, for people to read.
public struct StepSummary {
  /// The operation; fused operations are joined by `+`.
  public let name: String
  public let outputs: [TensorType]
  /// Bytes of the tensors that it reads and writes.
  public let readBytes: Int
  public let writtenBytes: Int
  /// Whether it is left out when its results are not chosen.
  public let isConditional: Bool
}

/// How a graph is computed for one set of input types: steps in order and the memory they use.
///
/// A run computes into the plan's own arena, so two runs of one plan must not overlap; it allocates nothing.
public final class Plan {
  public let outputTypes: [TensorType]
  /// Inputs that a run does not read from the caller but from `stagingPointer(input:)`, where they have been put.
  public let staged: [Bool]
  public let arenaBytes: Int
  /// Threads that the plan has memory for; with more it should be compiled anew.
  public let threadLimit: Int

  private let arena: Storage
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let valueCount: Int
  public let summary: [StepSummary]
  private let steps: [Step]
  private let inputSlots: [(input: Int, values: [Int])]
  private let outputSlots: [(output: Int, values: [Int])]
  private let copies: [(from: Int, to: UnsafeMutableRawPointer, bytes: Int)]
  private let inputValues: [Int]
  private var pace = Pace()
  /// Keeps constants and variables alive.
  private let graph: Graph

  /// - Parameter staged: inputs that need converting or gathering.
  public init(_ graph: Graph, outputs: [Value], inputTypes: [TensorType], staged: [Bool]) throws {
    var draft = try Draft(graph, outputs: outputs, inputTypes: inputTypes)
    draft.shareScalars(of: graph)
    draft.fuse()
    try draft.keepWeights()
    draft.scheduleChecks(of: graph)
    draft.joinUpdates()
    try draft.blockRows()
    threadLimit = draft.instructions.compactMap { ($0.operation as? RowBlocks)?.threadLimit }.min() ?? Int.max
    let lowered = try LoweredSteps(&draft, staged: staged)
    let placement = lowered.placement
    self.graph = graph
    self.staged = staged
    outputTypes = outputs.map { draft.types[$0.index] }
    arenaBytes = placement.arenaBytes
    arena = try Storage(byteCount: placement.arenaBytes)
    valueCount = draft.types.count
    table = .allocate(capacity: max(valueCount, 1))
    table.initialize(repeating: arena.pointer, count: max(valueCount, 1))
    inputValues = graph.inputs.map(\.value.index)

    var inputSlots: [Int: [Int]] = [:]
    var outputSlots: [Int: [Int]] = [:]
    for value in draft.types.indices {
      switch placement.places[value] {
      case .arena(let offset): table[value] = arena.pointer + offset
      case .variable(let index): table[value] = graph.variables[index].pointer
      case .constant(let index): table[value] = graph.constants[index].storage.pointer
      case .input(let index): inputSlots[index, default: []].append(value)
      case .output(let index): outputSlots[index, default: []].append(value)
      case nil: break
      }
    }
    self.inputSlots = inputSlots.map { ($0.key, $0.value) }
    self.outputSlots = outputSlots.map { ($0.key, $0.value) }
    copies = placement.copies.map {
      ($0.value, graph.variables[$0.variable].pointer, graph.variables[$0.variable].type.byteCount)
    }

    steps = lowered.steps
    summary = lowered.summary
  }

  deinit { table.deallocate() }

  /// Names of the steps in order.
  public var stepNames: [String] { summary.map(\.name) }

  /// Where a staged input is to be written before a run.
  public func stagingPointer(input: Int) -> UnsafeMutableRawPointer { table[inputValues[input]] }

  /// Computes outputs and assignments. When it fails nothing has been changed; only when memory has run out, variables
  /// that are updated in place may have their new values already.
  ///
  /// - Parameter clock: called before the first step and after each one, when steps are to be timed.
  public func run(
    inputs: UnsafePointer<UnsafeRawPointer?>, outputs: UnsafePointer<UnsafeMutableRawPointer>?,
    clock: (() -> Void)? = nil
  ) throws {
    for slot in inputSlots {
      let pointer = inputs[slot.input].map { UnsafeMutableRawPointer(mutating: $0) } ?? arena.pointer
      for value in slot.values { table[value] = pointer }
    }
    for slot in outputSlots { for value in slot.values { table[value] = outputs![slot.output] } }
    let start = nanoseconds()
    if pace.isBrief(start: start) {
      try lettingWorkersSleep { try runSteps(clock) }
    } else {
      try runSteps(clock)
    }
    pace.record(start: start, end: nanoseconds())
    for copy in copies { copy.to.copyMemory(from: table[copy.from], byteCount: copy.bytes) }
  }

  private func runSteps(_ clock: (() -> Void)?) throws {
    let memory = Memory(table: UnsafePointer(table))
    clock?()
    for step in steps {
      try step(memory)
      try checkScratch()
      clock?()
    }
  }
}

/// Throws if kernels called by this thread lacked scratch memory since the last check.
public func checkScratch() throws {
  if let bytes = takeScratchFailure() { throw Failure(.memory, "cannot allocate \(bytes) bytes of scratch memory") }
}
