import Compiler
import Graph
import Kernels
import Parallel
import Tensor

/// A graph with chosen outputs, ready to run on data. Plans are compiled when new input types come, and the last few
/// are kept.
///
/// Calls from several threads are safe; they take turns.
public final class Program: @unchecked Sendable {
  public let graph: Graph
  public let outputs: [Value]
  public var inputCount: Int { declared.count }
  public var outputCount: Int { outputs.count }

  /// Types with which inputs were declared; extents may be unknown.
  private let declared: [TensorType]
  private let names: [String]
  private let flushesSubnormals: Bool
  private let lock = Lock()
  private var plans: [Entry] = []
  /// Each plan has an arena: data of ever new shapes must not fill the memory.
  private static let planCapacity = 32

  private struct Entry {
    /// Types of the caller's arrays, with the batch that rows pick in place of the first extent.
    let inputTypes: [TensorType]
    let gathers: Bool
    let plan: Plan
  }

  /// - Parameters:
  ///   - outputs: what a run returns; assignments of the graph run as well. The graph must not be changed afterwards.
  ///   - flushesSubnormals: whether numbers below the smallest normal one count as 0.
  public init(_ graph: Graph, outputs: [Value], flushesSubnormals: Bool = true) throws {
    for output in outputs { _ = try graph.type(of: output) }
    self.graph = graph
    self.outputs = outputs
    self.flushesSubnormals = flushesSubnormals
    declared = graph.inputs.map { graph.types[$0.value.index] }
    names = graph.inputs.map(\.name)
  }

  /// Compiles the plan for these inputs unless there is one, and says what it returns.
  ///
  /// - Parameter rows: number of rows that a run will gather from the first axis of every input, nil for whole inputs.
  public func prepare(_ inputs: UnsafeBufferPointer<Buffer>, rows: Int?) throws -> [TensorType] {
    try lock.withLock { try plan(inputs, rows).outputTypes }
  }

  /// Computes outputs and assignments. When it fails nothing has been changed; only when memory has run out, variables
  /// that are updated in place may have their new values already.
  ///
  /// - Parameters:
  ///   - inputs: one buffer per input of the graph. Elements of another dtype are converted.
  ///   - rows: if given, input i is read at `inputs[i][rows[0]], inputs[i][rows[1]], …` along its first axis.
  ///   - outputs: memory for each output, of the types that `prepare` returns.
  ///   - clock: called before the first step of the plan and after each one, when steps are to be timed.
  public func run(
    _ inputs: UnsafeBufferPointer<Buffer>, rows: UnsafeBufferPointer<Int64>?,
    outputs: UnsafeBufferPointer<UnsafeMutableRawPointer>, clock: (() -> Void)? = nil
  ) throws {
    try lock.withLock {
      let plan = try plan(inputs, rows?.count)
      guard outputs.count == self.outputs.count else {
        throw Failure.value("run: got \(outputs.count) output buffers, expected \(self.outputs.count)")
      }
      if let rows, let buffer = inputs.first {
        try checkRows(rows, limit: buffer.type.shape.dims.first ?? 0)
      }
      try withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: max(inputs.count, 1)) { pointers in
        for (index, buffer) in inputs.enumerated() {
          if plan.staged[index] {
            try stage(
              buffer, rows: rows, as: declared[index].dtype, to: plan.stagingPointer(input: index), names[index])
          }
          pointers[index] = buffer.pointer.map { UnsafeRawPointer($0) }
        }
        let pointers = UnsafePointer(pointers.baseAddress!)
        if flushesSubnormals {
          try flushingSubnormals { try plan.run(inputs: pointers, outputs: outputs.baseAddress, clock: clock) }
        } else {
          try plan.run(inputs: pointers, outputs: outputs.baseAddress, clock: clock)
        }
      }
    }
  }

  /// Every plan compiled so far that is kept: the types of its inputs, its steps, the bytes of its arena.
  public var summaries: [(inputs: [TensorType], steps: [StepSummary], arenaBytes: Int)] {
    lock.withLock { plans.map { ($0.inputTypes, $0.plan.summary, $0.plan.arenaBytes) } }
  }

  private func plan(_ inputs: UnsafeBufferPointer<Buffer>, _ rows: Int?) throws -> Plan {
    if let index = plans.firstIndex(where: { matches($0, inputs, rows) }) {
      if plans[index].plan.threadLimit >= threadCount { return plans[index].plan }
      plans.remove(at: index)
    }
    guard inputs.count == declared.count else {
      throw Failure.value("run: got \(inputs.count) inputs, expected \(declared.count)")
    }
    var types: [TensorType] = []
    for (index, buffer) in inputs.enumerated() {
      var type = buffer.type
      if let rows {
        guard type.shape.rank >= 1, type.shape[0] == inputs[0].type.shape.dims.first else {
          throw Failure.value(
            "run: input \(names[index]) has shape \(type.shape), expected as many rows as input \(names[0]) of shape"
              + " \(inputs[0].type.shape)")
        }
        type.shape.dims[0] = rows
      }
      try type.shape.validate("input \(names[index])")
      types.append(type)
    }
    let staged = zip(types, declared).map { rows != nil || $0.dtype != $1.dtype }
    let plan = try Plan(graph, outputs: outputs, inputTypes: types, staged: staged)
    if plans.count >= Program.planCapacity { plans.removeFirst() }
    plans.append(Entry(inputTypes: types, gathers: rows != nil, plan: plan))
    return plan
  }

  private func matches(_ entry: Entry, _ inputs: UnsafeBufferPointer<Buffer>, _ rows: Int?) -> Bool {
    guard entry.gathers == (rows != nil), entry.inputTypes.count == inputs.count else { return false }
    for (index, buffer) in inputs.enumerated() {
      let (wanted, given) = (entry.inputTypes[index], buffer.type)
      guard wanted.dtype == given.dtype, wanted.shape.rank == given.shape.rank else { return false }
      for axis in 0..<given.shape.rank {
        let extent = axis == 0 ? rows ?? given.shape[0] : given.shape[axis]
        if wanted.shape[axis] != extent { return false }
      }
      if rows != nil && given.shape.dims.first != inputs[0].type.shape.dims.first { return false }
    }
    return true
  }

  private func checkRows(_ rows: UnsafeBufferPointer<Int64>, limit: Int) throws {
    guard let start = rows.baseAddress else { return }
    let position = firstIndexOutOfRange(start, rows.count, limit: limit)
    if position >= 0 {
      throw Failure.index("run: indices[\(position)] is \(rows[position]), expected 0..<\(limit)")
    }
  }
}
