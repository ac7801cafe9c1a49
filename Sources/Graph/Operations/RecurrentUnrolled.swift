import Tensor

/// A recurrent layer in elementary operations, step by step: what is differentiated where the gradient of whole sequences
/// is itself differentiated. The number of steps has to be known.
struct UnrolledRecurrence {
  private let operation: Recurrent
  private let g: GradientBuilder
  /// Inputs but the projections and the mask by their positions: copies, so that the gradient of each is partial.
  let leaves: [Int: Value]
  /// x·W + b of each step, in the order of the inputs.
  let projected: [Value]
  /// In the order of the steps.
  private(set) var states: [Value] = []
  private(set) var cells: [Value] = []
  /// In the order of the inputs: the state that each step began with, nil for zeros; of a GRU the product that its reset
  /// gate multiplies, or where it multiplies the state, that.
  private(set) var previous: [Value?]
  private(set) var products: [Value?]
  private(set) var inner: [Value?]

  /// `inputs` are those of the forward operation.
  init(_ operation: Recurrent, _ inputs: [Value], _ g: GradientBuilder) throws {
    (self.operation, self.g) = (operation, g)
    let steps = g.type(inputs[0]).shape[1]
    guard steps != Shape.unknown else {
      throw Failure.value(
        "\(operation.name): gradients of gradients need a known number of time steps, but x has shape"
          + " \(g.type(inputs[0]).shape)")
    }
    var leaves: [Int: Value] = [:]
    for index in 1..<inputs.count where index != operation.maskIndex {
      leaves[index] = try g.add(Identity(stopsGradient: false), inputs[index])
    }
    self.leaves = leaves
    projected = try Self.split(inputs[0], g)
    (previous, products, inner) = (
      Array(repeating: nil, count: steps), Array(repeating: nil, count: steps), Array(repeating: nil, count: steps)
    )
    let counts = try operation.maskIndex.map { index in
      try (0..<steps).map {
        try g.add(Slice(begin: [0, $0], end: [Shape.maximumCount, $0 + 1], strides: [1, 1]), inputs[index])
      }
    }
    var state = operation.stateIndex.flatMap { leaves[$0] }
    var cell = operation.cellIndex.flatMap { leaves[$0] }
    for step in 0..<steps {
      let time = operation.isReversed ? steps - 1 - step : step
      previous[time] = state
      func kept(_ new: Value, _ old: Value?) throws -> Value {
        guard let counts else { return new }
        return try g.add(Where(), counts[time], new, old ?? g.scalar(0, like: new))
      }
      switch operation.kind {
      case .simple:
        let sum = try state.map { try g.plus(projected[time], times($0, leaves[1]!)) } ?? projected[time]
        state = try kept(activated(sum, operation.activation), state)
      case .lstm:
        let (newState, newCell) = try lstm(projected[time], state, cell)
        (state, cell) = (try kept(newState, state), try kept(newCell, cell))
        cells.append(cell!)
      case .gru(let resetsAfter):
        state = try kept(resetsAfter ? resetAfter(time, state) : resetBefore(time, state), state)
      }
      states.append(state!)
    }
  }

  private func lstm(_ x: Value, _ state: Value?, _ cell: Value?) throws -> (state: Value, cell: Value) {
    let sum = try state.map { try g.plus(x, times($0, leaves[1]!)) } ?? x
    let (input, forget, output) = (try gate(sum, 0), try gate(sum, 1), try gate(sum, 3))
    let fresh = try g.multiply(input, activated(block(sum, 2..<3), operation.activation))
    let cell = try cell.map { try g.plus(g.multiply(forget, $0), fresh) } ?? fresh
    return (try g.multiply(output, activated(cell, operation.activation)), cell)
  }

