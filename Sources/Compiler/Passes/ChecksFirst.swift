import Graph
import Tensor

/// Data that only a run can check (labels, indices), found before anything is computed or changed.
extension Draft {
  /// Puts a check before each operation that needs one, and moves checks, with what they depend on, to the front.
  mutating func scheduleChecks(of graph: Graph) {
    var checks: [Instruction] = []
    var originals: [Int: Int] = [:]
    for recomputation in graph.recomputations { originals.merge(recomputation.originals) { first, _ in first } }
    let producers = producers()
    for instruction in instructions {
      guard let (input, limit) = instruction.operation.checkedIndices(types(instruction.inputs)) else { continue }
      // A check of recomputed indices would have them computed before everything else.
      let value = original(of: instruction.inputs[input], originals, producers)
      let isOfOriginal = value != instruction.inputs[input]
      if let known = checks.firstIndex(where: {
        $0.inputs == [value] && ($0.operation as? IndexCheck)?.limit == limit
      }) {
        if isOfOriginal, var check = checks[known].operation as? IndexCheck {
          check.isOfOriginal = true
          checks[known].operation = check
        }
        continue
      }
      var check = IndexCheck(limit: limit, of: instruction.operation.name)
      check.isOfOriginal = isOfOriginal
      checks.append(Instruction(operation: check, inputs: [value], outputs: []))
    }
    guard !checks.isEmpty || instructions.contains(where: { $0.operation is Requirement }) else { return }
    var isEarly = instructions.map { $0.operation is Requirement }
    var open = checks.flatMap(\.inputs) + instructions.indices.filter { isEarly[$0] }.flatMap { instructions[$0].reads }
    while let value = open.popLast() {
      let producer = producers[value]
      guard producer >= 0, !isEarly[producer] else { continue }
      isEarly[producer] = true
      open += instructions[producer].reads
    }
    // What is chosen has to be known before, if checks and what they depend on are to be left out for it.
    let needs = needs()
    let waits = instructions.indices.filter { isEarly[$0] }.map { needs.ofInstructions[$0] }
    let chosen = (waits + checks.flatMap(\.inputs).compactMap { needs.ofValues[$0] }).reduce(into: Set()) {
      $0.formUnion($1)
    }
    for choice in chosen {
      for producer in cheapProducers(of: choice.condition, producers) ?? [] { isEarly[producer] = true }
    }
    let early = instructions.indices.filter { isEarly[$0] }.map { instructions[$0] }
    let late = instructions.indices.filter { !isEarly[$0] }.map { instructions[$0] }
    instructions = early + checks + late
  }
}

extension Operation {
  /// The input that holds indices and the number they must stay below.
  func checkedIndices(_ inputs: [TensorType]) -> (input: Int, limit: Int)? {
    switch self {
    case let op as SoftmaxCrossEntropy where op.isSparse: (1, inputs[0].shape.dims.last ?? 0)
    case let op as SoftmaxCrossEntropyGradient where op.isSparse: (2, inputs[1].shape.dims.last ?? 0)
    case let op as Take: (1, inputs[0].shape[op.axis < 0 ? op.axis + inputs[0].shape.rank : op.axis])
    case let op as TakeGradient: (1, inputs[2].shape[op.axis < 0 ? op.axis + inputs[2].shape.rank : op.axis])
    case let op as TakeAlong: (1, inputs[0].shape[op.axis < 0 ? op.axis + inputs[0].shape.rank : op.axis])
    case let op as TakeAlongGradient: (1, inputs[2].shape[op.axis < 0 ? op.axis + inputs[2].shape.rank : op.axis])
    case is Scatter, is ScatterSetGradient: (1, inputs[0].shape[0])
    default: nil
    }
  }
}

extension Requirement: Lowerable {
  var canFail: Bool { true }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, message) = (c.x, c.y, message)
    return { memory in
      let (condition, result): (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) = (memory.read(x), memory.write(y))
      for index in 0..<x.count where condition[index] == 0 { throw Failure.value(message) }
      result.update(from: condition, count: x.count)
    }
  }
}

/// Fails when an index is not in 0..<limit.
struct IndexCheck: Lowerable {
  let limit: Int
  let user: String
  /// Whether indices are used that are computed again from the same values.
  var isOfOriginal = false
  var name: String { "index_check" }
  var canFail: Bool { true }

  init(limit: Int, of user: String) {
    self.limit = limit
    self.user = user
  }

  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, limit, user) = (c.x, limit, user)
    func check<I: FixedWidthInteger>(_ memory: Memory, _ type: I.Type) throws {
      let indices = memory.read(x, as: I.self)
      for position in 0..<x.count where indices[position] < 0 || indices[position] >= limit {
        let what = user.hasPrefix("take") || user.hasPrefix("scatter") ? "index" : "label"
        throw Failure.value(
          "\(user): \(what) \(indices[position]) at position \(position) is out of range, expected 0..\(limit - 1)")
      }
    }
    return x.type.dtype == .int32 ? { try check($0, Int32.self) } : { try check($0, Int64.self) }
  }
}
