import Graph
import Tensor

extension Draft {
  /// The live part of a graph: what outputs, assignments and requirements depend on, in the graph's order.
  init(_ graph: Graph, outputs: [Value], inputTypes: [TensorType]) throws {
    let types = try graph.specialize(inputTypes)
    var isLive = [Bool](repeating: false, count: types.count)
    for value in outputs { isLive[value.index] = true }
    for assignment in graph.assignments { isLive[assignment.value.index] = true }
    var live: [Instruction] = []
    var positions: [Int] = []
    for (position, node) in graph.nodes.enumerated().reversed()
    where node.operation is Requirement || node.outputs.contains(where: { isLive[$0.index] }) {
      guard let operation = node.operation as? any Lowerable else {
        throw Failure.runtime("\(node.operation.name): has no lowering")
      }
      let skipped = operation.shapeOnlyInputs
      for (index, value) in node.inputs.enumerated() where !skipped.contains(index) {
        isLive[value.index] = true
      }
      positions.append(position)
      live.append(
        Instruction(
          operation: operation, inputs: node.inputs.map(\.index), outputs: node.outputs.map(\.index)))
    }
    let sources = graph.sources.enumerated().compactMap { value, source -> (value: Int, place: Place)? in
      switch source {
      case .input(let index): (value, .input(index))
      case .constant(let index): (value, .constant(index))
      case .variable(let index): (value, .variable(index))
      case .output: nil
      }
    }
    self.init(
      sources: sources, types: types, instructions: live.reversed(), outputs: outputs.map(\.index),
      assignments: graph.assignments.map { ($0.variable, $0.value.index) })
    keepOriginals(of: graph, positions.reversed())
    for (variable, value) in assignments {
      let (wanted, type) = (graph.variables[variable].type, types[value])
      guard type == wanted else {
        throw Failure.value(
          "assign: variable \(graph.variables[variable].name) is \(wanted), its new value is \(type)")
      }
    }
  }
}
