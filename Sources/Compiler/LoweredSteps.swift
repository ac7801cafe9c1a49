import Graph
import Tensor

/// A draft's instructions as steps, and where each value lies.
struct LoweredSteps {
  let placement: Placement
  let steps: [Step]
  let summary: [StepSummary]

  /// - Parameter staged: inputs that are not read where the caller has them.
  init(_ draft: inout Draft, staged: [Bool]) throws {
    let placement = Placement(&draft, staged: staged)
    let types = draft.types
    func operand(_ value: Int) -> Operand { Operand(value: value, type: types[value]) }
    let choices = draft.choices()
    var steps: [Step] = []
    var summary: [StepSummary] = []
    for (index, instruction) in draft.instructions.enumerated() {
      let (inputs, outputs) = (instruction.inputs.map(operand), instruction.outputs.map(operand))
      if instruction.operation.isView(inputs.map(\.type), outputs.map(\.type)) { continue }
      let temporary = placement.temporaries[index].map(operand) ?? Operand(value: 0, type: TensorType(.uint8, [0]))
      let lowering = Lowering(inputs: inputs, outputs: outputs, temporary: temporary)
      let waits = choices[index].map { (operand($0.condition), $0.isTrue) }
      steps.append(skipping(try instruction.operation.lower(lowering), unless: waits))
      summary.append(
        StepSummary(
          name: instruction.operation.name, outputs: outputs.map(\.type),
          readBytes: Set(instruction.reads).reduce(0) { $0 + types[$1].byteCount },
          writtenBytes: outputs.reduce(0) { $0 + $1.type.byteCount }, isConditional: !waits.isEmpty))
    }
    self.placement = placement
    self.steps = steps
    self.summary = summary
  }
}