  private mutating func resetAfter(_ time: Int, _ state: Value?) throws -> Value {
    let x = projected[time]
    var product = try state.map { try times($0, leaves[1]!) } ?? g.zeros(like: x)
    if let index = operation.biasIndex { product = try g.plus(product, leaves[index]!) }
    products[time] = product
    let gates = try g.plus(block(x, 0..<2), block(product, 0..<2))
    let reset = try g.multiply(gate(gates, 1), block(product, 2..<3))
    return try mixed(gate(gates, 0), state, g.plus(block(x, 2..<3), reset))
  }

  private mutating func resetBefore(_ time: Int, _ state: Value?) throws -> Value {
    let x = projected[time]
    guard let state else { return try mixed(gate(x, 0), nil, block(x, 2..<3)) }
    let gates = try g.plus(block(x, 0..<2), times(state, block(leaves[1]!, 0..<2)))
    let reset = try g.multiply(gate(gates, 1), state)
    inner[time] = reset
    return try mixed(gate(gates, 0), state, g.plus(block(x, 2..<3), times(reset, block(leaves[1]!, 2..<3))))
  }

  /// z·h + (1 - z)·φ(sum).
  private func mixed(_ update: Value, _ state: Value?, _ sum: Value) throws -> Value {
    let candidate = try activated(sum, operation.activation)
    let fresh = try g.multiply(g.minus(g.scalar(1, like: update), update), candidate)
    return try state.map { try g.plus(g.multiply(update, $0), fresh) } ?? fresh
  }

  private func times(_ a: Value, _ b: Value) throws -> Value {
    try g.add(MatrixMultiply(transposeA: false, transposeB: false), a, b)
  }

  private func gate(_ sum: Value, _ index: Int) throws -> Value {
    try activated(block(sum, index..<index + 1), operation.gateActivation)
  }

  /// Blocks of units of a matrix.
  private func block(_ matrix: Value, _ range: Range<Int>) throws -> Value {
    let units = g.type(leaves[1]!).shape[1] / operation.blocks
    return try g.add(
      Slice(
        begin: [0, range.lowerBound * units], end: [Shape.maximumCount, range.upperBound * units], strides: [1, 1]),
      matrix)
  }

  private func activated(_ x: Value, _ activation: Recurrent.Activation) throws -> Value {
    switch activation {
    case .linear: return x
    case .tanh: return try g.unary(.tanh, x)
    case .sigmoid: return try g.unary(.sigmoid, x)
    case .relu: return try g.unary(.relu, x)
    case .hardSigmoid:
      return try g.add(Clip(minimum: 0, maximum: 1), g.plus(g.divide(x, g.scalar(6, like: x)), g.scalar(0.5, like: x)))
    }
  }

  // MARK: Steps and whole sequences

  /// The steps (N, …) of sequences (N, T, …).
  static func split(_ sequences: Value, _ g: GradientBuilder) throws -> [Value] {
    let steps = g.type(sequences).shape[1]
    return try (0..<steps).map { step in
      let slice = Slice(
        begin: [0, step, 0], end: [Shape.maximumCount, step + 1, Shape.maximumCount], strides: [1, 1, 1])
      return try g.add(Reshape(.squeeze([1])), g.add(slice, sequences))
    }
  }

  /// Sequences from their steps, zeros where one is nil; nil where all are.
  static func join(_ steps: [Value?], _ g: GradientBuilder) throws -> Value? {
    guard let some = steps.compactMap({ $0 }).first else { return nil }
    let rows = try steps.map { try g.add(Reshape(.expandDims(1)), $0 ?? g.zeros(like: some)) }
    return try g.graph.add(Concatenate(axis: 1), rows)[0]
  }
}

/// What is to be differentiated, each with the gradient that reaches it.
struct SeededTargets {
  private(set) var targets: [Value] = []
  private(set) var seeds: [Value] = []

  mutating func append(_ target: Value?, _ seed: Value?) {
    guard let target, let seed else { return }
    targets.append(target)
    seeds.append(seed)
  }

  mutating func append(_ steps: [Value?], _ seed: [Value]) {
    for (target, seed) in zip(steps, seed) { append(target, seed) }
  }

