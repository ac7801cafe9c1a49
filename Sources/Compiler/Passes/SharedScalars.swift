import Graph
import Tensor

extension Draft {
  /// Computes equal scalars once, such as the rates and counters that an optimizer asks for with each weight.
  ///
  /// Only scalars, since a large value that is computed twice may be meant to be: that saves memory.
  mutating func shareScalars(of graph: Graph) {
    var first: [ScalarKey: Int] = [:]
    var shared: [Int: Int] = [:]
    let kept = Set(outputs + assignments.map(\.value))
    func note(_ key: ScalarKey, _ value: Int) {
      if let same = first[key], !kept.contains(value) { shared[value] = same } else { first[key] = value }
    }
    for (value, place) in sources {
      guard case .constant(let index) = place, types[value].shape.rank == 0 else { continue }
      let storage = graph.constants[index].storage
      let bytes = UnsafeRawBufferPointer(start: storage.pointer, count: types[value].byteCount)
      note(ScalarKey(what: .constant(Array(bytes)), type: types[value], inputs: []), value)
    }
    var result: [Instruction] = []
    for var instruction in instructions {
      instruction.inputs = instruction.inputs.map { shared[$0] ?? $0 }
      let value = instruction.outputs.first
      guard let value, let what = ScalarKey.What(instruction.operation), types[value].shape.rank == 0 else {
        result.append(instruction)
        continue
      }
      note(ScalarKey(what: what, type: types[value], inputs: instruction.inputs), value)
      if shared[value] == nil { result.append(instruction) }
    }
    instructions = result
  }
}

/// Scalars with equal keys are equal to the bit.
private struct ScalarKey: Hashable {
  enum What: Hashable {
    case constant([UInt8])
    case cast
    case unary(Unary.Kind)
    case binary(Binary.Kind)
    case comparison(Comparison.Kind)
    case choice

    init?(_ operation: any Lowerable) {
      switch operation {
      case is Cast: self = .cast
      case let op as Unary: self = .unary(op.kind)
      case let op as Binary: self = .binary(op.kind)
      case let op as Comparison: self = .comparison(op.kind)
      case is Where: self = .choice
      default: return nil
      }
    }
  }

  let what: What
  let type: TensorType
  let inputs: [Int]
}
