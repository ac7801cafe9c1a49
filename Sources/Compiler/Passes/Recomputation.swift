import Graph
import Tensor

extension Draft {
  /// Reads the originals instead of recomputed values that would be kept or cost nothing to keep, so that only what
  /// saves memory is computed again.
  ///
  /// - Parameter positions: the place of each instruction in the graph.
  mutating func keepOriginals(of graph: Graph, _ positions: [Int]) {
    if graph.recomputations.isEmpty { return }
    let producers = producers()
    var readers = [[Int]](repeating: [], count: types.count)
    for (index, instruction) in instructions.enumerated() {
      for value in Set(instruction.reads) { readers[value].append(index) }
    }
    let results = Set(outputs + assignments.map(\.value))
    var isGone = [Bool](repeating: false, count: instructions.count)
    func isRead(_ value: Int) -> Bool { results.contains(value) || readers[value].contains { !isGone[$0] } }

    /// Takes the instruction away if nobody needs it, and then those that only it needed.
    func sweep(_ index: Int) {
      var open = [index]
      while let index = open.popLast() {
        guard !isGone[index], !(instructions[index].operation is Requirement),
          !instructions[index].outputs.contains(where: isRead)
        else { continue }
        isGone[index] = true
        open += instructions[index].reads.map { producers[$0] }.filter { $0 >= 0 }
      }
    }

    for recomputation in graph.recomputations {
      // Whether the original is there without being kept for this: somebody reads it in the backward pass, or it is
      // small, as statistics are.
      func stays(_ original: Int) -> Bool {
        guard producers[original] >= 0, !isGone[producers[original]] else { return false }
        if results.contains(original) { return true }
        if readers[original].contains(where: { !isGone[$0] && positions[$0] >= recomputation.since }) { return true }
        let read = instructions[producers[original]].reads.map { types[$0].byteCount }.max() ?? 0
        return types[original].byteCount * 16 <= read
      }
      // All outputs of an instruction or none: what is left of it would cost as much.
      for index in instructions.indices.reversed()
      where recomputation.nodes.contains(positions[index]) && !isGone[index] {
        let copies = instructions[index].outputs.filter(isRead)
        guard !copies.contains(where: results.contains),
          copies.allSatisfy({ stays(recomputation.originals[$0] ?? $0) })
        else { continue }
        for copy in copies {
          guard let original = recomputation.originals[copy] else { continue }
          for reader in readers[copy] {
            instructions[reader].inputs = instructions[reader].inputs.map { $0 == copy ? original : $0 }
          }
          readers[original] += readers[copy]
          readers[copy] = []
        }
        sweep(index)
      }
    }
    instructions = instructions.indices.filter { !isGone[$0] }.map { instructions[$0] }
  }

  /// The value that a recomputed one equals and that is computed anyway, for what only asks about its content.
  func original(of value: Int, _ originals: [Int: Int], _ producers: [Int]) -> Int {
    var found = value
    var next = value
    while let original = originals[next] {
      if producers[original] >= 0 { found = original }
      next = original
    }
    return found
  }
}
