import Graph
import Tensor

extension Draft {
  /// New values that are not assigned to variables have memory of their own until they are read; larger ones than this
  /// (in elements) do not wait for other updates.
  private static let largestWaiting = 4_096

  /// Puts the updates of all weights by one rule with the same numbers into one step, where the last of them is: small
  /// weights then cost no step each, and threads are started once.
  mutating func joinUpdates() {
    let assigned = Set(assignments.map(\.value))
    var start = 0
    while start < instructions.count {
      guard let first = update(start, assigned) else {
        start += 1
        continue
      }
      var members = [start]
      // What depends on the members comes behind all of them.
      var behind = Set(instructions[start].outputs)
      var waiting: [Int] = []
      for index in (start + 1)..<instructions.count {
        let instruction = instructions[index]
        if instruction.inputs.contains(where: behind.contains) {
          behind.formUnion(instruction.outputs)
          waiting.append(index)
        } else if let other = update(index, assigned), other == first {
          behind.formUnion(instruction.outputs)
          members.append(index)
        }
      }
      // Else another instruction stands at the start now.
      if members.count > 1 { join(members, waiting) } else { start += 1 }
    }
  }

  /// What the updates of one step have in common.
  private struct CommonUpdate: Equatable {
    let rule: OptimizerStep.Rule
    let dtype: DType
    /// Learning rate and the like.
    let scalars: [Int]
  }

  private func update(_ index: Int, _ assigned: Set<Int>) -> CommonUpdate? {
    let instruction = instructions[index]
    guard let step = instruction.operation as? OptimizerStep,
      types[instruction.inputs[0]].shape.count <= Draft.largestWaiting
        || instruction.outputs.allSatisfy(assigned.contains)
    else { return nil }
    return CommonUpdate(
      rule: step.rule, dtype: types[instruction.inputs[0]].dtype,
      scalars: step.scalarInputs.map { instruction.inputs[$0] })
  }

  private mutating func join(_ members: [Int], _ waiting: [Int]) {
    guard let last = members.last, let step = instructions[members[0]].operation as? OptimizerStep else { return }
    let inside = members.map { instructions[$0] }
    let moved = waiting.filter { $0 < last }
    let isTaken = Set(members + moved)
    let joined = Instruction(
      operation: JoinedUpdates(step: step, weights: members.count),
      inputs: step.scalarInputs.map { inside[0].inputs[$0] }
        + inside.flatMap { member in step.tensorInputs.map { member.inputs[$0] } },
      outputs: inside.flatMap(\.outputs))
    instructions =
      (0..<last).filter { !isTaken.contains($0) }.map { instructions[$0] } + [joined]
      + (moved + Array((last + 1)..<instructions.count)).map { instructions[$0] }
  }
}

/// One step of an optimizer on several weights. Inputs are the rule's scalars, then each weight's tensors.
struct JoinedUpdates: Lowerable {
  let step: OptimizerStep
  let weights: Int

  var name: String { "\(step.name)(\(weights) weights)" }
  private var perWeight: Int { step.tensorInputs.count }
  private var first: Int { step.scalarInputs.count }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    (0..<weights).flatMap { weight in step.updatedInputs.map { _ in inputs[first + weight * perWeight] } }
  }

  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    let updated = step.updatedInputs.map { step.tensorInputs.firstIndex(of: $0)! }
    return (0..<weights).flatMap { weight in
      updated.enumerated().map { (first + weight * perWeight + $0.element, weight * updated.count + $0.offset) }
    }
  }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { step.pointerBytes(weights: weights) }

  func lower(_ c: Lowering) throws -> Step {
    let results = step.updatedInputs.count
    return try step.step(
      c, scalars: Array(c.inputs[..<first]),
      weights: (0..<weights).map {
        c.inputs[(first + $0 * perWeight)..<(first + ($0 + 1) * perWeight)]
          + Array(c.outputs[($0 * results)..<(($0 + 1) * results)])
      })
  }
}