  func gradients(_ g: GradientBuilder, for sources: [Value]) throws -> [Value?] {
    try g.graph.gradients(of: targets, seeds: seeds, for: sources)
  }
}

extension UnrolledRecurrence {
  /// Gradients of the forward operation's inputs, as far as they are needed, and of others.
  func gradients(_ pairs: SeededTargets, needed: [Bool], others: [Value] = []) throws -> (
    inputs: [Value?], others: [Value?]
  ) {
    let indices = leaves.keys.filter { needed[$0] }.sorted()
    let steps = needed[0] ? projected : []
    let all = try pairs.gradients(g, for: others + indices.map { leaves[$0]! } + steps)
    let found = all[others.count...]
    var result = [Value?](repeating: nil, count: needed.count)
    for (index, gradient) in zip(indices, found) { result[index] = gradient }
    result[0] = try Self.join(Array(found.dropFirst(indices.count)), g)
    return (result, Array(all[..<others.count]))
  }
}

extension Recurrent {
  /// The gradient through the unrolled steps, of results and of a GRU's inner products.
  func unrolledGradient(_ g: GradientBuilder) throws -> [Value?] {
    let unrolled = try UnrolledRecurrence(self, g.inputs, g)
    var pairs = SeededTargets()
    if let seed = g.outputGradients[0] { pairs.append(unrolled.states, try UnrolledRecurrence.split(seed, g)) }
    pairs.append(unrolled.states.last, g.outputGradients[1])
    if let seed = g.outputGradients[3] { pairs.append(unrolled.inner, try UnrolledRecurrence.split(seed, g)) }
    return try unrolled.gradients(pairs, needed: g.needed).inputs
  }
}

extension RecurrentGradient {
  /// The first gradient, of the unrolled steps, is differentiated: with respect to the gradients that it began with and
  /// to the inputs of the forward operation. What was kept is a function of those.
  func unrolledGradient(_ g: GradientBuilder) throws -> [Value?] {
    let unrolled = try UnrolledRecurrence(forward, Array(g.inputs[inputsIndex...]), g)
    var first = SeededTargets()
    let dStates = try gradientIndex(0).map { try UnrolledRecurrence.split(g.inputs[$0], g) } ?? []
    first.append(unrolled.states, dStates)
    let dLast = try [1, 2].map { index in
      try gradientIndex(index).map { try g.add(Identity(stopsGradient: false), g.inputs[$0]) }
    }
    first.append(unrolled.states.last, dLast[0])
    first.append(unrolled.cells.last, dLast[1])

    let start = [forward.stateIndex, forward.cellIndex].map { $0.flatMap { unrolled.leaves[$0] } }
    let sources: [[Value?]] = [unrolled.projected, unrolled.products, start]
    var gradients = try first.gradients(g, for: sources.joined().compactMap { $0 })[...]
    // In the places of their sources.
    let placed = sources.map { $0.map { source in source == nil ? nil : gradients.removeFirst() } }

    var second = SeededTargets()
    func append(_ steps: [Value?], _ output: Int) throws {
      guard let seed = g.outputGradients[output] else { return }
      second.append(steps, try UnrolledRecurrence.split(seed, g))
    }
    try append(placed[0], 0)
    try append(unrolled.previous, 1)
    second.append(placed[2][0], g.outputGradients[2])
    if forward.kind == .lstm { second.append(placed[2][1], g.outputGradients[3]) }
    if let index = productOutput { try append(placed[1], index) }

    let last = dLast.compactMap { $0 }
    let (toInputs, others) = try unrolled.gradients(
      second, needed: Array(g.needed[inputsIndex...]), others: dStates + last)
    let toStates = try UnrolledRecurrence.join(Array(others[..<dStates.count]), g)
    let toGradients = (gradientIndex(0) == nil ? [] : [toStates]) + others[dStates.count...]
    let toKept = [Value?](repeating: nil, count: inputsIndex - presentCount)
    return toGradients + toKept + toInputs
  }
}
