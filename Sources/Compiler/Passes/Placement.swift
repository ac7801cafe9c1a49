import Graph
import Tensor

/// Where a value lives.
enum Place: Equatable {
  /// In the plan's arena at an offset.
  case arena(Int)
  /// Memory of the caller, given with each run.
  case input(Int)
  case output(Int)
  case variable(Int)
  case constant(Int)
}

/// Copies its input: for outputs and assignments that are views of inputs, constants or variables.
struct Materialize: Lowerable {
  var name: String { "copy" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { inputs }
}

/// Decides which values share memory and where everything lies.
struct Placement {
  private(set) var places: [Place?]
  private(set) var arenaBytes = 0
  /// Assignments that were not made in place and are copied at the end of a run.
  private(set) var copies: [(variable: Int, value: Int)] = []
  /// Scratch of each instruction, as a value.
  private(set) var temporaries: [Int?]
  /// The value whose memory each value uses.
  private var roots: [Int]

  func root(of value: Int) -> Int { roots[value] }

  init(_ draft: inout Draft, staged: [Bool]) {
    roots = Array(draft.types.indices)
    places = []
    temporaries = []
    draft.materializeResults()
    roots = draft.viewRoots()
    places = [Place?](repeating: nil, count: draft.types.count)
    fixPlaces(draft, staged)
    placeVariablesInPlace(draft)
    placeOutputs(draft)
    addTemporaries(&draft)
    planArena(draft)
    for value in draft.types.indices where places[value] == nil { places[value] = places[roots[value]] }
  }

  private mutating func fixPlaces(_ draft: Draft, _ staged: [Bool]) {
    for (value, place) in draft.sources {
      if case .input(let index) = place, staged[index] { continue }
      places[value] = place
    }
  }

  /// A new value of a variable is computed straight into it when nobody reads the old one afterwards and no check can
  /// fail any more.
  private mutating func placeVariablesInPlace(_ draft: Draft) {
    let producers = draft.producers()
    let lastCheck = draft.instructions.lastIndex { $0.operation.canFail } ?? -1
    let outputRoots = Set(draft.outputs.map { roots[$0] })
    var taken = Set<Int>()
    for (variable, value) in draft.assignments {
      let root = roots[value]
      let maker = producers[root]
      guard maker > lastCheck, !outputRoots.contains(root), !taken.contains(root), places[root] == nil else {
        copies.append((variable, value))
        continue
      }
      let instruction = draft.instructions[maker]
      let allowed = draft.inPlaceInputs(instruction, output: root, roots)
      var isSafe = true
      for (index, other) in draft.instructions.enumerated() where isSafe && index >= maker {
        for (position, input) in other.inputs.enumerated() where places[roots[input]] == .variable(variable) {
          if other.operation.shapeOnlyInputs.contains(position) { continue }
          if index > maker || !allowed.contains(position) { isSafe = false }
        }
      }
      // Values of other variables that are still to be copied must not be overwritten either.
      for (_, waiting) in draft.assignments where waiting != value && places[roots[waiting]] == .variable(variable) {
        isSafe = false
      }
      guard isSafe else {
        copies.append((variable, value))
        continue
      }
      taken.insert(root)
      places[root] = .variable(variable)
    }
  }

  private mutating func placeOutputs(_ draft: Draft) {
    for (index, value) in draft.outputs.enumerated() where places[roots[value]] == nil {
      places[roots[value]] = .output(index)
    }
  }

  private mutating func addTemporaries(_ draft: inout Draft) {
    for instruction in draft.instructions {
      let bytes = instruction.operation.temporaryBytes(
        draft.types(instruction.inputs), draft.types(instruction.outputs))
      if bytes > 0 {
        temporaries.append(draft.newValue(TensorType(.uint8, [bytes])))
        places.append(nil)
        roots.append(draft.types.count - 1)
      } else {
        temporaries.append(nil)
      }
    }
  }

