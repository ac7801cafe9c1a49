import Graph
import Tensor

/// An operation that can be turned into a step. Every operation of Graph conforms, in `Lowering/`: this is where an
/// operation meets its kernels.
protocol Lowerable: Operation {
  /// The step that computes the outputs.
  func lower(_ c: Lowering) throws -> Step

  /// The output is the input's memory under another shape: nothing is computed.
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool

  /// Pairs (input, output) that may share memory when the input is not needed afterwards.
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)]

  /// The step may throw, after looking at data.
  var canFail: Bool { get }

  /// Scratch memory of the step, in bytes.
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int
}

extension Lowerable {
  var canFail: Bool { false }
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { false }
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [] }
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 0 }
}

/// One piece of work of a plan. Only checks of data throw, and they run before anything is changed.
typealias Step = (Memory) throws -> Void

/// Where each value of a plan lies during a run.
struct Memory {
  let table: UnsafePointer<UnsafeMutableRawPointer>

  @inline(__always)
  func read<T>(_ operand: Operand, as type: T.Type = T.self) -> UnsafePointer<T> {
    UnsafePointer(table[operand.value].assumingMemoryBound(to: type))
  }

  @inline(__always)
  func write<T>(_ operand: Operand, as type: T.Type = T.self) -> UnsafeMutablePointer<T> {
    table[operand.value].assumingMemoryBound(to: type)
  }

  func raw(_ operand: Operand) -> UnsafeMutableRawPointer { table[operand.value] }
}

/// A value as a step sees it.
struct Operand {
  let value: Int
  let type: TensorType
  var shape: Shape { type.shape }
  var count: Int { type.shape.count }
}

/// What an operation is lowered with.
struct Lowering {
  let inputs: [Operand]
  let outputs: [Operand]
  let temporary: Operand

  var x: Operand { inputs[0] }
  var y: Operand { outputs[0] }
}

/// One operation of a plan in the making; inputs and outputs are indices of values.
struct Instruction {
  var operation: any Lowerable
  var inputs: [Int]
  var outputs: [Int]

  /// Inputs whose memory is read.
  var reads: [Int] {
    let skipped = operation.shapeOnlyInputs
    return skipped.isEmpty
      ? inputs : inputs.enumerated().filter { !skipped.contains($0.offset) }.map(\.element)
  }
}

/// What the passes work on: the live part of a graph with all shapes known.
struct Draft {
  /// Where the values that no instruction makes come from.
  let sources: [(value: Int, place: Place)]
  var types: [TensorType]
  var instructions: [Instruction]
  var outputs: [Int]
  var assignments: [(variable: Int, value: Int)]

  /// How often each value's memory is read by instructions, outputs and assignments.
  func useCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: types.count)
    for instruction in instructions { for value in instruction.reads { counts[value] += 1 } }
    for value in outputs { counts[value] += 1 }
    for assignment in assignments { counts[assignment.value] += 1 }
    return counts
  }

  /// The instruction that makes each value, -1 for inputs, constants and variables.
  func producers() -> [Int] {
    var producers = [Int](repeating: -1, count: types.count)
    for (index, instruction) in instructions.enumerated() {
      for value in instruction.outputs { producers[value] = index }
    }
    return producers
  }

  mutating func newValue(_ type: TensorType) -> Int {
    types.append(type)
    return types.count - 1
  }

  func types(_ values: [Int]) -> [TensorType] { values.map { types[$0] } }
}