  private mutating func planArena(_ draft: Draft) {
    var first = [Int](repeating: Int.max, count: draft.types.count)
    var last = [Int](repeating: -1, count: draft.types.count)
    func touch(_ value: Int, _ time: Int) {
      first[value] = min(first[value], time)
      last[value] = max(last[value], time)
    }
    for (value, _) in draft.sources where places[value] == nil { touch(value, 0) }
    for (index, instruction) in draft.instructions.enumerated() {
      for value in instruction.reads + instruction.outputs { touch(roots[value], index + 1) }
      if let temporary = temporaries[index] { touch(temporary, index + 1) }
    }
    for (_, value) in copies { touch(roots[value], draft.instructions.count + 1) }

    // Outputs take over the memory of inputs that die with their instruction.
    var owner = Array(draft.types.indices)
    for (index, instruction) in draft.instructions.enumerated() {
      for (position, output) in instruction.outputs.enumerated() where places[output] == nil && roots[output] == output
      {
        for input in draft.inPlaceInputs(instruction, output: output, roots).sorted() {
          let old = owner[roots[instruction.inputs[input]]]
          guard places[roots[instruction.inputs[input]]] == nil, last[old] == index + 1, old != owner[output],
            (draft.types[old].byteCount + 63) / 64 >= (draft.types[output].byteCount + 63) / 64
          else { continue }
          // Another output of the same instruction may already have taken it.
          guard !instruction.outputs.enumerated().contains(where: { $0.offset != position && owner[$0.element] == old })
          else { continue }
          owner[output] = old
          last[old] = max(last[old], last[output])
          break
        }
      }
    }
    let blocks = draft.types.indices
      .filter { owner[$0] == $0 && roots[$0] == $0 && places[$0] == nil && first[$0] != Int.max }
      .map { MemoryBlock(id: $0, bytes: draft.types[$0].byteCount, first: first[$0], last: last[$0]) }
    let (offsets, total) = assignOffsets(blocks)
    arenaBytes = total
    for value in draft.types.indices where places[value] == nil && roots[value] == value {
      if let offset = offsets[owner[value]] { places[value] = .arena(offset) }
    }
  }
}

extension Draft {
  /// Inputs of an instruction that may share memory with one of its outputs. An input whose memory is read at another
  /// position too is allowed only when every such position is.
  fileprivate func inPlaceInputs(_ instruction: Instruction, output: Int, _ roots: [Int]) -> Set<Int> {
    let pairs = instruction.operation.inPlacePairs(types(instruction.inputs), types(instruction.outputs))
    let allowed = Set(pairs.filter { instruction.outputs[$0.output] == output }.map(\.input))
    return allowed.filter { position in
      instruction.inputs.enumerated().allSatisfy {
        roots[$0.element] != roots[instruction.inputs[position]] || allowed.contains($0.offset)
          || instruction.operation.shapeOnlyInputs.contains($0.offset)
      }
    }
  }

  /// Gives every output and every assigned value that is only a view of an input, a constant or a variable, or that is
  /// asked for twice, memory of its own.
  fileprivate mutating func materializeResults() {
    let roots = viewRoots()
    let producers = producers()
    var early: [Instruction] = []
    var late: [Instruction] = []
    var seen = Set<Int>()
    func copy(_ value: Int, _ draft: inout Draft) -> Int {
      let result = draft.newValue(draft.types[value])
      let isSource = producers[roots[value]] < 0
      let instruction = Instruction(
        operation: Materialize(), inputs: [isSource ? roots[value] : value], outputs: [result])
      if isSource { early.append(instruction) } else { late.append(instruction) }
      return result
    }
    for index in outputs.indices {
      let value = outputs[index]
      if producers[roots[value]] < 0 || !seen.insert(roots[value]).inserted { outputs[index] = copy(value, &self) }
    }
    for index in assignments.indices where producers[roots[assignments[index].value]] < 0 {
      assignments[index].value = copy(assignments[index].value, &self)
    }
    instructions = early + instructions + late
  }

  /// For each value the one whose memory it is a view of.
  fileprivate func viewRoots() -> [Int] {
    var roots = Array(types.indices)
    for instruction in instructions
    where instruction.operation.isView(types(instruction.inputs), types(instruction.outputs)) {
      roots[instruction.outputs[0]] = roots[instruction.inputs[0]]
    }
    return roots
  }
}
